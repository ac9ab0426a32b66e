"""Side inputs of a task: records that come beside the primary input and change what agents know.

In play they are read only when an agent waits for them, and take effect by log time: where they lie in the log does not
matter. Live, all that can be fetched is applied before each primary batch; the place of each (the ordinal of the input
before which it was applied) rides in the header of every output until the next commit, and recovery applies each at
its recorded place. Nothing is placed freely below the highest cause seen in any output.
"""

from __future__ import annotations

import logging
import zlib
from collections.abc import Sequence
from typing import Any

from schemas.control import End
from schemas.errors import SnapshotError
from schemas.header import Side
from streams.agent import Agent
from streams.clock import monotonic_s
from streams.inputs import ITEMS_MAX, RECORDS_MAX, BadRecord, Input, schemas_of
from streams.log import Log, Reader, Record
from streams.task_plan import TaskPlan

SIDE_WAIT_S = 10.0
"""How long recovery waits for a side record that the log must hold."""
SIDE_POLL_S = 0.1

logger = logging.getLogger(__name__)


class Sides:
    """All side inputs of a task, by table name."""

    def __init__(self, log: Log, plan: TaskPlan, stages: Sequence[Agent]) -> None:
        self._plan = plan
        names = sorted({name for stage in stages for name in stage.sides})
        self._inputs = {
            name: Input(log, plan.topic(name), plan.partition, accepts=schemas_of(name), writer=plan.writers.get(name))
            for name in names
        }
        self._numbers = {name: i for i, name in enumerate(names)}
        self._log = log
        self._reader: Reader | None = None
        self._pending: list[Side] = []
        self._recorded: list[Side] = []
        self._cause_max = -1

    def open(self) -> None:
        """Start fetching ahead, from where the snapshot stands."""
        if self._inputs and self._reader is None:
            self._reader = self._log.reader({(s.topic, s.partition): s.offset for s in self._inputs.values()})

    def read(self, stages: Sequence[Agent], states: Sequence[Any], wait_s: float) -> bool:
        """Offer what has come, waiting up to ``wait_s`` for the first record; False when there was nothing."""
        came = self._fill(wait_s)
        for name, source in self._inputs.items():
            if source.buffered:
                self._offer_next(name, stages, states)
        return came

    def apply_live(self, stages: Sequence[Agent], states: Sequence[Any], ordinal: int) -> None:
        """Live: apply what is recorded for this place; beyond the recorded order, all that can be fetched."""
        if self._plan.mode != "live":
            return
        while self._recorded and self._recorded[0].place <= ordinal:
            self._apply_recorded(self._recorded.pop(0), stages, states)
        if ordinal <= self._cause_max or self._recorded:
            return
        while self._fill(0.0):
            for name, source in self._inputs.items():
                while source.buffered:
                    before = dict(source.seqs)
                    if self._offer_next(name, stages, states):
                        self._note(name, before, ordinal)

    def room(self, ordinal: int) -> int:
        """How many inputs may be taken before the next recorded place."""
        return min(ITEMS_MAX, self._recorded[0].place - ordinal) if self._recorded else ITEMS_MAX

    def recorded(self) -> tuple[Side, ...]:
        """Places of the side records applied since the last commit: what every output's header carries."""
        return tuple(self._pending)

    def committed(self) -> None:
        """The snapshot now holds what the places stood for."""
        self._pending.clear()

    def recall(self, sides: set[Side], cause_max: int) -> None:
        """The order that a former life recorded, to be followed before anything is placed freely."""
        self._recorded = sorted(sides)
        self._cause_max = cause_max

    def positions(self) -> dict[str, Any]:
        """Positions by table name, for the snapshot."""
        return {name: {"offset": s.offset, "seqs": s.seqs, "ended": s.ended} for name, s in self._inputs.items()}

    def restore(self, positions: dict[str, Any]) -> None:
        """Positions from a snapshot."""
        for name, position in positions.items():
            source = self._inputs[name]
            source.offset, source.seqs = position["offset"], dict(position["seqs"])
            source.ended = position["ended"]

    def close(self) -> None:
        """Release the reader."""
        if self._reader is not None:
            self._reader.close()
            self._reader = None

    def _fill(self, wait_s: float) -> bool:
        """Read when all that was read before is used up; False when nothing is at hand."""
        if any(source.buffered for source in self._inputs.values()):
            return True
        self.open()
        if self._reader is None:
            return False
        by_topic: dict[str, list[Record]] = {}
        for record in self._reader.read(RECORDS_MAX, wait_s):
            by_topic.setdefault(record.topic, []).append(record)
        for source in self._inputs.values():
            source.push(by_topic.get(source.topic, []))
        return bool(by_topic)

    def _fill_until(self, source: Input) -> bool:
        """Read until the given side has something; the others' records wait in a list of their own."""
        self.open()
        if self._reader is None:
            return False
        until = monotonic_s() + SIDE_WAIT_S
        while monotonic_s() < until:
            for record in self._reader.read(RECORDS_MAX, SIDE_POLL_S):
                next(s for s in self._inputs.values() if s.topic == record.topic).add(record)
            if source.buffered:
                return True
        return False

    def _offer_next(self, name: str, stages: Sequence[Agent], states: Sequence[Any]) -> bool:
        arrival = self._inputs[name].take(1 if self._plan.mode == "live" else ITEMS_MAX)
        if arrival is None:
            return False
        if isinstance(arrival, BadRecord):
            # Whose primary input this is writes the dead letter; here it must only do no harm.
            logger.debug("side record skipped: %s", arrival.error.told)
            return False
        ended = isinstance(arrival, End)
        items: Any = [] if isinstance(arrival, End) else arrival.items
        for stage, state in zip(stages, states, strict=True):
            if name in stage.sides:
                stage.offer(state, name, items, ended=ended)
        return True

    def _note(self, name: str, before: dict[str, int], ordinal: int) -> None:
        for writer, seq in self._inputs[name].seqs.items():
            if before.get(writer) != seq:
                crc = zlib.crc32(writer.encode())
                self._pending.append(
                    Side(
                        place=ordinal, input=self._numbers[name], partition=self._plan.partition, writer_crc=crc,
                        seq=seq - 1,
                    )
                )  # fmt: skip

    def _apply_recorded(self, side: Side, stages: Sequence[Agent], states: Sequence[Any]) -> None:
        """Read forward on the named side up to and including the recorded record."""
        name = next(n for n, i in self._numbers.items() if i == side.input)
        source = self._inputs[name]
        while not any(zlib.crc32(w.encode()) == side.writer_crc and s > side.seq for w, s in source.seqs.items()):
            if not source.buffered and not self._fill_until(source):
                raise SnapshotError(
                    "a side record that an output was made from is gone", kind="side_gone",
                    where=f"{source.topic} seq {side.seq}",
                    fix="restore the topic from the archive; the task cannot recover without it",
                )  # fmt: skip
            self._offer_next(name, stages, states)
        self._pending.append(side)
