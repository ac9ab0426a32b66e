"""The recorded ticks of a stretch, as a replay publishes them: one by one, or joined to large frames.

Where frames are joined, records are read in batches whose headers are looked at all at once, as columns: of frames that
one writer has written in one way, as nearly all are, only those that begin a large frame are unpacked. Batches are cut
by what they hold, so a later life of a feed joins the same frames.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

from agents.topology import TaskHops
from replay.due import Due
from replay.frame_part import part_of
from replay.large_frames import in_large_frames, joined
from replay.recording import TICKS_TOPIC, Recording, header_of, payload_times
from schemas.catalog import END, TICK_SCHEMA
from schemas.header import HEADER_VERSION, MAGIC, PREFIX, PREFIX_ROW, SIDE
from streams.frame import FRAME_ROWS_MAX, decode_rows
from streams.log import Record

BATCH_BYTES = 4 * 1024 * 1024
"""Values of a batch."""


class Stretch(NamedTuple):
    """Which frames of a partition are replayed.

    Attributes:
        writer: Who wrote them.
        seq: Rows before it are in the state that the replay begins with.
        first: Log time before which there are none, ns; 0 where ``seq`` says where it begins.
        last: Log time after which there are none, ns.
    """

    writer: str
    seq: int
    first: int
    last: int


def stretch_of(recording: Recording, table_name: str, partition: int) -> Stretch:
    """The stretch of a recording in one partition: from the first tick on that any reader's state has yet to take."""
    first, last = payload_times(recording, partition)
    writer = recording.writer_of(table_name, partition)
    taken = [
        int(seqs.get(writer, 0))
        for task in recording.tasks if task.name in recording.states
        if (seqs := _taken(task, recording.states[task.name].values, partition)) is not None
    ]  # fmt: skip
    return Stretch(writer, min(taken), 0, last) if taken else Stretch(writer, 0, first, last)


def _taken(task: TaskHops, values: Mapping[str, Any], partition: int) -> Mapping[str, int] | None:
    """Ticks of a partition that a task has in its state, by writer; None: it reads none of them."""
    if task.hops[0] == "feature" and task.partition == partition:
        found: Mapping[str, int] = values["input"]["seqs"]
    elif "venue" in task.hops and task.partition == partition:
        found = values["sides"][TICKS_TOPIC]["seqs"]
    else:
        return None
    return found


def ticks_due(recording: Recording, table_name: str, partition: int, *, large: bool) -> Iterator[Due]:
    """What is published of one partition, in the order in which it was recorded."""
    if partition >= recording.log.partitions(recording.topic(table_name)):
        return iter(())
    stretch = stretch_of(recording, table_name, partition)
    records = recording.log.scan(recording.topic(table_name), partition, 0, committed=True)
    if not large:
        return within(one_by_one(records, partition, stretch), stretch.last)
    return within(in_large_frames(in_batches(records, partition, stretch)), stretch.last)


def within(dues: Iterable[Due], last: int) -> Iterator[Due]:
    """Of each frame the rows up to a log time: one that goes on behind it was not known whole by then."""
    for due in dues:
        header = due.header
        assert header is not None, "frames have one"
        times = decode_rows(header.schema, header.version, due.record.value, header.count)["ts_log"]
        if times[-1] <= last:
            yield due
        elif rows := int(np.searchsorted(times, last, side="right")):
            value, part = part_of(due.record, header, 0, rows)
            record = msgspec.structs.replace(due.record, value=value)
            yield due._replace(time=min(due.time, last), record=record, header=part)


def one_by_one(records: Iterable[Record], partition: int, stretch: Stretch) -> Iterator[Due]:
    """Frames of a stretch among the records of a partition, as they were recorded."""
    time = 0
    for record in records:
        header = header_of(record)
        if header is None or header.writer != stretch.writer or header.schema == END.number:
            continue
        if header.seq + header.count <= stretch.seq or header.time < stretch.first:
            continue
        if header.time > stretch.last:
            return
        time = max(time, header.time)
        yield Due(time, partition, record, header)


