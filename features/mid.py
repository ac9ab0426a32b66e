"""Mid: the centre of the touch, ``(bid + ask) / 2``, in the quote currency.

Source: Cartea, Jaimungal, Penalva, Algorithmic and High-Frequency Trading (2015), section 4.2. Prices are int64 in
1e-9, exact in float64 up to 9 million; above that the mid is within one unit in its last place.

>>> mid(60_000_000_000_000, 60_000_500_000_000)
60000.25
"""

from __future__ import annotations

from features.family import Family
from features.kernel import kernel

MID = Family(number=0, name="mid", version=1, unit="quote currency", decays=False)

PRICE_SCALE = 1_000_000_000
"""Prices are int64 in 1e-9."""


@kernel
def mid(bid: int, ask: int) -> float:
    """Mid of a touch whose prices are int64 in 1e-9; in the quote currency."""
    return (float(bid) + float(ask)) / (2.0 * PRICE_SCALE)
