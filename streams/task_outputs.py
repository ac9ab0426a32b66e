"""All outputs of a task, under its transactional writer: rows and documents, what is held back, and the commit."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from schemas.catalog import FEATURE_SCHEMA, SCORE_SCHEMA, TICK_SCHEMA, Schema
from schemas.control import End
from schemas.dead_letter import DeadLetter
from schemas.document import Document
from schemas.header import Side, no_stamps
from streams.agent import Agent
from streams.held_rows import INFINITE, HeldRows
from streams.log import Log, Place, Writer
from streams.outputs import Output
from streams.sides import Sides
from streams.task_plan import TaskPlan

ROW_SCHEMAS: dict[str, Schema] = {"ticks.<source>": TICK_SCHEMA, "features": FEATURE_SCHEMA, "scores": SCORE_SCHEMA}
FOR_RECORD = frozenset({"features", "scores"})
"""Rows that may be held back where a later hop of the task has had them. Ticks are for the venue too: it waits."""
DLQ = "dlq"
WAIT_S_MIN = 0.001
"""Shortest wait for input while rows are held."""


class TaskOutputs:
    """One output for each topic that the stages write, and the dead letters.

    Args:
        before_record: Called before anything is published.

    Attributes:
        begun: Whether a transaction is open.
        begun_s: When the newest one was begun, by the clock that was given.
        outputs: Each by its topic's table name.
    """

    def __init__(
        self, plan: TaskPlan, stages: Sequence[Agent], writer: Writer, sides: Sides, monotonic: Callable[[], float],
        before_record: Callable[[], None],
    ) -> None:  # fmt: skip
        self.begun = False
        self.begun_s = 0.0
        self._writer = writer
        self._sides = sides
        self._monotonic = monotonic
        self._before_record = before_record
        names = [*(name for stage in stages for name in stage.writes), DLQ]
        self.outputs = {
            name: Output(plan.topic(name), plan.partition_of(name), plan.name, frame_rows=plan.frame_rows)
            for name in names
        }
        passed_on = {name for stage in stages[:-1] for name in stage.writes} & FOR_RECORD
        self._rows = {
            name: HeldRows(output, ROW_SCHEMAS[name], monotonic, plan.hold_s if name in passed_on else 0.0)
            for name, output in self.outputs.items()
            if name in ROW_SCHEMAS
        }
        self._held = [self._rows[name] for name in names if name in passed_on]

    @property
    def sides_told(self) -> int:
        """How many of the places that side records were given since the last commit some record has told."""
        return max(output.sides_told for output in self.outputs.values())

    def serve(self, wait_s: float) -> float:
        """Handle delivery reports, and publish all rows that are held when the first are due.

        Returns:
            How long the task may wait for input: at most ``wait_s``.
        """
        self._writer.serve()
        if not self._held:
            return wait_s
        until_s = min(held.until_s for held in self._held)
        if until_s == INFINITE:
            return wait_s
        left_s = until_s - self._monotonic()
        if left_s > 0:
            # Kafka's client waits by whole milliseconds: what is less would be no wait at all, again and again.
            return min(wait_s, max(left_s, WAIT_S_MIN))
        self._publish_held()
        return wait_s

    def begin(self) -> None:
        """Open a transaction, unless one is open."""
        if not self.begun:
            self._writer.begin()
            self.begun, self.begun_s = True, self._monotonic()

    def rows(
        self, topic: str, rows: Any, stamps: Any, ordinals: Any, hops: tuple[int, ...], passed: tuple[int, ...]
    ) -> None:  # fmt: skip
        """Publish rows, or hold them back a moment."""
        self.begin()
        self._before_record()
        places = self._places(self.outputs[topic])
        self._rows[topic].add(self._writer, rows, stamps, ordinals, hops, places, passed)

    def document(
        self, topic: str, key: bytes, document: Document, stamps: Any, ordinal: int, hops: tuple[int, ...],
        passed: tuple[int, ...],
    ) -> None:  # fmt: skip
        """Publish a document."""
        self.begin()
        self._before_record()
        output = self.outputs[topic]
        output.append_document(
            self._writer, key, document, stamps, ordinal, hops, self._places(output), passed
        )  # fmt: skip

    def letter(self, key: bytes, letter: DeadLetter, ordinal: int) -> None:
        """Publish a dead letter."""
        self.document(DLQ, key, letter, no_stamps(), ordinal, (), ())

    def end(self, end: End, ordinal: int) -> None:
        """Publish the end record to every topic but that of dead letters.

        Raises:
            StateDiverged: The log holds more than came again.
        """
        self.begin()
        self._publish_held()
        for name, output in self.outputs.items():
            if name != DLQ:
                self.document(name, b"", end, no_stamps(), ordinal, (), ())
            output.check_regenerated()

    def prepare(self) -> None:
        """Have everything in the transaction that belongs to it: before a commit."""
        self.begin()
        self._publish_held()

    def commit(self, topic: str, partition: int, key: bytes, data: bytes, header: bytes) -> None:
        """Commit, with the task's state as the last record."""
        self._writer.append(topic, partition, key, data, header)
        self._writer.commit()
        self.begun = False
        self._sides.committed(self.sides_told)
        for output in self.outputs.values():
            output.sides_told = 0

    # ---- recovery -------------------------------------------------------------------------------------------------

    @property
    def recalling(self) -> bool:
        """Whether anything that was read back is still to be regenerated."""
        return any(output.recalls for output in self.outputs.values())

    def recall(self, log: Log) -> tuple[set[Side], int]:
        """Read back what forerunners left uncommitted: places of sides that they told, and the highest cause."""
        sides: set[Side] = set()
        cause_max = -1
        for output in self.outputs.values():
            recorded = output.recall(log)
            sides |= recorded.sides
            cause_max = max(cause_max, recorded.cause_max)
        return sides, cause_max

    def restore(self, marks: dict[str, tuple[int, int]]) -> None:
        """Numbers from a snapshot."""
        for name, (seq, since) in marks.items():
            self.outputs[name].seq, self.outputs[name].since = seq, since

    def marks(self, *, recovering: bool) -> dict[str, list[int]]:
        """By table name: the next ``seq``, and from which offset the next life must read this task's records back.

        While this life has not passed all that its forerunners left uncommitted, those records, which readers have
        seen, must stay in reach: a commit in mid-recovery does not move the mark.
        """
        recovering = recovering or self.recalling
        return {name: [o.seq, o.since if recovering else self._since(o)] for name, o in self.outputs.items()}

    def places(self, marks: dict[str, list[int]]) -> dict[Place, int]:
        """By partition: from which offset on, by these marks, the next life would read it back."""
        return {(output.topic, output.partition): marks[name][1] for name, output in self.outputs.items()}

    def _since(self, output: Output) -> int:
        return max(output.since, self._writer.delivered(output.topic, output.partition) + 1)

    def _publish_held(self) -> None:
        for held in self._held:
            self._before_record()
            held.publish(self._writer)

    def _places(self, output: Output) -> tuple[Side, ...]:
        """What the next record to a partition must tell: side records applied since the last one there."""
        places = self._sides.placed(output.sides_told)
        output.sides_told += len(places)
        return places