def in_batches(records: Iterator[Record], partition: int, stretch: Stretch) -> Iterator[Due]:
    """The same as :func:`one_by_one`, joined within batches already."""
    time = 0
    for batch in _batches(records):
        heads = heads_of(batch, stretch.writer)
        found = one_by_one(batch, partition, stretch) if heads is None else _joined(batch, heads, partition, stretch)
        for due in found:
            time = max(time, due.time)
            yield due._replace(time=time)
        if heads is not None and int(heads["time"].max()) > stretch.last:
            return


def _batches(records: Iterator[Record]) -> Iterator[list[Record]]:
    batch: list[Record] = []
    size = 0
    for record in records:
        batch.append(record)
        size += len(record.value)
        if size >= BATCH_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def heads_of(batch: Sequence[Record], writer: str) -> npt.NDArray[Any] | None:
    """What the headers of tick frames begin with, a row each; None unless all are whole, of one way and this writer's.

    Their stamps are not looked at.
    """
    first = header_of(batch[0])
    if first is None or first.writer != writer or first.schema != TICK_SCHEMA.number:
        return None
    tail = writer.encode("ascii") + bytes(first.hops)
    size = PREFIX.size + len(tail)
    cut = [(record.header or b"")[:size] for record in batch]
    packed = b"".join(cut)
    if len(packed) != size * len(batch) or min(map(len, cut)) != size:
        return None
    heads = np.frombuffer(packed, dtype=[*PREFIX_ROW.descr, ("tail", "u1", (len(tail),))])
    like = {
        "magic": MAGIC, "header_version": HEADER_VERSION, "schema": first.schema, "version": first.version,
        "hops": len(first.hops), "writer_bytes": len(writer), "tail": np.frombuffer(tail, dtype="u1"),
    }  # fmt: skip
    if not all((heads[name] == value).all() for name, value in like.items()) or not heads["count"].all():
        return None
    columns = 1 + 2 * len(first.hops)
    varying = np.bitwise_count(heads["varying"]).astype(np.int64)
    stamps = 8 * (columns - varying) + 8 * varying * heads["count"]
    sizes = size + SIDE.size * heads["sides"].astype(np.int64) + stamps
    there = np.fromiter((len(record.header or b"") for record in batch), np.int64, len(batch))
    return heads if (sizes == there).all() and not (heads["varying"] >> columns).any() else None


def _joined(batch: Sequence[Record], heads: npt.NDArray[Any], partition: int, stretch: Stretch) -> Iterator[Due]:
    """The frames of a batch that are meant, those that follow each other joined."""
    count, time = heads["count"].astype(np.int64), heads["time"]
    ends = heads["seq"].astype(np.int64) + count
    late = np.flatnonzero(time > stretch.last)
    meant = (ends > stretch.seq) & (time >= stretch.first)
    meant[late[0] if len(late) else len(batch) :] = False
    kept = np.flatnonzero(meant)
    follows = (np.diff(kept) == 1) & (heads["seq"][kept[1:]] == ends[kept[:-1]])
    rows = np.cumsum(count[kept])
    breaks = [*(np.flatnonzero(~follows) + 1).tolist(), len(kept)] if len(kept) else []
    at = 0
    for end in breaks:
        while at < end:
            before = int(rows[at - 1]) if at else 0
            upto = min(end, max(at + 1, int(np.searchsorted(rows, before + FRAME_ROWS_MAX, side="right"))))
            a, b = int(kept[at]), int(kept[upto - 1]) + 1
            first = header_of(batch[a])
            assert first is not None, "its like has been read"
            if upto - at == 1:
                yield Due(int(time[a]), partition, batch[a], first)
            else:
                cause_end = int(heads["cause"][b - 1]) + int(count[b - 1])
                due = int(time[a:b].max()), partition
                yield joined(batch[a:b], first, cause_end, due, int(rows[upto - 1]) - before)
            at = upto
