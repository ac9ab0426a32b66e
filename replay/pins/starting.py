"""The states that a pin begins with: each task's newest committed snapshot at or before the beginning.

Judged by numbers, not by offsets: of the first task, by the ``seq`` of each publisher that it has taken; of each later
one, by what the task before it had made. So another log that holds the same records gives the same states.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from agents.topology import PRIMARY, SINGLE, TaskHops
from replay.header_peek import Peek, peek
from replay.recording import Recording, header_of
from schemas.errors import SnapshotError
from streams.log import Record
from streams.state_bytes import load_values

WINDOW_RECORDS = 4_096
"""First look back for where a state stands, in offsets; four times as far each time that it lies further back."""

NUMBER_FIRST = 1
"""Of a task's first snapshot."""


@dataclass(frozen=True, slots=True)
class Start:
    """A task's snapshot: ``number`` among those of its task."""

    task: str
    number: int
    value: bytes

    @property
    def values(self) -> dict[str, Any]:
        """Positions, numbers and counters."""
        return load_values(self.value)


def starts_at(whole: Recording, first: Mapping[int, Record]) -> dict[str, Start]:
    """The states to begin with, by task, in the data's way; none: nothing lies before, or nothing was committed yet.

    Args:
        whole: The run.
        first: The first record of the range, by partition of raw.

    Raises:
        SnapshotError: Compaction has removed what stood there, and no archive of it is joined.
    """
    if not any(_something_before(whole, record) for record in first.values()):
        return {}
    found: dict[str, Start] = {}
    for task in whole.tasks:
        if task.partition not in first and SINGLE.isdisjoint(task.hops):
            continue  # nothing of its partition is played
        start = _newest(whole, task, first, found)
        if start is None:
            removed = any(whole.log.bounds(r.topic, r.partition)[0] > 0 for r in first.values())
            if removed:
                raise _no_start(whole, task, "none")
            return {}
        found[task.name] = start
    return found


def lead(whole: Recording, first: Record, start: Start | None) -> int:
    """Offset of raw from which a state goes on to the range's first record: behind the last that it has taken.

    Without a state: the first that is there.
    """
    topic, partition = first.topic, first.partition
    low, _ = whole.log.bounds(topic, partition)
    if start is None:
        return low
    taken_by = start.values["input"]
    window = WINDOW_RECORDS
    while True:
        begin = max(low, first.offset - window)
        after: int | None = None
        for record in whole.log.scan(topic, partition, begin, committed=True):
            if record.offset >= first.offset:
                break
            if _taken(record, peek(record.header), taken_by):
                after = record.offset + 1
        if after is not None or begin == low:
            return begin if after is None else after
        window *= 4


def _taken(record: Record, head: Peek | None, by: Mapping[str, Any]) -> bool:
    """Whether a state has taken a record in. What a stock producer wrote has no number but its offset."""
    if head is None:
        return record.offset < int(by["offset"])
    return head.seq < int(by["seqs"].get(head.writer, 0))


def _something_before(whole: Recording, first: Record) -> bool:
    low, _ = whole.log.bounds(first.topic, first.partition)
    there = next(whole.log.scan(first.topic, first.partition, low, committed=True), first)
    return low > 0 or there.offset < first.offset


def _newest(
    whole: Recording, task: TaskHops, first: Mapping[int, Record], found: Mapping[str, Start]
) -> Start | None:  # fmt: skip
    """The newest at or before the beginning; of a later task that has none so old, its first.

    Raises:
        SnapshotError: It has been removed: those that are left begin with a later number.
    """
    best: Start | None = None
    for record, header in whole.scan("state", task.state_partition):
        if header is None or record.key != task.name.encode():
            continue
        this = Start(task.name, header.seq, record.value)
        if _reached(task, this.values, first, found):
            best = this
            continue
        if best is None and header.seq > NUMBER_FIRST:
            raise _no_start(whole, task, f"snapshots from number {header.seq} on")
        return this if best is None and task.hops[0] != "normalise" else best
    return best


def _no_start(whole: Recording, task: TaskHops, got: str) -> SnapshotError:
    return SnapshotError(
        "no state is there to begin with", kind="no_start", where=f"{whole.topic('state')} of {task.name}", got=got,
        allowed="one at or before the beginning", fix="begin at a later time, or restore the state from the archive",
    )  # fmt: skip


def _reached(
    task: TaskHops, values: Mapping[str, Any], first: Mapping[int, Record], found: Mapping[str, Start]
) -> bool:  # fmt: skip
    """Whether a state stands at or before the beginning."""
    taken = values["input"]["seqs"]
    if task.hops[0] == "normalise":
        record = first[task.partition]
        header = header_of(record)
        if header is None:
            return int(values["input"]["offset"]) <= record.offset
        return int(taken.get(header.writer, 0)) <= header.seq
    primary = PRIMARY[task.hops[0]]
    return all(
        int(seq) <= int(found[writer].values["outputs"][primary][0]) for writer, seq in taken.items() if writer in found
    )
