"""The risk checks: pure functions of intent, limits and what risk knows. Integers only; a missing limit denies.

Three checks are of states rather than limits. Each shows what was found (``value``) and how strict a finding this very
intent may still leave under (``limit``): nothing but cancels leaves when trading is halted, and while it is reducing
only what brings the position nearer to zero.
"""

from __future__ import annotations

import msgspec

from schemas.columns import PRICE_SCALE, PRICE_UNDEFINED
from schemas.decision import Check
from schemas.definition import Definition
from schemas.intent import Intent
from schemas.tick import FLAG_CROSSED, FLAG_DEPTH_UNSYNCED, FLAG_SUSPECT

from agents.limits import Limits  # isort: skip

PPM = 1_000_000
INT64_MAX = 2**63 - 1
NO_LIMIT = -1
"""Shown as the limit of a check that has none configured; such a check never passes."""
ACTIVE, REDUCING, HALTED = 0, 1, 2
"""Trading states as checks show them."""
BOOK_FLAGS = FLAG_DEPTH_UNSYNCED | FLAG_CROSSED


def trading_state(state: int, strictest: int) -> Check:
    """The state over the intent: ``ACTIVE``, ``REDUCING`` or ``HALTED``, and the strictest it may leave in."""
    return _at_most("trading_state", state, strictest, "state")


def clock_age(intent: Intent, clock: int | None, limit: int | None) -> Check:
    """How far an intent lies beyond the newest clock record. No clock was ever heard: as old as can be."""
    return _at_most("clock_age", INT64_MAX if clock is None else intent.ts - clock, limit, "ns")


def book(intent: Intent, reduces: bool) -> Check:
    """What is wrong with the book that the intent was formed on: bits of ``FLAG_DEPTH_UNSYNCED``, ``FLAG_CROSSED``.

    A touch whose bid is at or above its offer counts as crossed, flagged or not.
    """
    bid, ask = intent.touch.bid_price, intent.touch.ask_price
    crossed = PRICE_UNDEFINED not in (bid, ask) and 0 < ask <= bid
    wrong = (intent.flags & BOOK_FLAGS) | (FLAG_CROSSED if crossed else 0)
    return _at_most("book", wrong, BOOK_FLAGS if reduces else 0, "flags")


def names_an_order(intent: Intent) -> Check:
    """Whether a cancel says which order it takes back."""
    return _at_most("cancels", int(not intent.cancels), 0, "missing")


def price_collar(intent: Intent, limits: Limits) -> Check:
    """How far beyond the touch it saw an intent's limit price lies. Undefined or nonsensical touch: denied."""
    touch = intent.touch.ask_price if intent.side == "buy" else intent.touch.bid_price
    if touch <= 0 or touch == PRICE_UNDEFINED or intent.limit_price <= 0:
        return Check(
            name="price_collar", value=INT64_MAX, limit=_shown(limits.price_collar_ppm), unit="ppm", passed=False
        )
    beyond = intent.limit_price - touch if intent.side == "buy" else touch - intent.limit_price
    return _at_most("price_collar", -(-beyond * PPM // touch), limits.price_collar_ppm, "ppm")


def touch_age(intent: Intent, limits: Limits) -> Check:
    """How old the touch was when the intent was formed. One that is yet to come is nonsense: denied.

    A suspect touch, outside the band of its peers, is no reference: as old as can be.
    """
    age = INT64_MAX if intent.flags & FLAG_SUSPECT else intent.ts - intent.touch.ts
    check = _at_most("touch_age", age, limits.touch_age_max_ns, "ns")
    return msgspec.structs.replace(check, passed=check.passed and check.value >= 0)


def quantity(intent: Intent, limits: Limits) -> Check:
    """The order's quantity; zero or less is denied by any limit."""
    if intent.quantity <= 0:
        return Check(
            name="quantity", value=intent.quantity, limit=_shown(limits.quantity_max), unit="size", passed=False
        )
    return _at_most("quantity", intent.quantity, limits.quantity_max, "size")


def notional(intent: Intent, limits: Limits, definition: Definition) -> Check:
    """The order's worth in the quote currency, in 1e-9."""
    return _at_most(
        "notional", notional_of(intent.quantity, intent.limit_price, definition), limits.notional_max, "1e-9 quote"
    )


def position(intent: Intent, limits: Limits, held: int, open_same_side: int) -> Check:
    """Absolute position if this and every open approval on its side filled.

    What only brings it nearer to zero, without crossing it, passes whatever the limit is.
    """
    after = _after(intent, held, open_same_side)
    check = _at_most("position", abs(after), limits.position_max, "size")
    passed = check.passed or (limits.position_max is not None and reduces(intent, held, open_same_side))
    return msgspec.structs.replace(check, passed=passed)


def reduces(intent: Intent, held: int, open_same_side: int) -> bool:
    """Whether it brings the position nearer to zero without crossing it, every open approval on its side filled."""
    after = _after(intent, held, open_same_side)
    return abs(after) < abs(held) and after * held >= 0


def _after(intent: Intent, held: int, open_same_side: int) -> int:
    return held + open_same_side + (intent.quantity if intent.side == "buy" else -intent.quantity)


def message_rate(approved_in_second: int, limit: int | None) -> Check:
    """Approved orders in the second of log time that ends now, this one included."""
    return _at_most("message_rate", approved_in_second + 1, limit, "orders/s")


def duplicate_id(seen: bool) -> Check:
    """Whether this client_order_id was decided before."""
    return _at_most("duplicate_id", int(seen), 0, "times")


def late(intent: Intent, now: int) -> Check:
    """How far the newest known time lies beyond ``valid_until``."""
    return _at_most("late", now - intent.valid_until, 0, "ns")


def notional_of(units: int, price: int, definition: Definition) -> int:
    """Worth of ``units`` at ``price`` in 1e-9 of the quote currency (inverse: contracts times their fixed worth).

    Rounded up: what is over a limit by a hair is over it.
    """
    size = units * definition.size_increment * definition.multiplier
    return -(-size // PRICE_SCALE) if definition.inverse else -(-size * price // PRICE_SCALE**2)


def _at_most(name: str, value: int, limit: int | None, unit: str) -> Check:
    passed = limit is not None and value <= limit
    return Check(name=name, value=_clamped(value), limit=_shown(limit), unit=unit, passed=passed)


def _shown(limit: int | None) -> int:
    return NO_LIMIT if limit is None else _clamped(limit)


def _clamped(value: int) -> int:
    return max(-INT64_MAX, min(INT64_MAX, value))
