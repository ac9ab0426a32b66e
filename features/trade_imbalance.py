"""Trade imbalance: signed aggressor volume over volume, between -1 and 1, decayed by time.

Source: Chordia, Roll, Subrahmanyam, Order imbalance, liquidity, and market returns, Journal of Financial Economics 65
(2002), here with weights that fade with one half-life (buys +, sells -, a trade without an aggressor 0)::

    B = B * keep + sign * size          V = V * keep + size          value = B / V,   0 before any trade

Both fade alike, so between trades the value stands still (to rounding), until after hundreds of half-lives nothing is
left to weigh and it is 0 again.

>>> memory = np.zeros(2)
>>> trade_imbalance(memory, 0, 1.0, 6.0, 6.0), trade_imbalance(memory, 0, 0.5, -1.0, 1.0)
(1.0, 0.5)
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from features.arithmetic import fade
from features.family import Family
from features.kernel import kernel

TRADE_IMBALANCE = Family(number=6, name="trade_imbalance", version=1, unit="1, from -1 to 1", decays=True)


@kernel
def trade_imbalance(memory: npt.NDArray[np.float64], at: int, keep: float, signed: float, size: float) -> float:
    """Decay, add a trade, and give the imbalance.

    Args:
        memory: At ``at``: decayed signed volume, decayed volume, size units.
        at: Where this feature's memory begins.
        keep: What time has left of the past, 0 to 1.
        signed: Size of the trade with its aggressor's sign; 0 for a row that is no trade.
        size: Size of the trade; 0 for a row that is no trade.
    """
    memory[at] = fade(memory[at], keep) + signed
    memory[at + 1] = fade(memory[at + 1], keep) + size
    if memory[at + 1] == 0.0:
        return 0.0
    return memory[at] / memory[at + 1]  # type: ignore[no-any-return]
