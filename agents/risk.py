"""Risk: every intent is checked, decided once, and turned into an order only when every check passes.

Its position follows executions. Before an intent at t it waits for the final reports of its own approvals that fall due
by t, so a decision never depends on how fast reports travelled.
"""

from __future__ import annotations

from collections import deque
from decimal import Decimal
from hashlib import blake2b
from typing import Any

import numpy as np

from agents import checks
from agents.answers import Answers, Pending
from agents.context import NO_SLOT, Context
from agents.limits import Limits, limits_of
from schemas.columns import PRICE_SCALE
from schemas.decision import Check, Decision
from schemas.definition import Definition
from schemas.errors import BadPayload, UnknownInstrument
from schemas.execution import Execution
from schemas.intent import Intent
from schemas.order import Order
from streams.agent import Batch, DocumentOut, Out, Reject, Rows
from streams.state_bytes import dump, load

KIND = "risk/1"
IDS_REMEMBERED = 1_024
"""Decided ids remembered for the duplicate check: at the message rates of one desk, minutes of log time."""
SECOND_NS = 1_000_000_000


class RiskState:
    """Position and open approvals by slot (int64, size units), recent ids and approvals, the newest time known."""

    def __init__(self, slots: int) -> None:
        self.position = np.zeros(slots, dtype=np.int64)
        self.open_buys = np.zeros(slots, dtype=np.int64)
        self.open_sells = np.zeros(slots, dtype=np.int64)
        self.ids = np.zeros(IDS_REMEMBERED, dtype=np.uint64)
        self.decided = 0
        self.approved_at: deque[int] = deque()
        self.open: dict[str, tuple[str, int]] = {}
        self.now = -(2**63)
        self.answers = Answers()


