"""One input partition of a task: records in, batches out; repeats dropped, ends and bad records told apart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from schemas.catalog import CATALOG, END, RAW, Schema
from schemas.codec import decode
from schemas.control import End
from schemas.errors import BadFrame, BadInput, BadPayload, StateDiverged
from schemas.header import Header, no_stamps, unpack
from streams.admission import PUT_BACK, SEQ_MAX, UNNUMBERED_FROM, Admission, Writers, check_time, second_publisher
from streams.agent import ORIGIN, Batch, Payload
from streams.frame import FRAME_ROWS_DEFAULT, decode_rows
from streams.log import Log, Reader, Record, Records

if TYPE_CHECKING:
    from streams.frame_run import FrameRun, FrameShape

RECORDS_MAX = 256
"""Documents or payloads taken from the log in one read."""

FRAMES_MAX = 2_048
"""Frames taken in one read where each holds one row; of larger ones so many that they come to ``READ_ROWS``."""

READ_ROWS = 4_096
"""Rows that one read aims at: enough that what a batch costs hardly counts, few enough that they stay in the cache."""

NANOS_PER_MS = 1_000_000


@dataclass(slots=True)
class BadRecord:
    """A record that is no frame, document or payload of a known schema."""

    record: Record
    error: BadInput
    ordinal: int
    writer: str = ""
    seq: int = 0
    ts: int = 0


ITEMS_MAX = 8_192
"""Items handed out in one batch. Bounds what a snapshot must hold of a half-consumed one: about 2 MB of rows."""

Arrival = Batch | BadRecord | End


class Input:
    """Reads one partition forward and hands out runs of like records.

    A record whose ``seq`` its writer has already been seen past is dropped (what a dead writer left uncommitted comes
    again from its successor); a hole in a transactional writer's ``seq`` is a broken promise and stops the task. A
    record that cannot be read is refused whatever ``seq`` it claims, and moves no writer's count unless it stands where
    that writer's next one must: anybody can write a header.

    Args:
        source: Of a raw topic: who publishes there, and whose payloads those without a header count as.
        gapless: Whether writers are transactional, so that a hole is a broken promise.
        accepts: Schemas that belong on the topic.
        writer: The only one, or ones, whose records count there; None: anybody's do.
        carried: In a replay: stock producers' payloads come with their recorded place and time (``carried_header``).
        sole: Of a live raw topic: its publisher sends nothing twice, so that a number seen before is another's.

    Attributes:
        offset: Offset of the next record to hand out: what a snapshot stores.
        seqs: Next ``seq`` expected, by writer.
        ordinal: Number of items handed out since the task began.
        time: Log time of the newest that was handed out, as the task keeps it, ns.
        session: Of a live raw topic: the publisher's session that the newest payload taken was of.
    """

    def __init__(
        self, log: Log, topic: str, partition: int, *, source: str = "", gapless: bool = True,
        records_max: int = FRAMES_MAX, accepts: tuple[Schema, ...] = CATALOG, writer: Writers | None = None,
        carried: bool = False, sole: bool = False,
    ) -> None:  # fmt: skip
        self._carried, self._sole = carried, sole
        self.topic = topic
        self.partition = partition
        self.offset = 0
        self.seqs: dict[str, int] = {}
        self.ordinal = 0
        self.time = self.session = 0
        self.ended = False
        self._log = log
        self._source = source
        self._gapless = gapless
        frames = any(s.kind == "rows" for s in accepts)
        self._records_max = records_max if frames else min(records_max, RECORDS_MAX)
        self._rows_a_record = FRAME_ROWS_DEFAULT if frames else 1  # until it is seen
        self._admission = Admission(accepts, writer, gapless=gapless, source=source)
        self._reader: Reader | None = None
        self._records = Records.of([])
        self._at = self._count = 0
        self._runs = gapless and frames
        self._run: FrameRun | None = None
        self._shape: FrameShape | None = None
        if self._runs:
            from streams.frame_run import warm  # numba: not before its cache has a place, nor where no rows are read

            warm()

    def restore(self, position: dict[str, Any]) -> None:
        """Go on where a snapshot stands."""
        self.offset, self.ordinal, self.seqs = position["offset"], position["ordinal"], dict(position["seqs"])
        self.time, self.session = position.get("time", 0), position.get("session", 0)

    def fill(self, timeout_s: float) -> bool:
        """Make sure something is buffered, waiting up to ``timeout_s``; False when nothing came."""
        if self._at < self._count:
            return True
        self.open()
        if self._reader is not None:
            self.push(self._reader.read(min(self._records_max, READ_ROWS // self._rows_a_record), timeout_s))
        return self._count > 0

    @property
    def reader(self) -> Reader | None:
        """What fetches for it; None before it was opened."""
        return self._reader

    @property
    def buffered(self) -> bool:
        """Whether records are at hand that have not been handed out."""
        return self._at < self._count

    def open(self) -> None:
        """Start fetching ahead."""
        if self._reader is None:
            self._reader = self._log.reader({(self.topic, self.partition): self.offset})

    def push(self, records: Sequence[Record]) -> None:
        """Take over records that someone else has read, once the buffer is used up."""
        self._records = Records.of(records)
        self._run = None
        self._at, self._count = 0, len(records)

    def add(self, records: Sequence[Record]) -> None:
        """Take over more records behind those at hand."""
        self.push([*self._records[self._at :], *records])

    def take(self, items_max: int = ITEMS_MAX) -> Arrival | None:
        """The next run of like records as one batch, or a bad record, or the end; None when the buffer is used up.

        A batch holds at most ``items_max`` items; a frame may be handed out in parts.
        """
        assert items_max > 0, "no room for a single item: the caller would wait for ever"
        while self._at < self._count:
            batch = self._take_frames(self._shape, items_max) if self._shape is not None else None
            arrival = self._take_read(items_max) if batch is None else batch
            if arrival is not None:
                return arrival
        return None

    def close(self) -> None:
        """Release the reader."""
        if self._reader is not None:
            self._reader.close()
            self._reader = None

    def _take_frames(self, shape: FrameShape, items_max: int) -> Batch | None:
        """Frames of the known shape that follow each other; None when the next record must be read in full."""
        if self._run is None:
            from streams.frame_run import FrameRun

            self._run = FrameRun(self._records)
        taken = self._run.take(shape, self._at, self.seqs[shape.writer], self.ordinal, items_max)
        if taken is None:
            return None
        records, batch = taken
        rows = len(batch)
        self._rows_a_record = rows // records
        self._at += records
        self.offset = int(self._records.offsets[self._at - 1]) + 1
        self.ordinal += rows
        self.seqs[shape.writer] += rows
        return batch

    def _take_read(self, items_max: int) -> Arrival | None:
        """The next record or records read in full; None when they say nothing new, or were found to be like."""
        record = self._records[self._at]
        header = _header(record)
        if isinstance(header, BadInput):
            return self._bad(record, header)
        if header is None:
            if self._source:
                return self._take_unnumbered(record)
            return self._bad(
                record,
                BadFrame("record without a header", kind="no_header", got="none", allowed="a packed header 'td'"),
            )
        if header.schema == END.number:
            return self._take_end(record, header)
        if self._carried and is_carried(header):
            return self._take_unnumbered(record, header)
        if self._runs and self._learn(record, header):
            return None
        return self._take_run(header, items_max)

    def _next(self, record: Record) -> None:
        self._at += 1
        self.offset = record.offset + 1

    def _bad(self, record: Record, error: BadInput, header: Header | None = None) -> BadRecord:
        self._next(record)
        ordinal, self.ordinal = self.ordinal, self.ordinal + 1
        if header is not None and header.seq == self.seqs.get(header.writer):
            self.seqs[header.writer] = header.seq + header.count
        ts = header.time if header is not None and error.kind in PUT_BACK else 0
        return BadRecord(
            record, error, ordinal, header.writer if header else "", header.seq if header else max(record.offset, 0), ts
        )

    def _is_of_another_publisher(self, header: Header) -> bool:
        """Whether a number that was seen before is no repeat, but another session's: what the newest taken was of.

        In a play run a number stands for one payload, whoever sends it: there a second feed only repeats.
        """
        mine = self._sole and header.writer == self._source and header.cause != 0
        return mine and header.cause != self.session

    def _skip(self, record: Record, header: Header) -> int:
        """How many rows of a record have been seen before."""
        expected = self.seqs.get(header.writer)
        if expected is None or header.seq == expected:
            return 0
        if header.seq > expected:
            if self._gapless:
                raise StateDiverged(
                    "a hole in a writer's seq: records are missing", kind="hole",
                    got=f"seq {header.seq} of {header.writer}", allowed=f"seq {expected}",
                    where=f"{record.topic}[{record.partition}]@{record.offset}",
                )  # fmt: skip
            return 0
        return min(expected - header.seq, header.count)

    def _take_end(self, record: Record, header: Header) -> End | BadRecord | None:
        try:
            self._admission.check(header, self.seqs)
            if self._source and header.writer != self._source:
                raise BadFrame(
                    "an end record of another writer", kind="stranger", got=header.writer, allowed=self._source
                )
            end = decode(record.value, End)
        except BadInput as error:
            return self._bad(record, error, header)
        repeated = self._skip(record, header) > 0
        self._next(record)
        if repeated:
            return None
        self.seqs[header.writer] = header.seq + 1
        self.ended = True
        return end

    def _take_run(self, first: Header, items_max: int) -> Batch | BadRecord | None:
        """A batch of the longest run of records with one schema and one chain of hops."""
        parts: list[Any] = []
        stamps: list[Any] = []
        places: list[tuple[int, int, int]] = []
        like = (first.schema, first.version, first.hops)
        header: Header | BadInput | None = first
        while self._at < self._count and items_max > 0:
            record = self._records[self._at]
            header = _header(record) if header is None else header
            if not isinstance(header, Header) or (header.schema, header.version, header.hops) != like:
                break
            if self._carried and is_carried(header):
                break
            try:
                items = self._items(record, header)
            except BadInput as error:
                if parts:
                    break
                return self._bad(record, error, header)
            skip = self._skip(record, header)
            if skip and self._is_of_another_publisher(header):
                if parts:
                    break
                return self._bad(record, second_publisher(header, self.seqs[header.writer]), header)
            n = min(header.count - skip, items_max)
            if n > 0:
                parts.append(items[skip : skip + n])
                stamps.append(_expand(header.stamps, header.count, skip)[:n])
                places.append((n, record.offset, header.seq + skip))
                items_max -= n
                self.seqs[header.writer] = header.seq + skip + n
                self.session = header.cause if self._sole else 0
            if skip + n < header.count:
                # The rest of this frame is handed out next time: what has been seen tells its rows apart.
                self.offset = record.offset
                break
            self._next(record)
            header = None
        if not parts:
            return None
        all_stamps = stamps[0] if len(stamps) == 1 else np.concatenate(stamps)
        return Batch(_joined(parts), self._origins(places), first.hops, all_stamps)

    def _learn(self, record: Record, header: Header) -> bool:
        """Keep the shape of a good frame: it and those that follow are compared with it. False when it is known."""
        schema, shape = self._admission.schema(header), self._shape
        if schema is None or schema.kind != "rows" or header.sides or record.header is None:
            return False
        try:
            dtype = self._items(record, header).dtype
        except BadInput:
            return False
        if shape is not None and (shape.writer, shape.hops, shape.dtype) == (header.writer, header.hops, dtype):
            return False
        from streams.frame_run import FrameShape

        self._shape = FrameShape(header, record.header, dtype, SEQ_MAX)
        self.seqs.setdefault(header.writer, header.seq)
        return True

    def _items(self, record: Record, header: Header) -> Any:
        """Rows, or a list of the one document or payload."""
        schema = self._admission.check(header, self.seqs)
        if schema.kind == "rows":
            return decode_rows(schema.number, schema.version, record.value, header.count)
        if schema is RAW:
            check_time(header.time)
            return [Payload(header.writer, header.seq, header.time, record.key or b"", record.value)]
        if schema.event is None:
            raise BadFrame("a record that no task reads", kind="schema_misplaced", got=schema.name)
        return [decode(record.value, schema.event)]

    def _origins(self, places: list[tuple[int, int, int]]) -> Any:
        counts = [p[0] for p in places]
        total = sum(counts)
        origins = np.empty(total, dtype=ORIGIN)
        origins["ordinal"] = np.arange(self.ordinal, self.ordinal + total)
        self.ordinal += total
        if total == len(places):
            origins["offset"] = [p[1] for p in places]
            origins["seq"] = [p[2] for p in places]
            return origins
        at = 0
        for n, offset, seq in places:
            origins["offset"][at : at + n] = offset
            origins["seq"][at : at + n] = np.arange(seq, seq + n, dtype=np.uint64)
            at += n
        return origins

    def _take_unnumbered(self, record: Record, carried: Header | None = None) -> Batch | BadRecord:
        """A stock producer's raw payload: it numbers nothing, so its place serves as its source_seq."""
        told = carried or carried_header(record)
        ts_recv = told.time
        try:
            check_time(ts_recv)
        except BadPayload as error:
            return self._bad(record, error)
        self._next(record)
        seq = told.seq
        payload = Payload(self._source, seq, ts_recv, record.key or b"", record.value)
        return Batch([payload], self._origins([(1, record.offset, seq)]), (), no_stamps())


