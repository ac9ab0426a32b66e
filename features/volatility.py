"""Exponentially weighted volatility of the mid, in basis points per square root of a second.

The variance of RiskMetrics (J.P. Morgan, Technical Document, 1996) with weights that decay by time: the exponential
kernel of unit mass over irregular ticks (Zumbach, Mueller, Operators on inhomogeneous time series, International
Journal of Theoretical and Applied Finance 4, 2001). Per touch, with simple returns of the mid M, half-life H and
``rate`` = ln 2 / H::

    V = V * keep + (M_n / M_n-1 - 1)**2 * rate                  value = 10,000 * sqrt(V)

V starts at 0, so during the first few half-lives the value is too low by sqrt(1 - keep since the start), never wild.

>>> memory = np.zeros(2)
>>> volatility(memory, 0, 1.0, 0.25, 1.0, 1.0004), volatility(memory, 0, 0.25, 0.25, 1.0004, 1.0004)
(1.9999999999997797, 0.9999999999998899)
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from features.arithmetic import fade
from features.family import Family
from features.kernel import kernel
from features.spread import BASIS_POINTS

VOLATILITY = Family(
    number=5, name="volatility", version=1, unit="basis points per square root of a second", decays=True
)


@kernel
def volatility(
    memory: npt.NDArray[np.float64], at: int, keep: float, rate: float, last_mid: float, mid: float
) -> float:
    """Decay, add the move from ``last_mid`` to ``mid`` (both positive), and give the volatility.

    Args:
        memory: At ``at``: variance per second of simple returns.
        at: Where this feature's memory begins.
        keep: What time has left of the past, 0 to 1.
        rate: ln 2 over the half-life, 1/s.
        last_mid: Mid before this row, quote currency.
        mid: Mid after this row, quote currency.
    """
    variance = fade(memory[at], keep)
    if mid != last_mid:
        move = mid / last_mid - 1.0
        variance += move * move * rate
    memory[at] = variance
    return math.sqrt(variance) * BASIS_POINTS
