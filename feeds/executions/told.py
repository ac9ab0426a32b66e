"""What any report says, in one form, and the numbers and times of venues' messages as exact values."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Literal

from schemas.errors import BadExecution
from schemas.execution_report import ID_CHARS_MAX, ReportStatus

NANOS_PER_MS = 1_000_000
NANOS_PER_US = 1_000
NOTHING = Decimal(0)
WHOLE_MAX = Decimal(10) ** 9
"""No quantity and no price is as large."""
PLACES_MAX = 40
"""Digits behind the point."""
TIME_MAX = 2**63 - 1
"""An execution's time is int64, ns."""
MADE_CHARS_MAX = 500
"""Of an id that is made of several fields: an execution's has at most 512, its number among those of a report too."""

Status = ReportStatus | Literal["fill"]
"""``fill``: whether it is the last one follows from the order's quantity."""


@dataclass(frozen=True, slots=True)
class Told:
    """One report. Quantities and prices are decimals as the venue counts them.

    Attributes:
        execution_id: Unique per gateway; a repeat has the same.
        status: What became of the order.
        ts: The venue's time of it, ns.
        client_order_id: Ours; empty where the venue names its own alone.
        venue_order_id: The venue's; empty where it is not named.
        last: Filled by this report; None where only ``cumulative`` tells.
        price: Of this fill.
        cumulative: Filled so far; None where it is not told.
        average: Price over all that filled, where the price of this fill is not told.
        reason: Why, for people.
        author: Person who says so in the gateway's stead.
        forced: What the venue did without an order of ours, e.g. ``liquidation``; else empty.
    """

    execution_id: str
    status: Status
    ts: int
    client_order_id: str = ""
    venue_order_id: str = ""
    last: Decimal | None = NOTHING
    price: Decimal = NOTHING
    cumulative: Decimal | None = None
    average: Decimal = NOTHING
    reason: str = ""
    author: str = ""
    forced: str = ""

    def __post_init__(self) -> None:
        """What no execution can carry is refused here, before anything is made of it.

        Raises:
            BadExecution: A time outside int64, or an id that is too long.
        """
        if not 0 <= self.ts <= TIME_MAX:
            raise wrong("time", self.ts, f"0 to {TIME_MAX} ns since 1970")
        if not 0 < len(self.execution_id) <= MADE_CHARS_MAX:
            raise wrong("execution id", f"{len(self.execution_id)} characters", f"1 to {MADE_CHARS_MAX}")

    @property
    def content(self) -> str:
        """What a report with a used id must repeat. Not its time: a venue that is asked twice says it at another."""
        numbers = (self.last, self.price, self.cumulative, self.average)
        shown = ["" if n is None else format(n.normalize(), "f") for n in numbers]
        return "|".join((self.client_order_id, self.venue_order_id, self.status, *shown))


Item = Told | BadExecution
"""What is read of one item of a message: a report, or why it is none."""


def text(item: Mapping[str, Any], name: str, *, may_lack: bool = False) -> str:
    """A text, or a number as text.

    Raises:
        BadExecution: It is missing or something else.
    """
    found = item.get(name)
    if found in (None, "") and may_lack:
        return ""
    if isinstance(found, bool) or not isinstance(found, str | int) or not 0 < len(str(found)) <= ID_CHARS_MAX:
        raise wrong(name, found, f"text of 1 to {ID_CHARS_MAX} characters")
    return str(found)


def number(item: Mapping[str, Any], name: str) -> Decimal:
    """A decimal from 0 to below 1e9, in a string or as a number.

    Raises:
        BadExecution: It is missing or something else.
    """
    found = item.get(name)
    try:
        if isinstance(found, bool) or not isinstance(found, str | int | Decimal):
            raise InvalidOperation
        value = Decimal(found)
    except InvalidOperation:
        raise wrong(name, found, "a decimal") from None
    if not (value.is_finite() and NOTHING <= value < WHOLE_MAX):
        raise wrong(name, found, "0 to below 1e9")
    places = value.as_tuple().exponent
    if isinstance(places, int) and places < -PLACES_MAX:
        raise wrong(name, found, f"at most {PLACES_MAX} digits behind the point")
    return value


def millis(item: Mapping[str, Any], name: str) -> int:
    """Milliseconds since 1970 as ns.

    Raises:
        BadExecution: It is missing or something else.
    """
    try:
        return int(text(item, name)) * NANOS_PER_MS
    except ValueError:
        raise wrong(name, item.get(name), "milliseconds since 1970") from None


def iso(item: Mapping[str, Any], name: str) -> int:
    """An ISO 8601 time with its offset, to the microsecond, as ns.

    Raises:
        BadExecution: It is missing or something else.
    """
    try:
        moment = datetime.fromisoformat(text(item, name))
        since = moment - datetime(1970, 1, 1, tzinfo=UTC)
    except (ValueError, TypeError, OverflowError):
        raise wrong(name, item.get(name), "ISO 8601 with Z or an offset") from None
    return ((since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds) * NANOS_PER_US


def each(items: Iterable[Any], read: Callable[[Any], Told | None]) -> list[Item]:
    """What is read of each item: a report, or why it is none; nothing of one that ``read`` passes over (None).

    One that cannot be used takes no other with it: there may be fills among them.
    """
    found: list[Item] = []
    for item in items:
        try:
            told = read(item)
        except BadExecution as error:
            found.append(error)
        except (AttributeError, KeyError, TypeError, ArithmeticError) as error:  # a list where an object belongs
            found.append(BadExecution("a message of another shape", kind="not_a_report",
                                      got=f"{type(error).__name__}: {error}"))  # fmt: skip
        else:
            found += [told] if told is not None else []
    return found


def wrong(name: str, got: object, allowed: str) -> BadExecution:
    """A field that cannot be used."""
    return BadExecution(f"{name} cannot be used", kind="not_a_report", got=repr(got), allowed=allowed)