def carried_header(record: Record) -> Header:
    """Place and time of a stock producer's payload, as a replay carries them along with it."""
    return Header(
        schema=RAW.number, version=RAW.version, seq=UNNUMBERED_FROM + record.offset,
        time=record.timestamp_ms * NANOS_PER_MS, writer="", stamps=no_stamps(),
    )  # fmt: skip


def is_carried(header: Header) -> bool:
    """Whether a header was made by ``carried_header``: only a replay believes it."""
    return header.schema == RAW.number and not header.writer and header.seq >= UNNUMBERED_FROM


def _header(record: Record) -> Header | BadInput | None:
    if record.header is None:
        return None
    try:
        return unpack(record.header)
    except BadFrame as error:
        return error


def _expand(stamps: Any, count: int, skip: int) -> Any:
    if len(stamps) == count:
        return stamps[skip:] if skip else stamps
    return np.repeat(stamps, count - skip, axis=0)


def _joined(parts: list[Any]) -> Any:
    if isinstance(parts[0], list):
        return [item for part in parts for item in part]
    if len(parts) == 1 or any(part.dtype != parts[0].dtype for part in parts):
        return parts[0] if len(parts) == 1 else np.concatenate(parts)
    # Joining bytes: concatenating structured rows works dtypes out for every pair, 18 µs a part.
    return np.frombuffer(b"".join([part.tobytes() for part in parts]), dtype=parts[0].dtype)
