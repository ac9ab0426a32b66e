"""Strategy: score to target position to order intent. Its position follows executions, nothing else.

The target is the score, as a share of ``score_full_bps``, of the instrument's largest position, in whole steps of a
quarter. When target and position differ, nothing is unanswered for the instrument and it has rested, an
immediate-or-cancel intent at the opposite touch goes out.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from agents.answers import NEVER, Answers, Pending
from agents.context import Context
from schemas.columns import PRICE_UNDEFINED
from schemas.decision import Decision
from schemas.document import Root
from schemas.execution import Execution
from schemas.intent import Intent, Touch
from schemas.sources import SOURCE_NAMES
from schemas.tick import FLAG_CROSSED
from streams.agent import Batch, DocumentOut, Out, Rows, frozen
from streams.state_bytes import dump, load

KIND = "strategy/1"
STEPS = 4
"""Targets move in this many steps from flat to full."""
NANOS_PER_MS = 1_000_000


class StrategyState:
    """Arrays by slot (int64): position and largest position (size units), open intents, and until when each rests."""

    def __init__(self, position_max: Rows) -> None:
        slots = len(position_max)
        self.position = np.zeros(slots, dtype=np.int64)
        self.position_max = position_max
        self.unanswered = np.zeros(slots, dtype=np.int64)
        self.rests_until = np.full(slots, -(2**62), dtype=np.int64)
        self.answers = Answers()


class Strategy:
    """The hop. ``listens=False`` makes it deaf to executions: only for the test that shows they matter."""

    name = "strategy"
    reads = "scores"
    sides = ("executions", "orders.decision")
    writes = ("orders.intent",)

    def __init__(self, context: Context, *, listens: bool = True) -> None:
        self._context = context
        self._listens = listens
        self._run = context.run
        parameters = context.run.parameters
        self._score_full = float(parameters["score_full_bps"])
        self._rest_ns = int(parameters["rest_ms"]) * NANOS_PER_MS
        self._valid_ns = int(parameters["valid_ms"]) * NANOS_PER_MS
        self._position_max = _position_max(context)
        self._model = str(context.run.model.get("sha256", ""))
        self._view = str(context.run.model.get("view", ""))

    def start(self) -> StrategyState:
        """Flat, nothing unanswered."""
        return StrategyState(self._position_max.copy())

    def step(self, state: StrategyState, batch: Batch) -> Out:
        """Look at scores until one falls due after an answer that has not come."""
        rows = frozen(batch.items)
        out = Out(consumed=0)
        at = 0
        while at < len(rows):
            at, target, want = _scan(
                rows, at, self._context.slots, state.position, state.position_max, state.unanswered, state.rests_until,
                state.answers.due, self._score_full,
            )  # fmt: skip
            if want == WANT_ANSWERS:
                if not self._apply_due(state, int(rows["ts_log"][at])):
                    out.waits = self.sides
                    break
            elif want == WANT_INTENT:
                out.documents.append(self._intent(state, rows[at], at, target))
                at += 1
        out.consumed = at
        return out

    def offer(self, state: StrategyState, topic: str, items: Rows | list[Any], *, ended: bool) -> None:
        """Executions, and denials among the decisions; each takes effect at its own log time."""
        del topic, ended
        for item in items:
            if item.strategy != self._run.strategy:
                continue
            if (isinstance(item, Decision) and item.verdict == "denied") or isinstance(item, Execution):
                state.answers.put(item)

    def finish(self, state: StrategyState) -> Out:
        """Await the last answers."""
        last = state.answers.take_due(2**63 - 2)
        if last is None:
            return Out(consumed=0, waits=self.sides)
        self._apply(state, last)
        return Out(consumed=0)

    def snapshot(self, state: StrategyState) -> bytes:
        """Positions, rests, unanswered intents and answers that have come early."""
        arrays = {
            "position": state.position,
            "position_max": state.position_max,
            "unanswered": state.unanswered,
            "rests_until": state.rests_until,
        }
        return dump(KIND, arrays, {"answers": state.answers.dump()})

    def restore(self, data: bytes) -> StrategyState:
        """State from a snapshot."""
        arrays, values = load(KIND, data)
        state = StrategyState(arrays["position_max"])
        state.position, state.unanswered = arrays["position"], arrays["unanswered"]
        state.rests_until = arrays["rests_until"]
        state.answers = Answers.load(values["answers"])
        return state

    def _apply_due(self, state: StrategyState, now: int) -> bool:
        due = state.answers.take_due(now)
        if due is None:
            return False
        self._apply(state, due)
        return True

    def _apply(self, state: StrategyState, due: list[Any]) -> None:
        for pending, answers in due:
            state.unanswered[pending.slot] -= 1
            for answer in answers:
                if isinstance(answer, Execution) and self._listens:
                    sign = 1 if answer.side == "buy" else -1
                    state.position[pending.slot] += sign * answer.last_quantity

    def _intent(self, state: StrategyState, row: Any, index: int, target: int) -> DocumentOut:
        instrument = self._context.instruments[slot := self._context.slot_of(int(row["instrument_id"]))]
        publisher = int(row["publisher_id"])
        source = SOURCE_NAMES.get(publisher, str(publisher))
        root = Root(source=source, seq=int(row["root_seq"]), part=int(row["root_part"]))
        ts, position = int(row["ts_log"]), int(state.position[slot])
        buys = target > position
        intent = Intent(
            client_order_id=f"{self._run.strategy}-{root.source}-{root.seq}-{root.part}", root=root, ts=ts,
            account=self._run.account, strategy=self._run.strategy, instrument_id=instrument.instrument_id,
            instrument=instrument.instrument, side="buy" if buys else "sell", quantity=abs(target - position),
            limit_price=int(row["ask_price" if buys else "bid_price"]), valid_until=ts + self._valid_ns,
            touch=Touch(
                bid_price=int(row["bid_price"]), ask_price=int(row["ask_price"]), bid_size=int(row["bid_size"]),
                ask_size=int(row["ask_size"]), ts=int(row["ts_touch"]),
            ),
            score=float(row["score"]), position=position, target=target, model=self._model, view=self._view,
        )  # fmt: skip
        state.answers.expect(Pending(intent.client_order_id, ts + self._run.venue_latency_ns, slot))
        state.unanswered[slot] += 1
        state.rests_until[slot] = ts + self._rest_ns
        return DocumentOut("orders.intent", instrument.instrument.encode(), intent, index)


WANT_NOTHING, WANT_ANSWERS, WANT_INTENT = 0, 1, 2


@njit(cache=True)  # type: ignore[untyped-decorator]
def _scan(
    rows: Any, at: int, slots: Any, position: Any, position_max: Any, unanswered: Any, rests_until: Any, due: int,
    score_full: float,
) -> tuple[int, int, int]:  # fmt: skip
    """Walk rows from ``at`` to the next one that wants an answer applied or an intent sent: (index, target, want)."""
    n = len(rows)
    while at < n:
        row = rows[at]
        now = row["ts_log"]
        if due != NEVER and now >= due:
            return at, 0, WANT_ANSWERS
        slot = slots[row["instrument_id"]] if row["instrument_id"] < len(slots) else -1
        if (
            slot >= 0
            and unanswered[slot] == 0
            and now >= rests_until[slot]
            and row["bid_price"] != PRICE_UNDEFINED
            and row["ask_price"] != PRICE_UNDEFINED
            and row["flags"] & FLAG_CROSSED == 0
            and abs(row["score"]) < np.inf  # neither infinite nor NaN: no opinion
        ):
            share = row["score"] / score_full
            share = min(1.0, max(-1.0, share))
            target = int(share * STEPS) * (position_max[slot] // STEPS)
            if target != position[slot]:
                return at, target, WANT_INTENT
        at += 1
    return at, 0, WANT_NOTHING


def _position_max(context: Context) -> Any:
    """Largest position by slot, size units; 0 (never traded) for an instrument without a parameter."""
    table = context.run.parameters["position_max"]
    return np.array([int(table.get(d.instrument, 0)) for d in context.instruments], dtype=np.int64)
