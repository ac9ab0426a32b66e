"""Spread: what a round trip through the touch costs, ``(ask - bid) / mid``, in basis points of the mid.

Relative, so that instruments compare. Source: Roll, A simple implicit measure of the effective bid-ask spread, Journal
of Finance 39 (1984), for the quoted spread as a cost.

>>> spread(99_950_000_000, 100_050_000_000)
10.0
"""

from __future__ import annotations

from features.family import Family
from features.kernel import kernel

SPREAD = Family(number=2, name="spread", version=1, unit="basis points of the mid", decays=False)

BASIS_POINTS = 10_000.0
"""Basis points in one."""


@kernel
def spread(bid: int, ask: int) -> float:
    """Quoted spread of a touch whose prices are int64 in 1e-9 and positive; in basis points of the mid."""
    return (float(ask) - float(bid)) / (float(ask) + float(bid)) * (2.0 * BASIS_POINTS)
