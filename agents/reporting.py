"""What a report says is filled, in units of the order's instrument, checked against the order."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from agents.working_orders import Working
from feeds.executions.told import Told
from schemas.columns import PRICE_SCALE
from schemas.errors import BadExecution

FILLS = frozenset({"fill", "partially_filled", "filled"})


@dataclass(frozen=True, slots=True)
class Fill:
    """A fill.

    Attributes:
        quantity: Units of size_increment, above 0.
        price: In 1e-9.
        cumulative: Units filled so far, this fill included.
    """

    quantity: int
    price: int
    cumulative: int


def fill_of(found: Working, named: Working | None, told: Told, increment: int) -> Fill | None:
    """The fill that a report tells of; None where it tells of none.

    Args:
        found: The order.
        named: The order that it is to cancel or replace, where that one works still.
        told: The report.
        increment: The instrument's size_increment, 1e-9.

    Raises:
        BadExecution: No order of this kind can have it; nothing was changed.
    """
    _check_status(found, named, told)
    said = None if told.cumulative is None else _units(told.cumulative, increment, told)
    quantity = (said or 0) - found.filled if told.last is None else _units(told.last, increment, told)
    if told.status in FILLS and told.last is not None and quantity == 0:
        raise refused(told, "bad_fill", "a fill without a quantity", "above 0")
    cumulative = found.filled + quantity
    if quantity > found.left:
        allowed = f"{found.left} units more of {found.order.quantity}"
        raise refused(told, "beyond_quantity", f"a fill of {quantity} units", allowed)
    if quantity < 0 or (said is not None and said != cumulative):
        raise refused(
            told, "quantity_differs", f"{said} units filled so far, it says", f"{cumulative} by what was told"
        )
    whole = cumulative == found.order.quantity
    if told.status == "filled" and not whole:
        raise refused(
            told, "quantity_differs", f"filled, it says, at {cumulative} units", f"{found.order.quantity} units"
        )
    if quantity == 0:
        return None
    if told.last is not None and told.status not in FILLS:
        raise refused(told, "bad_fill", f"a quantity in a report of {told.status}", "0")
    price = _price(found, told, quantity, cumulative)
    if price <= 0:
        raise refused(told, "bad_fill", "a fill without a price", "above 0")
    return Fill(quantity, price, cumulative)


def refused(told: Told, kind: str, message: str, allowed: str) -> BadExecution:
    """Why a report cannot be used, with its own id and the order's."""
    named = told.client_order_id or f"venue's {told.venue_order_id}"
    return BadExecution(message, kind=kind, got=f"report {told.execution_id} on {named}", allowed=allowed)


def _check_status(found: Working, named: Working | None, told: Told) -> None:
    action, fills = found.order.action, told.status in FILLS
    if fills and action == "replace" and named is not None:
        raise refused(told, "wrong_status", "a fill before the replaced order has ended", "replaced comes first")
    if (told.status == "replaced" and action != "replace") or (fills and action == "cancel"):
        raise refused(told, "wrong_status", f"{told.status} on an order that is a {action}", "see its action")


def _units(quantity: Decimal, increment: int, told: Told) -> int:
    nanos = quantity * PRICE_SCALE
    units, rest = divmod(nanos, increment or PRICE_SCALE)
    if rest:
        grid = (Decimal(increment) / PRICE_SCALE).normalize()
        raise refused(told, "off_grid", f"a quantity of {quantity:f}", f"multiples of {grid:f}")
    return int(units)


def _price(found: Working, told: Told, quantity: int, cumulative: int) -> int:
    """In 1e-9; of a venue that tells the average over all fills, what this one must have cost."""
    if told.last is not None:
        return round(told.price * PRICE_SCALE)
    return round((told.average * PRICE_SCALE * cumulative - found.paid) / quantity)
