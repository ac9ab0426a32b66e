"""Increments as venues write them, in 1e-9."""

from __future__ import annotations

from decimal import Decimal

from schemas.columns import PRICE_SCALE


def increment(text: str | float) -> int:
    """A step of price or size in 1e-9.

    Raises:
        ValueError: Not above zero, or finer than 1e-9.

    >>> increment("0.00001000"), increment(0.5), increment(1)
    (10000, 500000000, 1000000000)
    """
    scaled = Decimal(str(text)) * PRICE_SCALE
    if scaled <= 0 or scaled != int(scaled):
        raise ValueError(f"not an increment: {text}")
    return int(scaled)
