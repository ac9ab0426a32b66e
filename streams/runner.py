"""The runner: everything impure around agents. One task = a chain of fused agents on one input partition.

Per turn: read, decode, step, number, append; now and then commit. A commit holds, in one transaction, the outputs, the
input positions and the agents' state, so that whatever dies, the newest snapshot and the log agree. Recovery takes the
transactional id over (Kafka fences the former holder), restores the newest committed snapshot, reads back what was left
uncommitted beyond it, replays the inputs and compares what it regenerates. Determinism does the rest.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from schemas.control import End
from schemas.dead_letter import DeadLetter
from schemas.header import HOP_NUMBER
from streams.admission import schemas_of
from streams.agent import Agent, Batch, DocumentOut, Out, last_time
from streams.breaker import Breaker
from streams.clock import monotonic_s, wall_ns
from streams.dead_letters import Letters
from streams.failpoints import Failpoint, nothing
from streams.inputs import BadRecord, Input
from streams.log import Log, Place, Writer
from streams.recovery import Recovery, last_ahead
from streams.sample import behind, kept_rows
from streams.sides import Sides
from streams.snapshot import TaskState, check_build, fitting, newest, record_header, to_bytes
from streams.stale_clock import StaleClock
from streams.succession import Succession, carried_over, check_left, rewarm
from streams.task_outputs import TaskOutputs
from streams.task_plan import TaskPlan
from streams.vitals import Vitals

STATE = "state"
TIME_MAX = 2**63 - 1


class Task:
    """A running task: call :meth:`turn` until :attr:`done`; live, that is never.

    ``confirm`` is called when the place is held, before anything is restored: it raises where this task is not wanted.

    Attributes:
        succession: How it took over from another run's task; None where it goes on with its own run.
        left_to: Run that succeeds this one here: the task has committed all that it will, and is done. Else empty.
        kept: First offset of each partition that the next life would read.
        recovery, vitals: How far this life is in working off what it found on its input; what it counts, for metrics.
    """

    def __init__(
        self, plan: TaskPlan, stages: Sequence[Agent], log: Log, *, failpoint: Failpoint | None = None,
        on_reject: Callable[[DeadLetter], None] | None = None, monotonic: Callable[[], float] = monotonic_s,
        wall: Callable[[], int] = wall_ns, confirm: Callable[[], None] = lambda: None,
    ) -> None:  # fmt: skip
        self.plan = plan
        self.succession: Succession | None = None
        self.left_to = ""
        self.kept: dict[Place, int] = {}
        self.done = False
        self.vitals = Vitals()
        self.stages, self._log = tuple(stages), log
        self._failpoint = failpoint or nothing
        self._on_reject = on_reject or (lambda _letter: None)
        self._monotonic = monotonic
        self._states: list[Any] = []
        self._queues: list[Batch | None] = [None] * len(self.stages)
        self._hops = tuple(HOP_NUMBER[stage.name] for stage in self.stages)
        self._fused_next = (*(stage.reads for stage in self.stages[1:]), "")
        self._waits: tuple[str, ...] = ()
        self._end: End | None = None
        self._finished = 0 if plan.recorded is None else len(self.stages)  # a live run's stages have no end
        self._snapshots, self._dirty = 0, False
        self._cause_max = -1
        self._committed_at = monotonic()
        reads = stages[0].reads
        source, primary = plan.source if reads.startswith("raw.") else "", plan.topic(reads)
        self._new_input = partial(
            Input, log, primary, plan.partition_of(reads), source=source, gapless=not source, carried=plan.replayed,
            records_max=plan.records_max, accepts=schemas_of(reads), writer=plan.writers.get(reads), sole=plan.sole,
        )  # fmt: skip
        self._input = self._new_input()
        self._letters = Letters(plan.name, primary, self._input.partition)
        self._breaker = Breaker(plan.name, f"{primary}[{self._input.partition}]", plan.bad_share_max, plan.bad_min)
        self._sides = Sides(log, plan, self.stages)
        self._clock = StaleClock(plan, self._sides, monotonic, wall)
        self._failpoint("takeover", 0)
        self._writer: Writer = log.writer(plan.namespace + plan.name)
        confirm()
        self._outputs = TaskOutputs(
            plan, self.stages, self._writer, self._sides, monotonic, lambda: self._failpoint("produce", self.inputs)
        )
        self._failpoint("recovering", 0)
        self._recover()
        self._keep((plan.topic(STATE), plan.state_partition), 0, self._outputs.marks(recovering=True))
        numbers = plan.writers.get(stages[0].reads)
        self.recovery = Recovery(log, self._input, numbers if isinstance(numbers, str) else None, monotonic, wall)
        self._failpoint("recovered", self.inputs)
        if self.left_to:
            return
        self._input.open()
        self._sides.open()
        if self.succession is not None:
            self.commit()  # before any output: what is compared in a recovery was never written by two builds

    @property
    def inputs(self) -> int:
        """Inputs consumed since the task began, over all its lives."""
        return self._input.ordinal

    @property
    def recovered(self) -> bool:
        """Whether all that former lives left uncommitted has been regenerated."""
        return self.inputs > self._cause_max and not self._outputs.recalling

    @property
    def reach(self) -> dict[Place, int]:
        """First offset of each partition that it has yet to take in."""
        return {(source.topic, source.partition): source.offset for source in (self._input, *self._sides.inputs)}

    @property
    def at_rest(self) -> bool:
        """Whether it has worked off all that it has read, and waits for nobody."""
        return not (self._waits or any(self._queues) or self._input.buffered)

    def consumed(self, writer: str) -> int:
        """Rows or documents of a writer that have been taken in from the primary input."""
        return self._input.seqs.get(writer, 0)

    def last_ahead(self) -> int:
        """Offset of the last record that now lies ahead on the input; -1: none, or a side record must come first."""
        return -1 if self._waits else last_ahead(self._log, self._input)

    def turn(self, wait_s: float) -> bool:
        """Do one piece of work, waiting up to ``wait_s`` for input; False when there was none.

        Raises:
            TaskFailed: Too much of the input is refused; what there is is committed.
        """
        self._breaker.check()
        wait_s = self._outputs.serve(wait_s)
        progressed = self._step_queues() or self._read_sides(wait_s) or self._read(wait_s)
        self.recovery.look(self._input)
        if not self.done and (self._breaker.tripped or self._commit_due()):
            self.commit()
        return progressed

    def commit(self) -> None:
        """Commit outputs, positions and state in one transaction."""
        began_s = self._monotonic()
        self._outputs.prepare()
        self._failpoint("snapshot", self.inputs)
        data = to_bytes(state := self._task_state())
        header = record_header(self.plan.name, self._snapshots, state.values["time"])
        self._failpoint("committing", self.inputs)
        place = (self.plan.topic(STATE), self.plan.state_partition)
        self._outputs.commit(*place, self.plan.name.encode(), data, header)
        self._keep(place, self._writer.delivered(*place), state.values["outputs"])
        self._dirty, self._committed_at = False, self._monotonic()
        self.vitals.committed(self._committed_at - began_s, len(data))
        self._failpoint("committed", self.inputs)

    def catch_up(self) -> None:
        """Play: take in the side records there are, where every input that is yet to come lies behind them all."""
        for stage, state in zip(self.stages, self._states, strict=True):
            passes = getattr(stage, "passes", None)
            while passes is not None and not self.done and self.at_rest and passes(state, TIME_MAX):
                if not self._sides.hear((), (), self.stages, self._states, 0.0):
                    break
                self._dirty = True

    def _keep(self, place: Place, snapshot: int, marks: dict[str, list[int]]) -> None:
        self.kept = {place: snapshot, **self.reach, **self._outputs.places(marks)}

    def leave(self, successor: str) -> bool:
        """Commit here and end for good, as another run succeeds. False while recovery is not through: ask again."""
        if not self.recovered or self._sides.recalling:
            return False
        self.left_to = successor
        self.commit()
        self.done = True
        return True

    def close(self) -> None:
        """Release readers and the writer; what is uncommitted is left for the next life."""
        self._input.close()
        self._sides.close()
        self._writer.close()

    # ---- one turn -------------------------------------------------------------------------------------------------

    def _read(self, wait_s: float) -> bool:
        if self._end is not None or self._waits:
            return False
        self._failpoint("poll", self.inputs)
        came = self._input.fill(wait_s)
        self._dirty |= self._sides.apply_live(self.stages, self._states, self._input.ordinal)
        self.vitals.held = came and self._clock.holds(self.stages, self._states, self._input.ordinal, wait_s)
        if not came or self.vitals.held:
            return False
        arrival = self._input.take(self._sides.room(self._input.ordinal))
        if arrival is None:  # repeats alone: whoever waits for a task to run dry must not think that it has
            return True
        self._dirty = True
        if isinstance(arrival, End):
            self._end = arrival
            self._finish()
        elif isinstance(arrival, BadRecord):
            self._dead_letter(*self._letters.of_record(arrival), arrival.ordinal)
        else:
            arrival.arrived_ns = wall_ns()
            self._queues[0] = self.vitals.newest = arrival
            self._input.time = max(self._input.time, last_time(arrival.items))
            self._step_queues()
        return True

    def _read_sides(self, wait_s: float) -> bool:
        if not self._waits or not self._sides.hear(self._waits, self._queues, self.stages, self._states, wait_s):
            return False
        self._dirty, self._waits = True, ()
        if not any(self._queues) and self._end is not None:
            self._finish()
        else:
            self._step_queues()
        return True

    def _step_queues(self) -> bool:
        """Step every stage that has items, the last first, so that what is older leaves first."""
        if self._waits:
            return False
        first = len(self.stages) - 1
        while first >= 0 and self._queues[first] is None:
            first -= 1
        if first < 0:
            return False
        self._failpoint("step", self.inputs)
        late: list[Callable[[], None]] = []
        for i in range(first, len(self.stages)):
            self._step(i, late)
        for publish in late:
            publish()
        self._failpoint("produced", self.inputs)
        if self.plan.commit_every_batch and self._outputs.begun:
            self.commit()
        return True

    def _step(self, i: int, late: list[Callable[[], None]]) -> None:
        batch = self._queues[i]
        if batch is None or self._waits:
            return
        out = self.stages[i].step(self._states[i], batch)
        self._waits = out.waits
        self._queues[i] = batch.tail(out.consumed) if out.consumed < len(batch) else None
        self._emit(i, batch, out, late)

    def _finish(self) -> None:
        while self._finished < len(self.stages):
            i = self._finished
            out = self.stages[i].finish(self._states[i])
            late: list[Callable[[], None]] = []
            self._emit(i, _END_BATCH, out, late)
            for publish in late:
                publish()
            self._waits = out.waits
            if out.waits:
                return
            self._finished += 1
        assert self._end is not None, "finish without an end"
        end = End(run=self.plan.run, ts=self._end.ts, inputs=self.inputs)
        self._outputs.end(end, self.inputs)
        self.commit()
        self.done = True

    # ---- outputs --------------------------------------------------------------------------------------------------

    def _emit(self, i: int, batch: Batch, out: Out, late: list[Callable[[], None]]) -> None:
        """Publish a stage's outputs: documents now, rows once the last stage has had its turn."""
        left_ns = wall_ns()
        hops = (*batch.hops, self._hops[i])
        fused_next = self._fused_next[i]
        for document in out.documents:
            self._emit_document(document, batch, hops, left_ns)
        for reject in out.rejects:
            ordinal = int(batch.origins["ordinal"][reject.index])
            self._dead_letter(*self._letters.of_item(batch, reject.index, reject.error), ordinal)
        for rows_out in out.rows:
            if not len(rows_out.rows):
                continue
            stamps, origins, carried = behind(batch, rows_out)
            passed = (*batch.passed, batch.arrived_ns, left_ns)
            if rows_out.topic == fused_next:
                carried = rows_out.rows if self._sampled(i) else carried
                self._queues[i + 1] = Batch(rows_out.rows, origins, hops, stamps, left_ns, carried, passed)
                if self._sampled(i):
                    continue
            ordinals = origins["ordinal"]
            late.append(partial(self._outputs.rows, rows_out.topic, rows_out.rows, stamps, ordinals, hops, passed))
        if batch.carried is not None and not fused_next:
            self._publish_carried(batch, out, late)

    def _sampled(self, i: int) -> bool:
        """Whether stage ``i`` makes feature rows whose publication waits for a later stage's verdict."""
        return self.stages[i].name == "feature" and i + 2 < len(self.stages)

    def _publish_carried(self, batch: Batch, out: Out, late: list[Callable[[], None]]) -> None:
        """Of the feature rows behind what the last stage consumed: those that led to an intent, and a sample."""
        if batch.carried is None or not out.consumed:
            return
        rows = batch.carried[: out.consumed]
        kept = kept_rows(rows["root_seq"], [document.index for document in out.documents])
        if len(kept):
            ordinals = batch.origins["ordinal"][kept]
            hops = batch.hops[: batch.hops.index(HOP_NUMBER["feature"]) + 1]
            passed = batch.passed[: 1 + 2 * len(hops) - batch.stamps.shape[1]]
            late.append(partial(self._outputs.rows, "features", rows[kept], batch.stamps[kept], ordinals, hops, passed))

    def _emit_document(self, document: DocumentOut, batch: Batch, hops: tuple[int, ...], left_ns: int) -> None:
        at = document.index
        self._outputs.document(
            document.topic, document.key, document.document, batch.stamps[at : at + 1],
            int(batch.origins["ordinal"][at]), hops, (*batch.passed, batch.arrived_ns, left_ns),
        )  # fmt: skip

    def _dead_letter(self, key: bytes, letter: DeadLetter, ordinal: int) -> None:
        self._outputs.letter(key, letter, ordinal)
        self._breaker.refused(ordinal, letter.kind)
        self.vitals.dead_letters[letter.kind or letter.code] += 1
        self._on_reject(letter)

    # ---- transactions and recovery --------------------------------------------------------------------------------

    def _commit_due(self) -> bool:
        age_s = self._monotonic() - self._committed_at
        if self._dirty or self._outputs.begun:
            return age_s >= self.plan.commit_interval_s
        return self.plan.lasting and age_s >= self.plan.heartbeat_s

    def _task_state(self) -> TaskState:
        self._snapshots += 1
        values = {
            "task": self.plan.name, **{name: getattr(self.plan, name) for name in ("run", "owner", "build")},
            "left_to": self.left_to, "succession": None if self.succession is None else self.succession.document(),
            "stages": [s.name for s in self.stages],
            "input": {name: getattr(self._input, name) for name in ("offset", "ordinal", "seqs", "time", "session")},
            "sides": self._sides.positions(self._outputs.sides_told),
            "outputs": self._outputs.marks(recovering=self.inputs <= self._cause_max),
            "breaker": self._breaker.dump(),
            "recovery": self.recovery.told(),
            "snapshots": self._snapshots,
            "waits": list(self._waits),
            "time": max(self._input.time, self._sides.heard_ns),
            "end": None if self._end is None else self._end.ts,
            "finished": self._finished,
            "done": self._end is not None and self._finished == len(self.stages),
        }  # fmt: skip
        agents = [s.snapshot(state) for s, state in zip(self.stages, self._states, strict=True)]
        return TaskState(values, agents, list(self._queues))

    def _recover(self) -> None:
        """Take up where the newest committed snapshot stands; remember what lies beyond it in the log."""
        snapshot = newest(self._log, self.plan.topic(STATE), self.plan.state_partition, self.plan.name)
        if snapshot is None:
            self._states = [s.start() for s in self.stages]
        else:
            with fitting(self.plan.name):
                self._restore(snapshot)
        if not self.done:
            sides, self._cause_max = self._outputs.recall(self._log)
            self._sides.recall(sides, self._cause_max, self.inputs)
        if self.succession is not None:
            check_left(self.recovered, self.plan, self.succession)
            rewarm(self._log, self.plan, self._new_input(), self.stages, self._states, self.succession, self._input)

    def _restore(self, snapshot: TaskState) -> None:
        values = snapshot.values
        if values.get("run", self.plan.run) == self.plan.run:
            check_build(values, self.plan.build, self.plan.name)
            self.left_to = str(values.get("left_to", ""))
            if self.left_to:
                self.done = True
                return
            self._states = [s.restore(data) for s, data in zip(self.stages, snapshot.agents, strict=True)]
        else:
            self._states, self.succession = carried_over(self.stages, snapshot)
        self._queues = snapshot.queues
        self._input.restore(values["input"])
        self._sides.restore(values["sides"])
        self._outputs.restore(values["outputs"])
        self._breaker.restore(values.get("breaker"))
        self._snapshots, self._sides.heard_ns = values["snapshots"], values.get("time", 0)
        self._waits = tuple(values["waits"])
        self._end = None if values["end"] is None else End(run=self.plan.run, ts=values["end"], inputs=0)
        self._finished = values["finished"]
        self.done = values["done"]


_END_BATCH = Batch.of([None])