class Risk:
    """The hop."""

    name = "risk"
    reads = "orders.intent"
    sides = ("executions",)
    writes = ("orders.decision", "orders")

    def __init__(self, context: Context) -> None:
        self._context = context
        self._latency_ns = context.run.venue_latency_ns
        self._limits: list[Limits] = [limits_of(context.run.limits, d) for d in context.instruments]
        rate = context.run.limits.get("account", {}).get("message_rate_max")
        self._rate_max = None if rate is None else int(rate)

    def start(self) -> RiskState:
        """Flat, nothing decided."""
        return RiskState(len(self._context.instruments))

    def step(self, state: RiskState, batch: Batch) -> Out:
        """Decide intents in order, until one falls due after a report that has not come."""
        out = Out(consumed=0)
        for index, intent in enumerate(batch.items):
            if not isinstance(intent, Intent):
                error = BadPayload("not an intent", kind="not_an_intent", got=type(intent).__name__)
                out.rejects.append(Reject(index, error))
            elif (slot := self._context.slot_of(intent.instrument_id)) == NO_SLOT:
                out.rejects.append(
                    Reject(index, UnknownInstrument("no definition", kind="not_defined", got=str(intent.instrument_id)))
                )
            else:
                due = state.answers.take_due(intent.ts)
                if due is None:
                    out.waits = self.sides
                    break
                self._apply(state, due)
                self._decide(state, intent, slot, index, out)
            out.consumed += 1
        return out

    def offer(self, state: RiskState, topic: str, items: Rows | list[Any], *, ended: bool) -> None:
        """Execution reports; each takes effect at its own log time."""
        del topic, ended
        for item in items:
            if isinstance(item, Execution):
                state.answers.put(item)

    def finish(self, state: RiskState) -> Out:
        """Await the final reports of the last approvals, so that the position in the last snapshot is the true one."""
        last = state.answers.take_due(2**63 - 2)
        if last is None:
            return Out(consumed=0, waits=self.sides)
        self._apply(state, last)
        return Out(consumed=0)

    def snapshot(self, state: RiskState) -> bytes:
        """Everything a decision depends on."""
        seen = min(state.decided, IDS_REMEMBERED)
        arrays = {
            "position": state.position, "open_buys": state.open_buys, "open_sells": state.open_sells,
            "ids": state.ids[:seen],
        }  # fmt: skip
        values = {
            "decided": state.decided, "approved_at": list(state.approved_at), "now": state.now,
            "open": {k: list(v) for k, v in state.open.items()}, "answers": state.answers.dump(),
        }  # fmt: skip
        return dump(KIND, arrays, values)

    def restore(self, data: bytes) -> RiskState:
        """State from a snapshot."""
        arrays, values = load(KIND, data)
        state = RiskState(len(self._context.instruments))
        state.position, state.open_buys = arrays["position"], arrays["open_buys"]
        state.open_sells = arrays["open_sells"]
        state.ids[: len(arrays["ids"])] = arrays["ids"]
        state.decided, state.now = values["decided"], values["now"]
        state.approved_at = deque(values["approved_at"])
        state.open = {k: (v[0], v[1]) for k, v in values["open"].items()}
        state.answers = Answers.load(values["answers"])
        return state

    def _apply(self, state: RiskState, due: list[Any]) -> None:
        for pending, reports in due:
            side, approved = state.open.pop(pending.client_order_id)
            (state.open_buys if side == "buy" else state.open_sells)[pending.slot] -= approved
            for report in reports:
                state.position[pending.slot] += report.last_quantity if side == "buy" else -report.last_quantity
                state.now = max(state.now, report.ts)

    def _decide(self, state: RiskState, intent: Intent, slot: int, index: int, out: Out) -> None:
        definition = self._context.instruments[slot]
        state.now = max(state.now, intent.ts)
        made = self._checks(state, intent, slot, definition)
        reasons = [c.name for c in made if not c.passed]
        state.ids[state.decided % IDS_REMEMBERED] = _id_hash(intent.client_order_id)
        state.decided += 1
        key = definition.instrument.encode()
        decision = Decision(
            client_order_id=intent.client_order_id, root=intent.root, ts=intent.ts, account=intent.account,
            strategy=intent.strategy, instrument_id=intent.instrument_id, instrument=intent.instrument,
            verdict="denied" if reasons else "approved", reasons=reasons, checks=made,
        )  # fmt: skip
        if not reasons:
            self._approve(state, intent, slot)
            out.documents.append(DocumentOut("orders", key, _order(intent, definition), index))
        out.documents.append(DocumentOut("orders.decision", key, decision, index))

    def _checks(self, state: RiskState, intent: Intent, slot: int, definition: Definition) -> list[Check]:
        limits = self._limits[slot]
        while state.approved_at and state.approved_at[0] <= state.now - SECOND_NS:
            state.approved_at.popleft()
        same_side = int(state.open_buys[slot]) if intent.side == "buy" else -int(state.open_sells[slot])
        known = state.ids[: min(state.decided, IDS_REMEMBERED)]
        return [
            checks.duplicate_id(bool((known == _id_hash(intent.client_order_id)).any())),
            checks.late(intent, state.now),
            checks.price_collar(intent, limits),
            checks.touch_age(intent, limits),
            checks.quantity(intent, limits),
            checks.notional(intent, limits, definition),
            checks.position(intent, limits, int(state.position[slot]), same_side),
            checks.message_rate(len(state.approved_at), self._rate_max),
        ]

    def _approve(self, state: RiskState, intent: Intent, slot: int) -> None:
        state.approved_at.append(state.now)
        state.open[intent.client_order_id] = (intent.side, intent.quantity)
        (state.open_buys if intent.side == "buy" else state.open_sells)[slot] += intent.quantity
        state.answers.expect(Pending(intent.client_order_id, intent.ts + self._latency_ns, slot))


def _order(intent: Intent, definition: Definition) -> Order:
    return Order(
        client_order_id=intent.client_order_id, root=intent.root, ts=intent.ts, account=intent.account,
        strategy=intent.strategy, venue=definition.venue, instrument_id=intent.instrument_id,
        instrument=intent.instrument, symbol=definition.symbol, side=intent.side, quantity=intent.quantity,
        quantity_decimal=_decimal(intent.quantity * definition.size_increment), limit_price=intent.limit_price,
        limit_price_decimal=_decimal(intent.limit_price), valid_until=intent.valid_until,
    )  # fmt: skip


def _decimal(nanos: int) -> str:
    return format((Decimal(nanos) / PRICE_SCALE).normalize(), "f")


def _id_hash(client_order_id: str) -> np.uint64:
    return np.uint64(int.from_bytes(blake2b(client_order_id.encode(), digest_size=8).digest(), "little"))
