"""Risk: every intent is checked, decided once, and turned into an order only when every check passes.

Its position follows executions. In play it waits, before an intent at t, for the final reports of its own approvals
that fall due by t, so a decision never depends on how fast reports travelled. What people say takes effect at its log
time there: of a day that is repeated all of it is known, a shadow hears it while it goes. Live nothing waits: reports,
the clock and what people say on ``control`` take effect where they are read, and the runner records that place.

A trading state stands over every order: ACTIVE, REDUCING (only what brings a position nearer to zero) or HALTED. People
order it (``agents/standing.py``), and doubt does by itself: a stale clock or a missing limit halts, a gapped or crossed
book reduces. Cancels pass in every state and under every limit.
"""

from __future__ import annotations

from decimal import Decimal
from hashlib import blake2b
from typing import Any

import numpy as np

from agents import checks
from agents.answers import Pending
from agents.context import NO_SLOT, Context
from agents.risk_state import IDS_REMEMBERED, RiskState
from agents.standing import SEVERITY
from schemas.clock import Clock
from schemas.columns import PRICE_SCALE
from schemas.control import Halt, Resume
from schemas.decision import Check, Decision
from schemas.definition import Definition
from schemas.document import Document
from schemas.errors import BadPayload, UnknownInstrument
from schemas.execution import Execution
from schemas.intent import Intent
from schemas.order import Order
from streams.agent import Batch, DocumentOut, Out, Reject, Rows

SECOND_NS = 1_000_000_000


