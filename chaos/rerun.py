"""A clean re-run of one task: fresh agents over the input that the log holds, side records at their recorded places.

No runner, no transactions, no recovery: only what a task's agents make of its input in the order that was recorded.
Where that order is told: each side record's place rides in the headers of the outputs behind it, once a partition; what
was applied since the last output before a commit stands in that commit's snapshot, with the input that it precedes.
"""

from __future__ import annotations

import zlib
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from agents.topology import TaskHops
from chaos.places import places
from chaos.spans import Span
from chaos.tape import Tape
from schemas.codec import encode
from schemas.control import End
from schemas.errors import SnapshotError
from schemas.header import Side
from streams.admission import schemas_of
from streams.agent import Agent, Batch, Out, RowsOut
from streams.dead_letters import Letters
from streams.inputs import ITEMS_MAX, BadRecord, Input
from streams.log import Record
from streams.sample import FEATURE_SAMPLE
from streams.sides import CLOCK_STOPPED, COMMITTED, in_order

DLQ = "dlq"


class Observer(Protocol):
    """Hears a task's input in the merged order."""

    def heard(self, topic: str, items: Sequence[Any]) -> None:
        """Side records of a topic of the table took effect."""
        ...

    def stopped(self) -> None:
        """From here on the clock counted as stopped, until its next record."""
        ...

    def took(self, items: Any) -> None:
        """Inputs were taken."""
        ...


@dataclass(slots=True)
class Made:
    """What re-runs made, by table name.

    Attributes:
        rows: Bytes of rows, some at a time.
        widths: Bytes of one row of each of these.
        documents: Keys and values of documents.
    """

    rows: dict[str, list[bytes]] = field(default_factory=dict)
    widths: dict[str, list[int]] = field(default_factory=dict)
    documents: dict[str, list[tuple[bytes, bytes]]] = field(default_factory=dict)

    def each(self, topic: str) -> Iterator[bytes]:
        """Each row of a topic."""
        for rows, width in zip(self.rows.get(topic, []), self.widths.get(topic, []), strict=True):
            yield from (rows[at : at + width] for at in range(0, len(rows), width))


class Nobody:
    """Hears nothing."""

    def heard(self, topic: str, items: Sequence[Any]) -> None:
        """Side records."""

    def stopped(self) -> None:
        """The clock."""

    def took(self, items: Any) -> None:
        """Inputs."""


