"""Time-decayed return: the mid against its exponentially time-decayed average, in basis points.

The average is the EMA of Zumbach, Mueller, Operators on inhomogeneous time series (2001), with previous-point
interpolation: between two rows the mid is what it was after the former, so a mid weighs by how long it stood::

    A = A * keep + (1 - keep) * M_n-1          value = 10,000 * (M_n - A) / A,   A = M at the first touch

>>> memory = np.zeros(2)
>>> decayed_return(memory, 0, 1.0, 100.0, 100.0), decayed_return(memory, 0, 0.5, 100.0, 101.0)
(0.0, 100.0)
>>> decayed_return(memory, 0, 0.5, 101.0, 100.5), float(memory[0])
(0.0, 100.5)
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from features.family import Family
from features.kernel import kernel
from features.spread import BASIS_POINTS

DECAYED_RETURN = Family(number=7, name="decayed_return", version=1, unit="basis points", decays=True)


@kernel
def decayed_return(memory: npt.NDArray[np.float64], at: int, keep: float, last_mid: float, mid: float) -> float:
    """Let the average follow the mid that stood, and give the new mid against it.

    Args:
        memory: At ``at``: the average, quote currency; 0 before the first touch.
        at: Where this feature's memory begins.
        keep: What time has left of the past, 0 to 1.
        last_mid: Mid before this row, positive, quote currency.
        mid: Mid after this row, positive, quote currency.
    """
    if memory[at] == 0.0:
        memory[at] = mid
    else:
        memory[at] += (1.0 - keep) * (last_mid - memory[at])
        if memory[at] <= 0.0:  # mids 1e18 apart: what is left of the difference is rounding
            memory[at] = last_mid
    return (mid - memory[at]) / memory[at] * BASIS_POINTS  # type: ignore[no-any-return]
