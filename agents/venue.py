"""Paper venue, by the play rules: driven by orders, never ahead of them, no market impact.

For an order at log time t it reads ticks up to the first row later than t + L (or the end record) and fills against the
last touch at or before t + L, up to the displayed size. Immediate-or-cancel: the rest is cancelled. Two orders that
meet the same touch both see all of it: the tape did not know of them.

Where there are several partitions, there is a venue for each. All read all orders; each answers those of its own.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numba import njit

from agents.context import NO_SLOT, Context
from agents.slots import put, slots_now
from schemas.columns import PRICE_UNDEFINED
from schemas.execution import Execution
from schemas.order import Order
from schemas.tick import TICK
from streams.agent import Batch, DocumentOut, Out, Rows, frozen
from streams.state_bytes import dump, load

KIND = "venue/2"
TOUCH = np.dtype([("bid_price", "<i8"), ("ask_price", "<i8"), ("bid_size", "<i8"), ("ask_size", "<i8")])
TIME_MAX = 2**63 - 1
"""Latest log time there is."""


class VenueState:
    """Touch by slot as of the last order's t + L, ticks read but not yet passed, and whether ticks have ended."""

    def __init__(self, slots: int) -> None:
        self.touch = np.zeros(slots, dtype=TOUCH)
        self.touch["bid_price"] = PRICE_UNDEFINED
        self.touch["ask_price"] = PRICE_UNDEFINED
        self.ahead: Rows = np.zeros(0, dtype=TICK)
        self.ended = False


class Venue:
    """The hop."""

    name = "venue"
    reads = "orders"
    sides = ("ticks.<source>",)
    writes = ("executions",)

    def __init__(self, context: Context) -> None:
        self._context = context
        self._latency_ns = context.run.venue_latency_ns

    def start(self) -> VenueState:
        """No touch known."""
        return VenueState(len(self._context.instruments))

    def step(self, state: VenueState, batch: Batch) -> Out:
        """Answer orders whose moment the ticks have reached."""
        out = Out(consumed=0)
        for index, order in enumerate(batch.items):
            if not self._context.owns(order.instrument):
                out.consumed += 1  # answered by the venue of its own partition, whose ticks it needs
                continue
            if self.passes(state, order.ts):
                out.waits = self.sides
                break
            for report in self._answer(state, order, self._effective(order.ts)):
                out.documents.append(DocumentOut("executions", order.instrument.encode(), report, index))
            out.consumed += 1
        return out

    def offer(self, state: VenueState, topic: str, items: Rows | list[Any], *, ended: bool) -> None:
        """Ticks, in order. Only asked for when those read before are used up."""
        del topic
        rows: Any = items
        if len(rows):
            state.ahead = np.concatenate((state.ahead, rows)) if len(state.ahead) else rows
        state.ended = state.ended or ended

    def passes(self, state: VenueState, now: int) -> bool:
        """Pass the ticks read that no order at or after log time ``now`` needs; whether all are used up."""
        passed = _advance(frozen(state.ahead), self._effective(now), self._context.slots, state.touch)
        state.ahead = state.ahead[passed:]
        return not len(state.ahead) and not state.ended

    def finish(self, state: VenueState) -> Out:
        """Nothing is held back: every order read has been answered."""
        del state
        return Out(consumed=0)

    def snapshot(self, state: VenueState) -> bytes:
        """Touch and the ticks read ahead."""
        instruments = [d.instrument_id for d in self._context.instruments]
        return dump(
            KIND, {"touch": state.touch, "ahead": state.ahead}, {"ended": state.ended, "instruments": instruments}
        )

    def restore(self, data: bytes) -> VenueState:
        """State from a snapshot."""
        arrays, values = load(KIND, data)
        state = VenueState(len(self._context.instruments))
        put(arrays["touch"], slots_now(values["instruments"], self._context), state.touch)
        state.ahead, state.ended = arrays["ahead"], bool(values["ended"])
        return state

    def _effective(self, ts: int) -> int:
        """Log time at which an order of log time ``ts`` meets the market."""
        return min(ts + self._latency_ns, TIME_MAX)

    def _answer(self, state: VenueState, order: Order, effective: int) -> list[Execution]:
        if order.action == "cancel":
            # Every order here is immediate-or-cancel: when a cancel arrives nothing rests that it could take back.
            reason = f"nothing to cancel: {order.cancels} is not working"
            return [_report(order, effective, "rejected", 0, 0, 0, 0, True, reason)]
        slot = self._context.slot_of(order.instrument_id)
        price, displayed = _opposite(state.touch, slot, order.side)
        marketable = price != PRICE_UNDEFINED and (
            price <= order.limit_price if order.side == "buy" else price >= order.limit_price
        )
        filled = max(0, min(order.quantity, displayed)) if marketable else 0
        reports = []
        if filled > 0:
            whole = filled == order.quantity
            reports.append(
                _report(order, effective, "filled" if whole else "partially_filled", filled, price, filled, 0, whole)
            )
        if not reports or not reports[-1].final:
            reason = "rest of an immediate-or-cancel order" if filled else "not marketable when it arrived"
            reports.append(_report(order, effective, "cancelled", 0, 0, filled, len(reports), True, reason))
        return reports


def _opposite(touch: Any, slot: int, side: str) -> tuple[int, int]:
    if slot == NO_SLOT:
        return PRICE_UNDEFINED, 0
    name = "ask" if side == "buy" else "bid"
    return int(touch[f"{name}_price"][slot]), int(touch[f"{name}_size"][slot])


def _report(
    order: Order, ts: int, status: Literal["filled", "partially_filled", "cancelled", "rejected"], last: int,
    price: int, cumulative: int, index: int, final: bool, reason: str = "",
) -> Execution:  # fmt: skip
    return Execution(
        execution_id=f"{order.client_order_id}-{index}", client_order_id=order.client_order_id, root=order.root, ts=ts,
        account=order.account, strategy=order.strategy, instrument_id=order.instrument_id, instrument=order.instrument,
        side=order.side, status=status, last_quantity=last, last_price=price, cumulative_quantity=cumulative,
        leaves_quantity=0 if final else order.quantity - cumulative, report_index=index, final=final, reason=reason,
    )  # fmt: skip


@njit(cache=True)  # type: ignore[untyped-decorator]
def _advance(rows: Any, until: int, slots: Any, touch: Any) -> int:
    """Apply rows at or before ``until`` to the touch; index of the first later one."""
    at = 0
    n = len(rows)
    while at < n and rows[at]["ts_log"] <= until:
        row = rows[at]
        slot = slots[row["instrument_id"]] if row["instrument_id"] < len(slots) else -1
        if slot >= 0:
            touch[slot]["bid_price"] = row["bid_price"]
            touch[slot]["ask_price"] = row["ask_price"]
            touch[slot]["bid_size"] = row["bid_size"]
            touch[slot]["ask_size"] = row["ask_size"]
        at += 1
    return at