class Rerun:
    """One task.

    Args:
        tape: The run.
        hops: The task.
        stages: Its agents; they keep no state of their own.
        made: Takes what it makes.
        observer: Hears what it is fed.
        span: Where it begins and ends; None: from the first input to the last.

    Attributes:
        waits: It stopped where an answer was not in the log: no fault of a live run, whose feed is silent then.
        inputs: Inputs consumed.
    """

    def __init__(
        self, tape: Tape, hops: TaskHops, stages: Sequence[Agent], made: Made,
        observer: Observer | None = None, span: Span | None = None,
    ) -> None:  # fmt: skip
        shape = tape.shape
        span = span or Span()
        self.waits = False
        self._made_so_far = made
        self._observer = observer or Nobody()
        self._stages = stages
        self._states = span.states(stages)
        self._queues: list[Batch | None] = [None] * len(stages) if span.begin is None else list(span.begin.queues)
        self._until = span.until
        primary = stages[0].reads
        raw = primary.startswith("raw.")
        writers, partition = shape.writers(hops.partition), hops.input_partition
        self._input = Input(
            tape.log, shape.topic(primary), partition, source=shape.source if raw else "", gapless=not raw,
            accepts=schemas_of(primary), writer=writers.get(primary), sole=shape.mode == "live",
        )  # fmt: skip
        self._input.seqs, self._input.ordinal, since = span.primary()
        self._input.push([r for r in _as_tasks_read(tape, primary, partition) if r.offset >= since])
        self._letters = Letters(hops.name, shape.topic(primary), partition)
        self._names = sorted({name for stage in stages for name in stage.sides})
        self._sides = {}
        for name in self._names:
            partition = hops.partition_of(name)
            side = Input(tape.log, shape.topic(name), partition, accepts=schemas_of(name), writer=writers.get(name))
            side.seqs, since, before = span.side(name)
            known = _as_tasks_read(tape, name, partition)
            side.push([r for r in known if r.offset >= since and (before is None or r.offset < before)])
            self._sides[name] = side
        # The paper venue goes by log time in live runs too: it has no places.
        placed = shape.mode == "live" and "venue" not in hops.hops
        found = in_order(places(tape, hops, self._names)) if placed else []
        self._places = deque(side for side in found if self._until is None or side.place < self._until)

    @property
    def inputs(self) -> int:
        """Inputs consumed."""
        return self._input.ordinal

    def run(self) -> None:
        """To the end of the input or of the span, or to where an answer is missing."""
        for i in range(len(self._stages) - 1, -1, -1):
            queue = self._queues[i]
            if queue is not None and not self.waits:
                self._step(i, queue, queue.carried)
        while not self.waits:
            while self._places and self._places[0].place <= self._input.ordinal:
                self._apply(self._places.popleft())
            stops = [side.place for side in self._places][:1] + ([] if self._until is None else [self._until])
            room = min([ITEMS_MAX, *(stop - self._input.ordinal for stop in stops)])
            arrival = self._input.take(room) if room > 0 else None
            if arrival is None:
                self._hear_the_rest()
                return
            if isinstance(arrival, End):
                self._finish()
                return
            if isinstance(arrival, BadRecord):
                key, letter = self._letters.of_record(arrival)
                self._said(DLQ, key, letter)
            else:
                self._observer.took(arrival.items)
                self._step(0, arrival, None)

    def _hear_the_rest(self) -> None:
        """What was applied behind the last input of a span made nothing, and is no less known to the next one."""
        for name in self._names if self._until is not None else ():
            while self._offer(name, ITEMS_MAX):
                pass

    def _step(self, i: int, batch: Batch, carried: Any) -> None:
        """A stage and those behind it over a batch. ``carried``: features whose publication the last decides."""
        stage = self._stages[i]
        while len(batch):
            out = stage.step(self._states[i], batch)
            for document in out.documents:
                self._said(document.topic, document.key, document.document)
            for reject in out.rejects:
                self._said(DLQ, *self._letters.of_item(batch, reject.index, reject.error))
            for made in out.rows:
                self._pass_on(i, batch, made, carried)
            if carried is not None and i + 1 == len(self._stages):
                self._sample(carried[: out.consumed], out)
                carried = carried[out.consumed :]
            batch = batch.tail(out.consumed)
            if len(batch) and not self._answered(out.waits):
                return

    def _pass_on(self, i: int, batch: Batch, made: RowsOut, carried: Any) -> None:
        if not len(made.rows):
            return
        last = i + 1 == len(self._stages)
        sampled = self._stages[i].name == "feature" and i + 2 < len(self._stages)
        if not sampled:
            self._made(made.topic, made.rows)
        if last or made.topic != self._stages[i + 1].reads:
            return
        index: Any = slice(0, len(made.rows)) if made.index is None else made.index
        carried = made.rows if sampled else None if carried is None else carried[index]
        behind = Batch(made.rows, batch.origins[index], batch.hops, batch.stamps[index])
        self._step(i + 1, behind, carried)

    def _sample(self, rows: Any, out: Out) -> None:
        """Features of a fused task: those that led to an intent, and one in so many of the rest."""
        if not len(rows):
            return
        keep = rows["root_seq"] % np.uint64(FEATURE_SAMPLE) == 0
        keep[[document.index for document in out.documents]] = True
        self._made("features", rows[keep])

    def _made(self, topic: str, rows: Any) -> None:
        self._made_so_far.rows.setdefault(topic, []).append(rows.tobytes())
        self._made_so_far.widths.setdefault(topic, []).append(rows.dtype.itemsize)

    def _finish(self) -> None:
        for stage, state in zip(self._stages, self._states, strict=True):
            while (out := stage.finish(state)).waits:
                if not self._answered(out.waits):
                    return

    def _answered(self, topics: Sequence[str]) -> bool:
        """Offer more of what is waited for; where there is none, the re-run ends here."""
        came = sum(self._offer(name, ITEMS_MAX) for name in topics)  # of all of them, not of the first that has some
        self.waits = not came
        return not self.waits

    def _offer(self, name: str, items_max: int) -> bool:
        arrival = self._sides[name].take(items_max)
        if arrival is None:
            return False
        if isinstance(arrival, BadRecord):
            return True
        ended = isinstance(arrival, End)
        items: Any = [] if isinstance(arrival, End) else arrival.items
        self._observer.heard(name, items)
        for stage, state in zip(self._stages, self._states, strict=True):
            if name in stage.sides:
                stage.offer(state, name, items, ended=ended)
        return True

    def _apply(self, side: Side) -> None:
        name = self._names[side.input]
        if side.seq == CLOCK_STOPPED:
            self._observer.stopped()
            for stage, state in zip(self._stages, self._states, strict=True):
                if name in stage.sides:
                    stage.offer(state, name, [], ended=True)
            return
        source = self._sides[name]
        while not any(zlib.crc32(w.encode()) == side.writer_crc and seq > side.seq for w, seq in source.seqs.items()):
            if not self._offer(name, 1):
                raise SnapshotError(
                    "a side record that an output was made from is gone", kind="side_gone",
                    where=f"{source.topic} seq {side.seq}",
                )  # fmt: skip

    def _said(self, topic: str, key: bytes, document: Any) -> None:
        self._made_so_far.documents.setdefault(topic, []).append((key, encode(document)))


def _as_tasks_read(tape: Tape, table_name: str, partition: int) -> list[Record]:
    """Records of a partition as a task gets them; what it drops as a repeat is dropped by its input here too."""
    strip = tape.strip(table_name, partition)
    if strip is None:
        return []
    return [record for record, _ in (strip.committed if table_name in COMMITTED else strip.written)]
