"""Order-flow imbalance: who pressed on the touch lately, in units of its average depth.

Source: Cont, Kukanov, Stoikov, The price impact of order book events, Journal of Financial Econometrics 12 (2014).
Their contribution of the n-th touch (equation 4; P prices, q sizes, B bid, A ask)::

    e_n =   1{PB_n >= PB_n-1} qB_n  -  1{PB_n <= PB_n-1} qB_n-1
          - 1{PA_n <= PA_n-1} qA_n  +  1{PA_n >= PA_n-1} qA_n-1

They sum e_n over an interval, and find that a price moves by OFI over average depth AD. Here both are decayed by time
with one half-life, instead of cut at an interval's ends (``keep`` is what is left after the step, by the clock)::

    OFI = OFI * keep + e_n              AD = AD * keep + (1 - keep) * (qB_n-1 + qA_n-1) / 2         value = OFI / AD

A trade that leaves the touch as it was contributes 0. Dividing by depth makes instruments with different sizes compare.

>>> contribution(100, 102, 5, 7, 100, 102, 5, 7), contribution(100, 102, 5, 7, 101, 102, 4, 3)
(0.0, 8.0)
>>> memory = np.zeros(2)
>>> order_flow(memory, 0, 1.0, 0.0, 6.0), order_flow(memory, 0, 0.5, 8.0, 6.0), memory.tolist()
(0.0, 1.3333333333333333, [8.0, 6.0])
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from features.arithmetic import fade
from features.family import Family
from features.kernel import kernel

ORDER_FLOW_IMBALANCE = Family(
    number=4, name="order_flow_imbalance", version=1, unit="average depth of the touch", decays=True
)


@kernel
def contribution(
    last_bid: int, last_ask: int, last_bid_size: int, last_ask_size: int,
    bid: int, ask: int, bid_size: int, ask_size: int,
) -> float:  # fmt: skip
    """e_n: what a touch adds to the order flow since the touch before it, in size units."""
    flow = 0.0
    if bid >= last_bid:
        flow += float(bid_size)
    if bid <= last_bid:
        flow -= float(last_bid_size)
    if ask <= last_ask:
        flow -= float(ask_size)
    if ask >= last_ask:
        flow += float(last_ask_size)
    return flow


@kernel
def order_flow(memory: npt.NDArray[np.float64], at: int, keep: float, flow: float, last_depth: float) -> float:
    """Decay, add ``flow`` (e_n), and give the imbalance.

    Args:
        memory: At ``at``: decayed sum of flow, decayed average depth (0 before the first touch), size units.
        at: Where this feature's memory begins.
        keep: What time has left of the past, 0 to 1.
        flow: e_n, size units.
        last_depth: (qB + qA) / 2 of the touch that stood during the step; at the first touch, its own.
    """
    memory[at] = fade(memory[at], keep) + flow
    if memory[at + 1] == 0.0:
        memory[at + 1] = last_depth
    else:
        memory[at + 1] += (1.0 - keep) * (last_depth - memory[at + 1])
    return memory[at] / memory[at + 1]  # type: ignore[no-any-return]
