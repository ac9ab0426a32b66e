"""Strategy: score to target position to order intent. Its position follows executions, nothing else.

Which position is wanted is the say of the run's strategy (``agents/target.py``; shipped: ``agents/touch_pressure.py``).
When target and position differ, nothing is unanswered for the instrument and it has rested, an immediate-or-cancel
intent at the opposite touch goes out. Where an execution system works the orders they may rest
(``agents/resting.py``).

In play an answer takes effect at its own log time, and the hop waits for it; live, where it arrives, and nothing waits.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from agents.answers import NEVER, Answer, Answers, Pending
from agents.context import Context
from agents.plugins import strategy_of
from agents.resting import Resting
from agents.slots import put, slots_now
from agents.target_scan import WANT_ANOTHER, WANT_ANSWERS, WANT_INTENT, scan_of
from schemas.decision import Decision
from schemas.document import Root
from schemas.errors import SnapshotError
from schemas.execution import Execution
from schemas.intent import Action, Intent, Touch
from schemas.partitions import named
from schemas.sources import name_of
from streams.agent import Batch, DocumentOut, Out, Rows, frozen
from streams.state_bytes import dump, load
from streams.succession import Migration

KIND = "strategy/3"
KIND_2 = "strategy/2"
"""Named neither its instruments nor whose memory it holds."""
NANOS_PER_MS = 1_000_000


class StrategyState:
    """Arrays by slot (int64): position and largest position (size units), open intents, and until when each rests.

    ``memory`` is the strategy's own: float64, shape (slots, ``Target.memory``); ``cold`` where it is another strategy's
    no longer, and not yet this one's.
    """

    def __init__(self, position_max: Rows, memory: int = 0, working_ms: float = 0.0) -> None:
        self.cold = False
        slots = len(position_max)
        self.position = np.zeros(slots, dtype=np.int64)
        self.position_max = position_max
        self.unanswered = np.zeros(slots, dtype=np.int64)
        self.rests_until = np.full(slots, -(2**62), dtype=np.int64)
        self.memory = np.zeros((slots, memory), dtype=np.float64)
        self.answers = Answers()
        self.resting = Resting(slots, working_ms)


class Strategy:
    """The hop. ``listens=False`` makes it deaf to executions: only for the test that shows they matter."""

    name = "strategy"
    reads = "scores"
    sides = ("executions", "orders.decision")
    writes = ("orders.intent",)
    rebuildable = False

    def __init__(self, context: Context, *, listens: bool = True) -> None:
        self._context = context
        self._listens = listens
        self._run = context.run
        parameters = context.run.parameters
        self._live = context.run.mode == "live"
        self._target = strategy_of(context)
        self._scan = scan_of(self._target)
        self._values = np.array(self._target.values(parameters), dtype=np.float64)
        self._rest_ns = int(parameters["rest_ms"]) * NANOS_PER_MS
        self._valid_ns = int(parameters["valid_ms"]) * NANOS_PER_MS
        self._working_ms = float(parameters.get("working_ms", 0.0))
        self._position_max = _position_max(context)
        self._model = str(context.run.model.get("sha256", ""))
        self._view = str(context.run.model.get("view", ""))
        code = next((c["sha256"] for c in context.run.code if c["kind"] == "strategy"), "")
        self._owner = f"{self._target.name} {code}".rstrip()
        self._instruments = [definition.instrument_id for definition in context.instruments]

    def start(self) -> StrategyState:
        """Flat, nothing unanswered."""
        return StrategyState(self._position_max.copy(), self._target.memory, self._working_ms)

    def step(self, state: StrategyState, batch: Batch) -> Out:
        """Look at scores until one falls due after an answer that has not come."""
        rows = frozen(batch.items)
        out = Out(consumed=0)
        at = 0
        while at < len(rows):
            due = NEVER if self._live else state.answers.due
            at, target, want = self._scan(
                rows, at, self._context.slots, state.position, state.position_max, state.unanswered, state.rests_until,
                state.resting.overdue, due, self._values, state.memory,
            )  # fmt: skip
            if want == WANT_ANSWERS:
                if not self._apply_due(state, int(rows["ts_log"][at])):
                    out.waits = self.sides
                    break
            elif want == WANT_ANOTHER:
                out.documents.append(self._another(state, rows[at], at, target))
                at += 1
            elif want == WANT_INTENT:
                out.documents.append(self._intent(state, rows[at], at, target))
                at += 1
        out.consumed = at
        return out

    def offer(self, state: StrategyState, topic: str, items: Rows | list[Any], *, ended: bool) -> None:
        """Executions, and denials among the decisions; each takes effect at its own log time, live at once."""
        del topic, ended
        for item in items:
            if (isinstance(item, Decision) and item.verdict == "denied") or isinstance(item, Execution):
                if self._live:
                    # By its id alone: an answer may come after the desk has taken up a strategy of another name.
                    self._settle(state, item)
                elif item.strategy == self._run.strategy:
                    state.answers.put(item)

    def finish(self, state: StrategyState) -> Out:
        """Await the last answers, in play; a live run has no end."""
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
            "memory": state.memory,
        }
        resting_arrays, resting = state.resting.dump()
        values = {
            "answers": state.answers.dump(), "run": self._run.run, "instruments": self._instruments,
            "owner": self._owner, **resting,
        }  # fmt: skip
        return dump(KIND, {**arrays, **resting_arrays}, values)

    def restore(self, data: bytes) -> StrategyState:
        """State from a snapshot. Positions and what is open are the desk's: they go on whatever was changed since.

        Memory goes on where it is the same strategy's, else it is migrated, or cold.

        Raises:
            SnapshotError: Of another agent, or an instrument with a position or an open intent is no longer defined.
        """
        arrays, values = load(KIND, data)
        kept = {name: arrays[name] for name in ("position", "unanswered")}
        slots = slots_now(values["instruments"], self._context, kept)
        # A run opened since may trade other sizes.
        same_run = values["run"] == self._run.run
        state = self.start()
        for name in (*kept, "rests_until", *(("position_max",) if same_run else ())):
            put(arrays[name], slots, getattr(state, name))
        state.resting.restore(arrays, values, slots)
        self._remember(state, arrays["memory"], slots, str(values.get("owner", "")))
        answers = values["answers"]
        answers["pending"] = [[name, due, slots[old]] for name, due, old in answers["pending"]]
        state.answers = Answers.load(answers)
        return state

    @property
    def migrations(self) -> Mapping[str, Migration]:
        """From snapshots of earlier versions."""
        return {KIND_2: self._from_2}

    def rewarm(self, state: StrategyState, batch: Batch) -> Out:
        """The strategy's kernel sees scores and remembers; whatever it wants, no intent leaves."""
        rows = frozen(batch.items)
        open_everywhere = np.ones(len(self._instruments), dtype=np.int64)
        self._scan(
            rows, 0, self._context.slots, state.position, state.position_max, open_everywhere, state.rests_until,
            np.full(len(self._instruments), NEVER), NEVER, self._values, state.memory,
        )  # fmt: skip
        return Out(consumed=len(rows))

    def _remember(self, state: StrategyState, memory: Any, slots: list[int], owner: str) -> None:
        """Take over what a strategy remembered, as far as this one can use it."""
        if owner != self._owner:
            if self._target.migrate is None:
                state.cold = self._target.memory > 0
                return
            memory = self._migrated(owner, memory)
        if memory.shape != (len(slots), self._target.memory):
            raise SnapshotError(
                "a strategy's memory does not fit", kind="foreign", got=f"shape {memory.shape} of {owner}",
                allowed=f"({len(slots)}, {self._target.memory})", where=self._target.name,
            )  # fmt: skip
        put(memory, slots, state.memory)

    def _migrated(self, owner: str, memory: Any) -> Any:
        """What the desk's own migration makes of another strategy's memory."""
        try:
            return np.asarray(self._target.migrate(owner, memory), dtype=np.float64)  # type: ignore[misc]
        except Exception as error:  # the desk's code, whatever it raises
            raise SnapshotError(
                "the strategy's migrate cannot use what was remembered", kind="not_carried",
                got=f"{type(error).__name__}: {error}", where=f"{self._target.name}, memory of {owner}",
                fix="mend migrate, or leave it out: the memory is then built anew from the tape",
            ) from error  # fmt: skip

    def _from_2(self, data: bytes) -> bytes:
        """Instruments that were not named are those of now, if there are as many; the memory is nobody's."""
        arrays, values = load(KIND_2, data)
        if len(arrays["position"]) != len(self._instruments):
            raise SnapshotError(
                "a strategy snapshot does not fit", kind="foreign", got=f"{len(arrays['position'])} instruments",
                allowed=str(len(self._instruments)), where=self._target.name,
            )  # fmt: skip
        return dump(KIND, arrays, {**values, "instruments": self._instruments, "owner": ""})

    def _apply_due(self, state: StrategyState, now: int) -> bool:
        due = state.answers.take_due(now)
        if due is None:
            return False
        self._apply(state, due)
        return True

    def _settle(self, state: StrategyState, answer: Answer) -> None:
        """Live: what arrives takes effect where it arrives; what answers nothing of ours changes nothing."""
        settled = state.answers.settle(answer)
        if settled is None:
            return
        pending, final = settled
        state.unanswered[pending.slot] -= final
        if final:
            state.resting.settle(pending.slot, answer)
        if isinstance(answer, Execution) and self._listens:
            state.position[pending.slot] += answer.last_quantity if answer.side == "buy" else -answer.last_quantity

    def _apply(self, state: StrategyState, due: list[Any]) -> None:
        for pending, answers in due:
            state.unanswered[pending.slot] -= 1
            for answer in answers:
                if isinstance(answer, Execution) and self._listens:
                    sign = 1 if answer.side == "buy" else -1
                    state.position[pending.slot] += sign * answer.last_quantity

    def _another(self, state: StrategyState, row: Any, index: int, target: int) -> DocumentOut:
        """What comes of the order that has rested for long enough: a replace, or a cancel."""
        slot = self._context.slot_of(int(row["instrument_id"]))
        named, side = state.resting.newest(slot)
        wanted = target - int(state.position[slot])
        action: Action = "replace" if wanted and (wanted > 0) == (side == "buy") else "cancel"
        return self._intent(state, row, index, target, action, named, side)

    def _intent(
        self, state: StrategyState, row: Any, index: int, target: int, action: Action = "new", cancels: str = "",
        side: str = "",
    ) -> DocumentOut:  # fmt: skip
        instrument = self._context.instruments[slot := self._context.slot_of(int(row["instrument_id"]))]
        source = name_of(int(row["publisher_id"]), self._run.source)
        source = named(source, self._context.partition, self._run.partitions)
        root = Root(source=source, seq=int(row["root_seq"]), part=int(row["root_part"]))
        ts, position = int(row["ts_log"]), int(state.position[slot])
        buys = side == "buy" if side else target > position
        intent = Intent(
            client_order_id=f"{self._run.strategy}-{root.source}-{root.seq}-{root.part}", root=root, ts=ts,
            account=self._run.account, strategy=self._run.strategy, instrument_id=instrument.instrument_id,
            instrument=instrument.instrument, side="buy" if buys else "sell",
            quantity=0 if action == "cancel" else abs(target - position),
            limit_price=int(row["ask_price" if buys else "bid_price"]), valid_until=ts + self._valid_ns,
            touch=Touch(
                bid_price=int(row["bid_price"]), ask_price=int(row["ask_price"]), bid_size=int(row["bid_size"]),
                ask_size=int(row["ask_size"]), ts=int(row["ts_touch"]),
            ),
            score=float(row["score"]), position=position, target=target, model=self._model, view=self._view,
            flags=int(row["flags"]), action=action, cancels=cancels,
            time_in_force="gtc" if state.resting.working_ns else "ioc",
        )  # fmt: skip
        state.answers.expect(Pending(intent.client_order_id, ts + self._run.venue_latency_ns, slot))
        state.unanswered[slot] += 1
        state.rests_until[slot] = ts + self._rest_ns
        if action == "cancel":
            state.resting.leave(slot)
        else:
            state.resting.begin(slot, intent.client_order_id, intent.side, ts)
        return DocumentOut("orders.intent", instrument.instrument.encode(), intent, index)


def _position_max(context: Context) -> Any:
    """Largest position by slot, size units; 0 (never traded) for an instrument without a parameter."""
    table = context.run.parameters["position_max"]
    return np.array([int(table.get(d.instrument, 0)) for d in context.instruments], dtype=np.int64)