class Risk:
    """The hop."""

    name = "risk"
    reads = "orders.intent"
    writes = ("orders.decision", "orders")

    def __init__(self, context: Context) -> None:
        self._context = context
        self._live = context.run.mode == "live"
        self._latency_ns = context.run.venue_latency_ns
        self.sides: tuple[str, ...] = ("executions",)
        if self._live:
            self.sides = ("clock", "control", "executions")
        elif context.listens:
            self.sides = ("control", "executions")

    def start(self) -> RiskState:
        """Flat, nothing decided. Live there are no limits until the opening has been read on ``control``."""
        state = RiskState(self._context)
        if not self._live:
            state.standing.apply(self._context.run)
        state.relimit(self._context)
        return state

    def step(self, state: RiskState, batch: Batch) -> Out:
        """Decide intents in order; in play, until one falls due after a report that has not come."""
        out = Out(consumed=0)
        for index, intent in enumerate(batch.items):
            if not isinstance(intent, Intent):
                error = BadPayload("not an intent", kind="not_an_intent", got=type(intent).__name__)
                out.rejects.append(Reject(index, error))
            elif (slot := self._context.slot_of(intent.instrument_id)) == NO_SLOT:
                unknown = UnknownInstrument("no definition", kind="not_defined", got=str(intent.instrument_id))
                out.rejects.append(Reject(index, unknown))
            elif not self._apply_due(state, intent.ts):
                out.waits = self.sides
                break
            else:
                self._decide(state, intent, slot, index, out)
            out.consumed += 1
        return out

    def offer(self, state: RiskState, topic: str, items: Rows | list[Any], *, ended: bool) -> None:
        """Execution reports; live, the clock and what people say as well.

        In play each report takes effect at its own log time, live everything at once. What is offered on different
        topics may come in any order before the same intent: it comes to the same. A clock that has ended has stopped:
        no time is known until its next record.
        """
        if topic == "clock" and ended:
            state.clock = None
        for item in items:
            if not self._live:
                if isinstance(item, Execution):
                    state.answers.put(item)
                elif topic == "control":
                    state.said.append(item)
            elif isinstance(item, Execution):
                self._settle(state, item)
            elif isinstance(item, Clock):
                state.clock = item.ts
            elif isinstance(item, Document) and state.standing.apply(item) and not isinstance(item, Halt | Resume):
                state.relimit(self._context)

    def finish(self, state: RiskState) -> Out:
        """Await the final reports of the last approvals, so that the position in the last snapshot is the true one."""
        return Out(consumed=0, waits=() if self._apply_due(state, 2**63 - 2) else self.sides)

    def snapshot(self, state: RiskState) -> bytes:
        """Everything a decision depends on."""
        return state.dump()

    def restore(self, data: bytes) -> RiskState:
        """State from a snapshot."""
        return RiskState.load(data, self._context)

    def _hear(self, state: RiskState, now: int) -> None:
        """Play: what people had said by ``now``, in the order in which they said it; live it comes on ``control``.

        An opening has no time of its own: it takes effect with the release before it.
        """
        said = self._context.said
        while state.heard < len(said) and said[state.heard].ts <= now:
            if state.standing.apply(said[state.heard]):
                state.relimit(self._context)
            state.heard += 1
        while state.said and getattr(state.said[0], "ts", now) <= now:
            if state.standing.apply(state.said.popleft()):
                state.relimit(self._context)

    def _apply_due(self, state: RiskState, now: int) -> bool:
        """Play: apply the reports due by ``now``; False while one of them is still to come. Live nothing is due."""
        if self._live:
            return True
        due = state.answers.take_due(now)
        if due is None:
            return False
        for pending, reports in due:
            for report in reports:
                if isinstance(report, Execution):
                    state.fill(pending, report)
                    state.now = max(state.now, report.ts)
            state.release(pending)
        return True

    def _settle(self, state: RiskState, report: Execution) -> None:
        """Live: a report takes effect at once. A stranger's, or one said twice, is counted and changes nothing."""
        settled = state.answers.settle(report)
        if settled is None:
            state.strangers += 1
            return
        pending, final = settled
        state.fill(pending, report)
        if final:
            state.release(pending)

    def _decide(self, state: RiskState, intent: Intent, slot: int, index: int, out: Out) -> None:
        definition = self._context.instruments[slot]
        state.now = max(state.now, intent.ts)
        self._hear(state, intent.ts)
        made = (
            self._checks_of_cancel(state, intent, slot)
            if intent.action == "cancel"
            else self._checks(state, intent, slot, definition)
        )
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
            out.documents.append(DocumentOut("orders", key, self._order(intent, definition), index))
        out.documents.append(DocumentOut("orders.decision", key, decision, index))

    def _checks(self, state: RiskState, intent: Intent, slot: int, definition: Definition) -> list[Check]:
        limits, held = state.limits[slot], int(state.position[slot])
        same_side = state.open_same_side(slot, intent.side)
        reduces = checks.reduces(intent, held, same_side)
        now = self._now(state)
        while state.approved_at and state.approved_at[0] <= now - SECOND_NS:
            state.approved_at.popleft()
        return [
            self._trading_state(state, intent, slot, checks.REDUCING if reduces else checks.ACTIVE),
            *([checks.clock_age(intent, state.clock, state.clock_age_max_ns)] if self._live else []),
            checks.book(intent, reduces),
            checks.duplicate_id(_decided(state, intent.client_order_id)),
            checks.late(intent, now),
            checks.price_collar(intent, limits),
            checks.touch_age(intent, limits),
            checks.quantity(intent, limits),
            checks.notional(intent, limits, definition),
            checks.position(intent, limits, held, same_side),
            checks.message_rate(len(state.approved_at), state.rate_max),
            *([checks.names_an_order(intent)] if intent.action == "replace" else []),
        ]

    def _checks_of_cancel(self, state: RiskState, intent: Intent, slot: int) -> list[Check]:
        """A cancel can only take risk away: no state and no limit holds it back."""
        return [
            self._trading_state(state, intent, slot, checks.HALTED),
            checks.duplicate_id(_decided(state, intent.client_order_id)),
            checks.names_an_order(intent),
        ]

    def _trading_state(self, state: RiskState, intent: Intent, slot: int, strictest: int) -> Check:
        ordered = SEVERITY[state.standing.state_of(intent.account, intent.strategy, intent.instrument)]
        return checks.trading_state(checks.HALTED if state.lacks[slot] else ordered, strictest)

    def _now(self, state: RiskState) -> int:
        """The newest time known: what was decided at, live the clock if that is newer."""
        return state.now if state.clock is None else max(state.now, state.clock)

    def _approve(self, state: RiskState, intent: Intent, slot: int) -> None:
        state.approved_at.append(self._now(state))
        pending = Pending(intent.client_order_id, intent.ts + self._latency_ns, slot)
        state.approve(pending, intent.side, 0 if intent.action == "cancel" else intent.quantity)

    def _order(self, intent: Intent, definition: Definition) -> Order:
        return Order(
            client_order_id=intent.client_order_id, root=intent.root, ts=intent.ts, account=intent.account,
            strategy=intent.strategy, venue=definition.venue, instrument_id=intent.instrument_id,
            instrument=intent.instrument, symbol=definition.symbol, side=intent.side, quantity=intent.quantity,
            quantity_decimal=_decimal(intent.quantity * definition.size_increment), limit_price=intent.limit_price,
            limit_price_decimal=_decimal(intent.limit_price), time_in_force=intent.time_in_force,
            valid_until=intent.valid_until, action=intent.action, cancels=intent.cancels,
            gateway=self._context.run.gateway,
        )  # fmt: skip


def _decimal(nanos: int) -> str:
    return format((Decimal(nanos) / PRICE_SCALE).normalize(), "f")


def _decided(state: RiskState, client_order_id: str) -> bool:
    """Whether the id was decided of late, or is open still, however long ago it was decided."""
    known = state.ids[: min(state.decided, IDS_REMEMBERED)]
    return client_order_id in state.open or bool((known == _id_hash(client_order_id)).any())


def _id_hash(client_order_id: str) -> np.uint64:
    return np.uint64(int.from_bytes(blake2b(client_order_id.encode(), digest_size=8).digest(), "little"))
