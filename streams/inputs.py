"""One input partition of a task: records in, batches out; repeats dropped, ends and bad records told apart."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from schemas.catalog import BY_NUMBER, END, RAW, Schema
from schemas.codec import decode
from schemas.control import End
from schemas.errors import BadFrame, BadInput, StateDiverged
from schemas.header import Header, no_stamps, unpack
from streams.agent import ORIGIN, Batch, Payload
from streams.frame import decode_rows
from streams.log import Log, Reader, Record

RECORDS_MAX = 256
"""Records taken from the log in one read."""

NANOS_PER_MS = 1_000_000


@dataclass(slots=True)
class BadRecord:
    """A record that is no frame, document or payload of a known schema."""

    record: Record
    error: BadInput
    ordinal: int
    writer: str = ""
    seq: int = 0


ITEMS_MAX = 8_192
"""Items handed out in one batch. Bounds what a snapshot must hold of a half-consumed one: about 2 MB of rows."""

Arrival = Batch | BadRecord | End


class Input:
    """Reads one partition forward and hands out runs of like records.

    A record whose ``seq`` its writer has already been seen past is dropped (what a dead writer left uncommitted comes
    again from its successor); a hole in a transactional writer's ``seq`` is a broken promise and stops the task.

    Attributes:
        offset: Offset of the next record to hand out: what a snapshot stores.
        seqs: Next ``seq`` expected, by writer.
        ordinal: Number of items handed out since the task began.
    """

    def __init__(
        self, log: Log, topic: str, partition: int, *, source: str = "", gapless: bool = True,
        records_max: int = RECORDS_MAX,
    ) -> None:  # fmt: skip
        self.topic = topic
        self.partition = partition
        self.offset = 0
        self.seqs: dict[str, int] = {}
        self.ordinal = 0
        self.ended = False
        self._log = log
        self._source = source
        self._gapless = gapless
        self._records_max = records_max
        self._reader: Reader | None = None
        self._records: list[Record] = []
        self._headers: list[Header | BadInput | None] = []
        self._at = 0

    def fill(self, timeout_s: float) -> bool:
        """Make sure something is buffered, waiting up to ``timeout_s``; False when nothing came."""
        if self.buffered:
            return True
        self.open()
        if self._reader is not None:
            self.push(self._reader.read(self._records_max, timeout_s))
        return self.buffered

    @property
    def buffered(self) -> bool:
        """Whether records are at hand that have not been handed out."""
        return self._at < len(self._records)

    def open(self) -> None:
        """Start fetching ahead."""
        if self._reader is None:
            self._reader = self._log.reader({(self.topic, self.partition): self.offset})

    def push(self, records: list[Record]) -> None:
        """Take over records that someone else has read, once the buffer is used up."""
        self._records = records
        self._headers = [_header(r) for r in records]
        self._at = 0

    def add(self, record: Record) -> None:
        """Take over one more record behind those at hand."""
        if not self.buffered:
            self.push([])
        self._records.append(record)
        self._headers.append(_header(record))

    def take(self, items_max: int = ITEMS_MAX) -> Arrival | None:
        """The next run of like records as one batch, or a bad record, or the end; None when the buffer is used up.

        A batch holds at most ``items_max`` items; a frame may be handed out in parts.
        """
        while self._at < len(self._records):
            record, header = self._records[self._at], self._headers[self._at]
            if isinstance(header, BadInput):
                return self._bad(record, header)
            if header is None:
                if self._source:
                    return self._take_unnumbered(record)
                return self._bad(record, BadFrame("record without a header", allowed="a packed header 'td'"))
            schema = BY_NUMBER.get(header.schema)
            if schema is None or schema.version != header.version or (schema.kind != "rows" and header.count != 1):
                return self._bad(record, _unknown(header), header)
            skip = self._skip(record, header)
            if skip >= header.count:
                self._next(record)
                continue
            if schema is END:
                return self._take_end(record, header)
            arrival = self._take_run(schema, header, items_max)
            if arrival is not None:
                return arrival
        return None

    def close(self) -> None:
        """Release the reader."""
        if self._reader is not None:
            self._reader.close()
            self._reader = None

    def _next(self, record: Record) -> None:
        self._at += 1
        self.offset = record.offset + 1

    def _bad(self, record: Record, error: BadInput, header: Header | None = None) -> BadRecord:
        self._next(record)
        ordinal, self.ordinal = self.ordinal, self.ordinal + 1
        if header is not None:
            self.seqs[header.writer] = header.seq + header.count
        return BadRecord(
            record, error, ordinal, header.writer if header else "", header.seq if header else max(record.offset, 0)
        )

    def _skip(self, record: Record, header: Header) -> int:
        """How many rows of a record have been seen before."""
        expected = self.seqs.get(header.writer)
        if expected is None or header.seq == expected:
            return 0
        if header.seq > expected:
            if self._gapless:
                raise StateDiverged(
                    "a hole in a writer's seq: records are missing",
                    got=f"seq {header.seq} of {header.writer}", allowed=f"seq {expected}",
                    where=f"{record.topic}[{record.partition}]@{record.offset}",
                )  # fmt: skip
            return 0
        return min(expected - header.seq, header.count)

    def _take_end(self, record: Record, header: Header) -> End | BadRecord:
        try:
            end = decode(record.value, End)
        except BadInput as error:
            return self._bad(record, error, header)
        self._next(record)
        self.seqs[header.writer] = header.seq + 1
        self.ended = True
        return end

    def _take_run(self, schema: Schema, first: Header, items_max: int) -> Batch | BadRecord | None:
        """A batch of the longest run of records with one schema and one chain of hops."""
        parts: list[Any] = []
        stamps: list[Any] = []
        places: list[tuple[int, int, int]] = []
        bad: tuple[Record, BadInput, Header] | None = None
        while self._at < len(self._records) and items_max > 0:
            record, header = self._records[self._at], self._headers[self._at]
            if not isinstance(header, Header) or header.schema != first.schema or header.version != first.version:
                break
            if header.hops != first.hops:
                break
            skip = self._skip(record, header)
            if skip < header.count:
                try:
                    parts.append(self._items(schema, record, header, skip))
                except BadInput as error:
                    bad = (record, error, header)
                    break
                n = header.count - skip
                stamps.append(_expand(header.stamps, header.count, skip))
                places.append((n, record.offset, header.seq + skip))
                if n > items_max:
                    # The rest of this frame is handed out next time: its seqs are told apart by what has been seen.
                    parts[-1], stamps[-1] = parts[-1][:items_max], stamps[-1][:items_max]
                    places[-1] = (items_max, record.offset, header.seq + skip)
                    self.seqs[header.writer] = header.seq + skip + items_max
                    self.offset = record.offset
                    break
                items_max -= n
                self.seqs[header.writer] = header.seq + header.count
            self._next(record)
        if not parts:
            return self._bad(*bad) if bad else None
        origins = self._origins(places)
        all_stamps = stamps[0] if len(stamps) == 1 else np.concatenate(stamps)
        items = _joined(schema, parts)
        return Batch(items, origins, first.hops, all_stamps)

    def _items(self, schema: Schema, record: Record, header: Header, skip: int) -> Any:
        if schema.kind == "rows":
            rows = decode_rows(schema.number, schema.version, record.value, header.count)
            return rows[skip:] if skip else rows
        if schema is RAW:
            return Payload(header.writer, header.seq, header.time, record.key or b"", record.value)
        if schema.event is None:
            raise BadFrame("a record that does not belong on this topic", got=schema.name)
        return decode(record.value, schema.event)

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

    def _take_unnumbered(self, record: Record) -> Batch:
        """A stock producer's raw payload: it numbers nothing, so the offset serves as its source_seq."""
        self._next(record)
        payload = Payload(
            self._source, record.offset, record.timestamp_ms * NANOS_PER_MS, record.key or b"", record.value
        )
        origins = self._origins([(1, record.offset, record.offset)])
        return Batch([payload], origins, (), no_stamps())


def _header(record: Record) -> Header | BadInput | None:
    if record.header is None:
        return None
    try:
        return unpack(record.header)
    except BadFrame as error:
        return error


def _unknown(header: Header) -> BadFrame:
    known = ", ".join(f"{s.number}={s.name}/{s.version}" for s in BY_NUMBER.values())
    return BadFrame("unknown schema or version", got=f"{header.schema}/{header.version}", allowed=known)


def _expand(stamps: Any, count: int, skip: int) -> Any:
    if len(stamps) == count:
        return stamps[skip:] if skip else stamps
    return np.repeat(stamps, count - skip, axis=0)


def _joined(schema: Schema, parts: list[Any]) -> Any:
    if schema.kind == "rows":
        return parts[0] if len(parts) == 1 else np.concatenate(parts)
    return parts
