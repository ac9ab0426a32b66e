"""Side inputs of a task: records that come beside the primary input and change what agents know.

In play they are read only when an agent waits for them, and take effect by log time: where they lie in the log does not
matter. Live, all that can be fetched is applied before each primary batch, and while there is none; the place of each
(the ordinal of the input before which it was applied) rides in the header of the next record to every output partition,
and recovery applies each at its recorded place. Nothing is placed freely below the highest cause seen in any output.
A place that no record has told by a commit is told by the next one after it: the committed outputs alone name every
place that an effect can be seen of, whatever becomes of the snapshots. A replay is given all of them from outside.

What is applied at one place is recorded once a topic: how far it was read. So the topics of one place must commute:
what an agent knows after them may not depend on which it was told first. Each topic's own order is kept.

Topics that people write (``COMMITTED``) are read as committed: a halt or a limit that was never committed must not take
effect, and one that was written again after a failure must take effect as it stands in the log.
"""

from __future__ import annotations

import logging
import zlib
from collections import deque
from collections.abc import Iterable, Sequence
from typing import Any

from schemas.clock import Clock
from schemas.control import End
from schemas.errors import SnapshotError
from schemas.header import Side
from streams.admission import schemas_of
from streams.agent import Agent, Batch, last_time
from streams.clock import monotonic_s
from streams.inputs import ITEMS_MAX, RECORDS_MAX, BadRecord, Input
from streams.log import Log, Reader, Record
from streams.task_plan import TaskPlan

SIDE_WAIT_S = 10.0
"""How long recovery waits for a side record that the log must hold."""
SIDE_POLL_S = 0.1
PLACE_RECORDS_MAX = 4_096
"""Side records applied at one place in one go, each topic; what is left follows at the next."""
CLOCK_STOPPED = 2**64 - 1
"""In place of a ``seq`` of the clock: here the task judged, by the wall, that the clock had stopped."""
NEVER_FREE = 2**63
"""Highest cause of a recorded order that is the whole order: beyond it nothing is placed."""
COMMITTED = frozenset({"control"})
"""Table names of the side topics that are read as committed."""

logger = logging.getLogger(__name__)


def in_order(sides: Iterable[Side]) -> list[Side]:
    """Places in the order in which they took effect; of one place, a stop of the clock is the last.

    A record of the clock that comes behind a stop at the same place takes the stop back before anybody is told of it.
    """
    return sorted(sides, key=lambda side: (side.place, side.seq == CLOCK_STOPPED, side))


def _stands_for(newer: Side, older: Side) -> bool:
    """Whether a place tells all that another does: the same place and writer, and not a stop of the clock."""
    return older.seq != CLOCK_STOPPED and (newer.place, newer.input, newer.partition, newer.writer_crc) == (
        older.place, older.input, older.partition, older.writer_crc
    )  # fmt: skip


