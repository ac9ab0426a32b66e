"""What a report says is filled, in units of the order's instrument, checked against the order."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from agents.working_orders import Working
from feeds.executions.told import Told
from schemas.columns import PRICE_SCALE
from schemas.definition import Definition
from schemas.errors import BadExecution

COST_SCALE = 10**30
"""Of what an inverse contract costs."""
PLAUSIBLE = 10
"""A fill's price lies within the average's tenth."""
PRICE_MAX = 2**63 - 1
"""An execution's price is int64, 1e-9."""
FILLS = frozenset({"fill", "partially_filled", "filled"})


@dataclass(frozen=True, slots=True)
class Fill:
    """A fill.

    Attributes:
        quantity: Units of size_increment, above 0.
        price: In 1e-9.
        cumulative: Units filled so far, this fill included.
        cost: What it adds to what the order's fills cost.
    """

    quantity: int
    price: int
    cumulative: int
    cost: int


def fill_of(found: Working, named: Working | None, told: Told, definition: Definition | None) -> Fill | None:
    """The fill that a report tells of; None where it tells of none.

    Args:
        found: The order.
        named: The order that it is to cancel or replace, where that one works still.
        told: The report.
        definition: The instrument's; None where it is not defined.

    Raises:
        BadExecution: No order of this kind can have it; nothing was changed.
    """
    _check_status(found, named, told)
    increment = definition.size_increment if definition is not None else PRICE_SCALE
    inverse = definition is not None and definition.inverse
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
    price = _price(found, told, quantity, cumulative, inverse=inverse)
    if not 0 < price <= PRICE_MAX:
        raise refused(told, "bad_fill", "a fill without a price", "above 0")
    return Fill(quantity, price, cumulative, cost_of(quantity, price, inverse=inverse))


def cost_of(quantity: int, price: int, *, inverse: bool) -> int:
    """Its units times its price in 1e-9. Of an inverse contract, worth 1 over its price, 1e30 units over it."""
    return quantity * COST_SCALE // price if inverse else quantity * price


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
    units, rest = divmod(nanos, increment)
    if rest:
        grid = (Decimal(increment) / PRICE_SCALE).normalize()
        raise refused(told, "off_grid", f"a quantity of {quantity:f}", f"multiples of {grid:f}")
    return int(units)


def _price(found: Working, told: Told, quantity: int, cumulative: int, *, inverse: bool) -> int:
    """In 1e-9; of a venue that tells the average over all fills, what this one must have cost.

    A venue rounds its average, so the difference of a small fill behind a large one may be anything: where it is not
    near the average, the average itself is told.
    """
    if told.last is not None:
        return round(told.price * PRICE_SCALE)
    exact = told.average * PRICE_SCALE
    average = round(exact)
    if not found.filled or average <= 0:
        return average
    cost = round(Decimal(cumulative) * COST_SCALE / exact if inverse else exact * cumulative) - found.paid
    if cost <= 0:
        return average
    price = round(Decimal(quantity) * COST_SCALE / cost if inverse else Decimal(cost) / quantity)
    return price if abs(price - average) * PLAUSIBLE <= average else average
