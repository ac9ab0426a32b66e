"""The states that a pin begins with: each task's newest committed snapshot before the UTC day in which it begins.

Those are what an archive keeps, and compaction need not have spared any other: so the log, an archive of it and the two
joined give the same states, and the same id. Where a release came between midnight and the beginning, they are the
states with which its tasks took over. What follows on them up to the range is the pin's lead-in. Nothing is judged by
offsets, so another log that holds the same records gives the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from agents.topology import SINGLE, TaskHops
from replay.archive.columns import log_time
from replay.archive.day_cuts import NUMBER_FIRST
from replay.header_peek import Peek, peek
from replay.recording import DAY_NS, Recording, header_of, snapshot_records
from replay.tape_time import own_time, removed
from schemas.errors import SnapshotError
from streams.log import Record
from streams.state_bytes import load_values

WINDOW_RECORDS = 4_096
"""First look back for where a state stands, in offsets; four times as far each time that it lies further back."""


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


def midnight_before(first: Mapping[int, Record]) -> int:
    """Begin of the UTC day in which the first of those payloads was received, ns."""
    begun = min(own_time(record, peek(record.header), raw=True) for record in first.values())
    return begun - begun % DAY_NS


def starts_at(whole: Recording, first: Mapping[int, Record]) -> dict[str, Start]:
    """The states to begin with, by task, in the data's way; none: it begins with nothing, at the first record.

    Args:
        whole: The run.
        first: The first record of the range, by partition of raw.

    Raises:
        SnapshotError: Compaction has removed what stood there, and no archive of it is joined.
    """
    cut = midnight_before(first)
    if not whole.opening.starts and not any(_something_before(whole, record, cut) for record in first.values()):
        return {}
    found: dict[str, Start] = {}
    for task in whole.tasks:
        if task.partition not in first and SINGLE.isdisjoint(task.hops):
            continue  # nothing of its partition is played
        start = _at(whole, task, cut)
        if start is None:
            if whole.opening.starts or any(whole.log.bounds(r.topic, r.partition)[0] > 0 for r in first.values()):
                raise _no_start(whole, task, "none")
            return {}
        found[task.name] = start
    return found


def lead(whole: Recording, first: Record, start: Start | None) -> int:
    """Offset of raw from which a state goes on to the range's first record: behind the last that it has taken.

    Without a state: the first that is there.

    Raises:
        ConfigError: Retention took away what lies between.
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
        if after is not None:
            return after
        if begin == low:
            _check_whole(whole, first, low, taken_by)
            return begin
        window *= 4


def _check_whole(whole: Recording, first: Record, low: int, taken_by: Mapping[str, Any]) -> None:
    """Refuse to go on where retention took away what a state wants next.

    Raises:
        ConfigError: A writer's first record that is left has a later number than the state wants of it.
    """
    known: set[str] = set()
    for record in whole.log.scan(first.topic, first.partition, low, committed=True) if low > 0 else ():
        head = peek(record.header)
        writer = "" if head is None else head.writer
        if writer not in known:
            known.add(writer)
            wanted = int(taken_by["offset"]) if head is None else int(taken_by["seqs"].get(writer, 0))
            if (record.offset if head is None else head.seq) > wanted:
                raise removed(
                    first.topic, first.partition, low, "what lies between the state and the range is not in the log",
                    begin=min(int(taken_by["offset"]), low - 1),
                )  # fmt: skip
        if record.offset >= first.offset:
            return


def _taken(record: Record, head: Peek | None, by: Mapping[str, Any]) -> bool:
    """Whether a state has taken a record in. What a stock producer wrote has no number but its offset."""
    if head is None:
        return record.offset < int(by["offset"])
    return head.seq < int(by["seqs"].get(head.writer, 0))


def _something_before(whole: Recording, first: Record, cut: int) -> bool:
    """Whether anything of raw lies before a midnight, as far as is known."""
    low, _ = whole.log.bounds(first.topic, first.partition)
    there = next(whole.log.scan(first.topic, first.partition, low, committed=True), first)
    return low > 0 or own_time(there, peek(there.header), raw=True) < cut


def _at(whole: Recording, task: TaskHops, cut: int) -> Start | None:
    """The newest before a midnight, or that with which a task took over from another run since; None: there was none.

    Raises:
        SnapshotError: It has been removed: those that are left begin with a later number.
    """
    best: Record | None = None
    for record in snapshot_records(whole, task):
        if log_time(record) < cut:
            best = record
            continue
        head = header_of(record)
        if best is None and not whole.opening.starts and head is not None and head.seq > NUMBER_FIRST:
            raise _no_start(whole, task, f"snapshots from number {head.seq} on")
        best = record if best is None and whole.opening.starts else best
        break
    head = None if best is None else header_of(best)
    if best is None or head is None:
        return None
    load_values(best.value)  # torn: said here, not when it is played
    return Start(task.name, head.seq, best.value)


def _no_start(whole: Recording, task: TaskHops, got: str) -> SnapshotError:
    return SnapshotError(
        "no state is there to begin with", kind="no_start", where=f"{whole.topic('state')} of {task.name}", got=got,
        allowed="one before the UTC day in which it begins",
        fix="restore the state from the archive, or begin on a later day",
    )  # fmt: skip