class Sides:
    """All side inputs of a task, by table name. ``heard_ns`` is the newest log time that its task has heard of."""

    def __init__(self, log: Log, plan: TaskPlan, stages: Sequence[Agent]) -> None:
        self._plan = plan
        names = sorted({name for stage in stages for name in stage.sides})
        self._inputs = {
            name: Input(
                log,
                plan.side_topic(name),
                plan.partition_of(name),
                accepts=schemas_of(name),
                writer=plan.writers.get(name),
            )
            for name in names
        }
        self._by_topic = {source.topic: source for source in self._inputs.values()}
        self._numbers = {name: i for i, name in enumerate(names)}
        self._log = log
        self._readers: list[Reader] = []
        self._reader_of: dict[str, Reader] = {}
        self._placed: list[Side] = []
        self._recorded: deque[Side] = deque()
        self._cause_max = -1
        self._begun = 0
        self.clock_ns = 0
        self.heard_ns = 0
        self.clock_stopped = False

    @property
    def inputs(self) -> Sequence[Input]:
        """Each side's input."""
        return tuple(self._inputs.values())

    @property
    def timed(self) -> bool:
        """Whether the clock is among the sides: then the task's now is data, and can be too old."""
        return "clock" in self._inputs

    @property
    def recalling(self) -> bool:
        """Whether places that a former life recorded are still to be followed."""
        return bool(self._recorded)

    def open(self) -> None:
        """Start fetching ahead, from where the snapshot stands."""
        if self._readers:
            return
        if self._plan.recorded is not None:
            self._open_each()
            return
        ahead = self._catch_up() if self._plan.mode == "live" else {}
        for committed in (False, True):
            start = {
                (s.topic, s.partition): ahead.get(n, s.offset)
                for n, s in self._inputs.items()
                if (n in COMMITTED) is committed
            }
            if start:
                self._readers.append(self._log.reader(start, committed=committed))

    def _open_each(self) -> None:
        """A reader for each topic: only as much of it is read as the recorded order asks for."""
        for source in self._inputs.values():
            reader = self._log.reader({(source.topic, source.partition): source.offset})
            self._reader_of[source.topic] = reader
            self._readers.append(reader)

    def _catch_up(self) -> dict[str, int]:
        """Have at hand all that people have said so far, before anything is placed; gives where to read on.

        A reader delivers when it has fetched, and an input must not be taken meanwhile as if nobody had said anything:
        a halt that was given while no task ran holds for the first input.
        """
        ahead: dict[str, int] = {}
        for name in COMMITTED & self._inputs.keys():
            source = self._inputs[name]
            records = list(self._log.scan(source.topic, source.partition, source.offset, committed=True))
            source.add(records)
            ahead[name] = records[-1].offset + 1 if records else source.offset
        return ahead

    def hear(
        self, names: Sequence[str], queues: Sequence[Batch | None], stages: Sequence[Agent], states: Sequence[Any],
        wait_s: float,
    ) -> bool:  # fmt: skip
        """Offer an agent that waits what it waits for; False when there was nothing.

        In play it is what comes within ``wait_s``: answers, whose place does not matter. What people say waits for a
        place that is recorded. Live it is all that is there now; its place is before the first input of ``queues``.
        """
        waiting = next((batch for batch in queues if batch is not None), None)
        if self._plan.mode == "live" and waiting is not None:
            self._hear_all(names, stages, states, int(waiting.origins["ordinal"][0]))
            return True
        came = self._fill(wait_s)
        for name, source in self._inputs.items():
            if source.buffered and name not in COMMITTED:
                self._offer_next(name, stages, states)
        return came

    def apply_live(self, stages: Sequence[Agent], states: Sequence[Any], ordinal: int) -> bool:
        """Live: apply what is recorded for this place; beyond the recorded order, all that can be fetched.

        Returns:
            Whether anything was applied.
        """
        if self._plan.mode != "live":
            return False
        applied = self._follow(ordinal, stages, states)
        if not self.free(ordinal) or not self._gather():
            return applied
        for name, source in self._inputs.items():
            before = dict(source.seqs)
            if name == "clock" and source.buffered:
                # Told by nobody yet: a record that says so would stand behind an input that is still to come.
                self._placed = [s for s in self._placed if (s.place, s.seq) != (ordinal, CLOCK_STOPPED)]
            while source.buffered:
                applied |= self._offer_next(name, stages, states)
            self._note(name, before, ordinal)
        return applied

    def stop_clock(self, stages: Sequence[Agent], states: Sequence[Any], ordinal: int) -> None:
        """Tell those who listen to the clock that it has stopped: from this place until its next record.

        That is judged by the wall, so the place is recorded like that of a side record.
        """
        number = self._numbers["clock"]
        side = Side(place=ordinal, input=number, partition=self._plan.partition, writer_crc=0, seq=CLOCK_STOPPED)
        self._apply_stop(side, stages, states)

    def free(self, ordinal: int) -> bool:
        """Whether side records may be placed freely before this input: no output that the log holds came after it."""
        return ordinal > self._cause_max and not self._recorded

    def room(self, ordinal: int) -> int:
        """How many inputs may be taken: none from beyond the next recorded place, nor from beyond the recorded order.

        What follows on the highest cause that the log shows is new, and hears first all that has been said meanwhile.
        """
        if self._recorded:
            return min(ITEMS_MAX, self._recorded[0].place - ordinal)
        return min(ITEMS_MAX, self._cause_max + 1 - ordinal) if ordinal <= self._cause_max else ITEMS_MAX

    def placed(self, known: int) -> tuple[Side, ...]:
        """Places of the side records applied since the last commit, but for the first ``known``.

        An output partition holds what a writer sent there as a gapless prefix, so each place is told there once: in
        the first record after it was given.
        """
        return tuple(self._placed[known:])

    def committed(self, told: int) -> None:
        """The snapshot now holds what the places stood for; those behind the first ``told`` are still to be told."""
        del self._placed[:told]

    def recall(self, sides: set[Side], cause_max: int, ordinal: int = 0) -> None:
        """The order that a former life recorded, to be followed before anything is placed freely.

        Args:
            sides: Places that it told.
            cause_max: Highest cause that its outputs show.
            ordinal: Where the snapshot stands: what was placed before that input has taken effect in it.
        """
        self._begun = ordinal
        if self._plan.recorded is not None:
            self._recorded = deque(side for side in self._plan.recorded if side.place >= ordinal)
            self._cause_max = NEVER_FREE
            return
        self._recorded = deque(in_order(sides - set(self._placed)))
        self._cause_max = cause_max

    def positions(self, told: int = 0) -> dict[str, Any]:
        """Positions by table name, for the snapshot; with the places that no record will have told by then."""
        found: dict[str, Any] = {
            name: {"offset": s.offset, "seqs": s.seqs, "ended": s.ended, "untold": []}
            for name, s in self._inputs.items()
        }
        for side in self._placed[told:]:
            name = next(n for n, i in self._numbers.items() if i == side.input)
            found[name]["untold"].append([side.place, side.partition, side.writer_crc, side.seq])
        if self.clock_stopped:
            found["clock"]["stopped"] = True
        return found

    def restore(self, positions: dict[str, Any]) -> None:
        """Positions from a snapshot."""
        for name, position in positions.items():
            source = self._inputs[name]
            source.offset, source.seqs = position["offset"], dict(position["seqs"])
            source.ended = position["ended"]
            for place, partition, writer_crc, seq in position.get("untold", ()):
                self._placed.append(Side(place, self._numbers[name], partition, writer_crc, seq))
        self._placed = in_order(self._placed)

    def close(self) -> None:
        """Release the readers."""
        for reader in self._readers:
            reader.close()
        self._readers = []

    def _hear_all(
        self, names: Sequence[str], stages: Sequence[Agent], states: Sequence[Any], ordinal: int
    ) -> None:  # fmt: skip
        """Offer all that topics hold, and say that this is all (``ended``).

        Where places are given freely they are read to their end, as of this moment, and their place is before that
        input. Where the order is recorded, it says how much had been heard.
        """
        self._follow(ordinal, stages, states)
        for name in names:
            source, before = self._inputs[name], dict(self._inputs[name].seqs)
            if self.free(ordinal):
                source.add(list(self._log.scan(source.topic, source.partition, source.offset, committed=False)))
                while source.buffered:
                    self._offer_next(name, stages, states)
                self._note(name, before, ordinal)
            for stage, state in zip(stages, states, strict=True):
                if name in stage.sides:
                    stage.offer(state, name, [], ended=True)

    def _follow(self, ordinal: int, stages: Sequence[Agent], states: Sequence[Any]) -> bool:
        """Apply what is recorded for a place; False where nothing is."""
        applied = False
        while self._recorded and self._recorded[0].place <= ordinal:
            self._apply_recorded(self._recorded.popleft(), stages, states)
            applied = True
        return applied

    def _fill(self, wait_s: float) -> bool:
        """Read when all that was read before is used up; False when nothing is at hand."""
        if any(source.buffered for name, source in self._inputs.items() if name not in COMMITTED):
            return True
        self.open()
        return bool(self._take(RECORDS_MAX, wait_s))

    def _gather(self) -> bool:
        """Take over all that can be fetched without waiting, up to the bound; False when nothing is at hand."""
        self.open()
        taken = 0
        while taken < PLACE_RECORDS_MAX and (came := self._take(RECORDS_MAX, 0.0)):
            taken += came
        return taken > 0 or any(source.buffered for source in self._inputs.values())

    def _fill_until(self, source: Input) -> bool:
        """Read until the given side has something; the others' records wait in a list of their own."""
        self.open()
        until = monotonic_s() + SIDE_WAIT_S
        alone = self._reader_of.get(source.topic)
        while not source.buffered and monotonic_s() < until:
            if alone is None:
                self._take(RECORDS_MAX, SIDE_POLL_S)
            else:
                source.add(alone.read(RECORDS_MAX, SIDE_POLL_S))
        return source.buffered

    def _take(self, records_max: int, wait_s: float) -> int:
        """Append what has come to the inputs' lists; returns how many records. Waits on the first reader alone."""
        came = 0
        for reader in self._readers:
            records = reader.read(records_max, 0.0 if came else wait_s)
            by_topic: dict[str, list[Record]] = {}
            for record in records:
                by_topic.setdefault(record.topic, []).append(record)
            for topic, of_topic in by_topic.items():
                self._by_topic[topic].add(of_topic)
            came += len(records)
        return came

    def _offer_next(
        self, name: str, stages: Sequence[Agent], states: Sequence[Any], items_max: int = ITEMS_MAX
    ) -> bool:
        arrival = self._inputs[name].take(items_max)
        if arrival is None:
            return False
        if isinstance(arrival, BadRecord):
            # Whose primary input this is writes the dead letter; here it must only do no harm.
            logger.debug("side record skipped: %s", arrival.error.told)
            return False
        ended = isinstance(arrival, End)
        items: Any = [] if isinstance(arrival, End) else arrival.items
        if name == "clock":
            self.clock_stopped = False
            self.clock_ns = max(self.clock_ns, *(item.ts for item in items if isinstance(item, Clock)))
        self.heard_ns = max(self.heard_ns, last_time(items))
        for stage, state in zip(stages, states, strict=True):
            if name in stage.sides:
                stage.offer(state, name, items, ended=ended)
        return True

    def _note(self, name: str, before: dict[str, int], ordinal: int) -> None:
        """Record how far each writer of a topic has been applied before the input ``ordinal``."""
        for writer, seq in self._inputs[name].seqs.items():
            if before.get(writer) != seq:
                side = Side(
                    place=ordinal, input=self._numbers[name], partition=self._inputs[name].partition,
                    writer_crc=zlib.crc32(writer.encode()), seq=seq - 1,
                )  # fmt: skip
                # At one place the newest of a writer says it all: while no input comes, the clock's must not pile up.
                self._placed = [s for s in self._placed if not _stands_for(side, s)]
                self._placed.append(side)

    def _apply_stop(self, side: Side, stages: Sequence[Agent], states: Sequence[Any]) -> None:
        self.clock_stopped = True
        for stage, state in zip(stages, states, strict=True):
            if "clock" in stage.sides:
                stage.offer(state, "clock", [], ended=True)
        self._placed.append(side)

    def _apply_recorded(self, side: Side, stages: Sequence[Agent], states: Sequence[Any]) -> None:
        """Read forward on the named side up to and including the recorded record."""
        if side.seq == CLOCK_STOPPED:
            if side.place < self._begun:
                # A record that was heard before is told by its number; a stop has none, and the clock may have gone on.
                self._placed.append(side)
            else:
                self._apply_stop(side, stages, states)
            return
        name = next(n for n, i in self._numbers.items() if i == side.input)
        source = self._inputs[name]
        while not any(zlib.crc32(w.encode()) == side.writer_crc and s > side.seq for w, s in source.seqs.items()):
            if not source.buffered and not self._fill_until(source):
                raise SnapshotError(
                    "a side record that an output was made from is gone", kind="side_gone",
                    where=f"{source.topic} seq {side.seq}",
                    fix="restore the topic from the archive; the task cannot recover without it",
                )  # fmt: skip
            self._offer_next(name, stages, states, 1)
        self._placed.append(side)
