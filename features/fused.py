"""All features of a view over a batch of ticks in one loop: one kernel call per batch.

Row by row, each instrument on its own: its clock advances, its touch is replaced if the row carries a usable one, and
every feature of the view is brought up to that moment, in the view's order.

**Time** is log time (``ts_log``), in ns; a step backwards counts as zero. **A touch is usable** when both sides are
there, sizes are positive, the bid is positive and below the offer. A row with any other touch (one side empty, crossed,
locked) leaves the touch as it was: features of the touch keep their last value, decaying ones fade on. **Before the
first usable touch** every feature is 0, but trade imbalance, which needs none. No value is ever NaN or infinite.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from features.arithmetic import decay
from features.decayed_return import DECAYED_RETURN, decayed_return
from features.family import CUSTOM, MEMORY_WIDTH, Family
from features.kernel import kernel
from features.mid import MID, mid
from features.order_flow import ORDER_FLOW_IMBALANCE, contribution, order_flow
from features.spread import SPREAD, spread
from features.touch_imbalance import TOUCH_IMBALANCE, touch_imbalance
from features.trade_imbalance import TRADE_IMBALANCE, trade_imbalance
from features.volatility import VOLATILITY, volatility
from features.weighted_mid import WEIGHTED_MID, weighted_mid

FAMILIES: tuple[Family, ...] = (
    MID, WEIGHTED_MID, SPREAD, TOUCH_IMBALANCE, ORDER_FLOW_IMBALANCE, VOLATILITY, TRADE_IMBALANCE, DECAYED_RETURN,
)  # fmt: skip
"""Every family there is, by number."""

ROW_FIELDS = ("ts_log", "bid_price", "ask_price", "bid_size", "ask_size", "size", "action", "side")
"""Fields that the kernel reads of a row; any others are ignored."""

PRICE_UNDEFINED = 2**63 - 1
"""No price: an empty side of the book."""

TIME_UNDEFINED = -(2**63)
"""Time of an instrument before its first row."""

_NANOS = 1e9
_TRADE = ord("T")
_BUY = ord("B")
_SELL = ord("A")
_MID = MID.number
_WEIGHTED_MID = WEIGHTED_MID.number
_SPREAD = SPREAD.number
_TOUCH_IMBALANCE = TOUCH_IMBALANCE.number
_ORDER_FLOW_IMBALANCE = ORDER_FLOW_IMBALANCE.number
_VOLATILITY = VOLATILITY.number
_TRADE_IMBALANCE = TRADE_IMBALANCE.number


@kernel
def compute_rows(
    rows: npt.NDArray[Any],
    slots: npt.NDArray[np.int32],
    kinds: npt.NDArray[np.int64],
    rates: npt.NDArray[np.float64],
    times: npt.NDArray[np.int64],
    touches: npt.NDArray[np.int64],
    memory: npt.NDArray[np.float64],
    out: npt.NDArray[np.float64],
) -> int:
    """Features after every row.

    Args:
        rows: Shape (n,), structured, with at least ``ROW_FIELDS``.
        slots: Shape (n,), the instrument of each row.
        kinds: Shape (k,), family numbers in the view's order.
        rates: Shape (k,), ln 2 over the half-life, 1/s; 0 where the family does not decay.
        times: Shape (instruments,), newest log time, ns.
        touches: Shape (instruments, 4), last usable bid, offer, bid size, offer size; sizes 0 before any.
        memory: Shape (instruments * k * MEMORY_WIDTH,).
        out: Shape (n, k), written.

    Returns:
        -1; or the first row whose slot is out of range, in which case nothing has been changed.
    """
    for i in range(len(rows)):
        if slots[i] < 0 or slots[i] >= times.size:
            return i
    keeps = np.ones(kinds.size, dtype=np.float64)
    for i in range(len(rows)):
        row = rows[i]
        slot = int(slots[i])
        step_s = _advance(times, slot, row.ts_log)
        last_bid, last_ask = touches[slot, 0], touches[slot, 1]
        last_bid_size, last_ask_size = touches[slot, 2], touches[slot, 3]
        bid, ask, bid_size, ask_size = last_bid, last_ask, last_bid_size, last_ask_size
        if _usable(row.bid_price, row.ask_price, row.bid_size, row.ask_size):
            bid, ask, bid_size, ask_size = row.bid_price, row.ask_price, row.bid_size, row.ask_size
            touches[slot, 0], touches[slot, 1], touches[slot, 2], touches[slot, 3] = bid, ask, bid_size, ask_size
            if last_bid_size == 0:  # the first touch follows itself: nothing has moved
                last_bid, last_ask, last_bid_size, last_ask_size = bid, ask, bid_size, ask_size
        traded = float(row.size) if row.action == _TRADE and row.size > 0 else 0.0
        signed = traded if row.side == _BUY else (-traded if row.side == _SELL else 0.0)
        last_mid, now_mid = mid(last_bid, last_ask), mid(bid, ask)
        flow = contribution(last_bid, last_ask, last_bid_size, last_ask_size, bid, ask, bid_size, ask_size)
        last_depth = (float(last_bid_size) + float(last_ask_size)) / 2.0
        for j in range(kinds.size):  # together: the processor works at several at once, a quarter of the whole is saved
            if rates[j] > 0.0:
                keeps[j] = decay(step_s, rates[j])
        for j in range(kinds.size):
            kind = kinds[j]
            if kind == CUSTOM:  # a kernel of its own fills this column
                continue
            at = (slot * kinds.size + j) * MEMORY_WIDTH
            if kind == _TRADE_IMBALANCE:
                value = trade_imbalance(memory, at, keeps[j], signed, traded)
            elif bid_size == 0:
                value = 0.0
            elif kind == _MID:
                value = now_mid
            elif kind == _WEIGHTED_MID:
                value = weighted_mid(bid, ask, bid_size, ask_size)
            elif kind == _SPREAD:
                value = spread(bid, ask)
            elif kind == _TOUCH_IMBALANCE:
                value = touch_imbalance(bid_size, ask_size)
            elif kind == _ORDER_FLOW_IMBALANCE:
                value = order_flow(memory, at, keeps[j], flow, last_depth)
            elif kind == _VOLATILITY:
                value = volatility(memory, at, keeps[j], rates[j], last_mid, now_mid)
            else:
                value = decayed_return(memory, at, keeps[j], last_mid, now_mid)
            out[i, j] = value
    return -1


@kernel
def _advance(times: npt.NDArray[np.int64], slot: int, ts_log: int) -> float:
    """Seconds since the instrument's former row, at least 0; its clock never goes back."""
    last = times[slot]
    if last == TIME_UNDEFINED:
        times[slot] = ts_log
        return 0.0
    if ts_log <= last:
        return 0.0
    times[slot] = ts_log
    # Unsigned, as the difference of two int64 need not fit one: signed overflow is the compiler's to assume away.
    return float(np.uint64(ts_log) - np.uint64(last)) / _NANOS


@kernel
def _usable(bid: int, ask: int, bid_size: int, ask_size: int) -> bool:
    """Whether a touch has both sides, with sizes, and is neither crossed nor locked."""
    return bool(0 < bid < ask and ask != PRICE_UNDEFINED and bid_size > 0 and ask_size > 0)
