"""The risk checks: pure functions of intent, limits and what risk knows. Integers only; a missing limit denies."""

from __future__ import annotations

import msgspec

from schemas.columns import PRICE_SCALE, PRICE_UNDEFINED
from schemas.decision import Check
from schemas.definition import Definition
from schemas.intent import Intent

from agents.limits import Limits  # isort: skip

PPM = 1_000_000
INT64_MAX = 2**63 - 1
NO_LIMIT = -1
"""Shown as the limit of a check that has none configured; such a check never passes."""


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
    """How old the touch was when the intent was formed. One that is yet to come is nonsense: denied."""
    check = _at_most("touch_age", intent.ts - intent.touch.ts, limits.touch_age_max_ns, "ns")
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
    signed = intent.quantity if intent.side == "buy" else -intent.quantity
    after = held + open_same_side + signed
    check = _at_most("position", abs(after), limits.position_max, "size")
    reduces = abs(after) < abs(held) and after * held >= 0 and limits.position_max is not None
    return msgspec.structs.replace(check, passed=check.passed or reduces)


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
