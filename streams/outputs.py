"""One output partition of a task: rows and documents numbered, framed and appended; recovery's repeats compared."""

from __future__ import annotations

from dataclasses import dataclass, field
from hashlib import sha256

import numpy as np
import numpy.typing as npt
import orjson

from schemas.catalog import BY_EVENT, BY_NUMBER, Schema
from schemas.codec import encode
from schemas.document import Document, Root
from schemas.errors import BadFrame, StateDiverged
from schemas.header import Header, Side, Stamps, pack, unpack
from streams.agent import Rows
from streams.frame import FRAME_ROWS_DEFAULT, decode_rows, encode_rows
from streams.log import Log, Record, Writer


@dataclass(slots=True)
class Recorded:
    """What the log already holds of this writer from a seq onward: rows as contiguous runs, documents by seq."""

    rows_from: int = 0
    rows: list[Rows] = field(default_factory=list)
    documents: dict[int, tuple[bytes | None, bytes]] = field(default_factory=dict)
    sides: set[Side] = field(default_factory=set)
    cause_max: int = -1


class Output:
    """Appends to one partition under one writer's name.

    Attributes:
        seq: Number of the next row or document.
        since: Offset from which this writer's uncommitted records are to be found (a lower bound).
        sides_told: How many of the side records placed since the last commit are told in this partition.
    """

    def __init__(self, topic: str, partition: int, writer_name: str, *, frame_rows: int = FRAME_ROWS_DEFAULT) -> None:
        self.topic = topic
        self.partition = partition
        self.seq = 0
        self.since = 0
        self.sides_told = 0
        self._name = writer_name
        self._frame_rows = frame_rows
        self._recorded = Recorded()

    @property
    def recalls(self) -> bool:
        """Whether anything that was read back is still to be regenerated."""
        return bool(self._recorded.rows or self._recorded.documents)

    def recall(self, log: Log) -> Recorded:
        """Read back what this writer left beyond its snapshot: to be compared with what will be regenerated."""
        recorded = Recorded()
        for record in log.scan(self.topic, self.partition, self.since, committed=False):
            _recall(record, self._name, self.seq, recorded)
        self._recorded = recorded
        return recorded

    def append_rows(
        self, writer: Writer, schema: Schema, rows: Rows, stamps: Stamps, ordinals: npt.NDArray[np.int64],
        hops: tuple[int, ...], sides: tuple[Side, ...], passed: tuple[int, ...] = (),
    ) -> None:  # fmt: skip
        """Append rows in frames of at most ``frame_rows``, the first with the sides; one short frame, not a wait."""
        for at in range(0, len(rows), self._frame_rows):
            chunk = rows[at : at + self._frame_rows]
            if self._recorded.rows:
                self._compare_rows(chunk)
            # Told so that the last row's cause is known, which recovery asks for: rows may be a sample, with gaps.
            # Where one input gave several, the first inputs of all would lie below zero.
            cause = max(int(ordinals[at + len(chunk) - 1]) - len(chunk) + 1, 0)
            header = Header(
                schema=schema.number, version=schema.version, count=len(chunk), seq=self.seq,
                time=int(chunk["ts_log"][0]), cause=cause, writer=self._name, sides=sides, hops=hops,
                stamps=stamps[at : at + self._frame_rows], passed=passed,
            )  # fmt: skip
            writer.append(self.topic, self.partition, None, encode_rows(chunk), pack(header))
            self.seq += len(chunk)
            sides = ()

    def append_document(
        self, writer: Writer, key: bytes, document: Document, stamps: Stamps, ordinal: int, hops: tuple[int, ...],
        sides: tuple[Side, ...], passed: tuple[int, ...] = (),
    ) -> None:  # fmt: skip
        """Append one document, with a W3C ``traceparent`` derived from its root."""
        schema = BY_EVENT[type(document)]
        value = encode(document)
        self._compare_document(key, value)
        header = Header(
            schema=schema.number, version=schema.version, seq=self.seq, time=int(getattr(document, "ts", 0)),
            cause=ordinal, writer=self._name, sides=sides, hops=hops, stamps=stamps, passed=passed,
        )  # fmt: skip
        writer.append(self.topic, self.partition, key, value, pack(header), _trace(document, self._name, self.seq))
        self.seq += 1

    def check_regenerated(self) -> None:
        """At the end of the input: whatever was read back must have come again.

        Raises:
            StateDiverged: The log holds more under this writer's name than recovery gave.
        """
        if self.recalls:
            raise StateDiverged(
                "recovery regenerated less than the log holds", kind="too_little", got=f"an end at seq {self.seq - 1}",
                where=f"{self.topic}[{self.partition}] of {self._name}",
            )  # fmt: skip

    def _compare_rows(self, rows: Rows) -> None:
        """Compare what is about to be written with what the log holds under the same seqs."""
        recorded = self._recorded
        at = self.seq
        while recorded.rows and len(rows):
            before = recorded.rows[0]
            before = before[at - recorded.rows_from :]
            n = min(len(before), len(rows))
            if before[:n].tobytes() != rows[:n].tobytes():
                raise self._diverged(before[:n], rows[:n], at)
            at += n
            rows = rows[n:]
            if n == len(before):
                recorded.rows_from += len(recorded.rows.pop(0))

    def _diverged(self, before: Rows, after: Rows, seq: int) -> StateDiverged:
        i = next(i for i in range(len(before)) if before[i].tobytes() != after[i].tobytes())
        names = before.dtype.names or ()
        column = next((n for n in names if before[i][n].tobytes() != after[i][n].tobytes()), "?")
        return StateDiverged(
            "recovery regenerated another row than the log holds", kind="other_row",
            got=f"{column}={after[i][column]}", allowed=f"{column}={before[i][column]}",
            where=f"{self.topic}[{self.partition}] seq {seq + i} of {self._name}",
        )  # fmt: skip

    def _compare_document(self, key: bytes, value: bytes) -> None:
        before = self._recorded.documents.pop(self.seq, None)
        if before is not None and before != (key, value):
            raise StateDiverged(
                "recovery regenerated another document than the log holds", kind="other_document",
                got=_differing(before[1], value), allowed="the same key and bytes",
                where=f"{self.topic}[{self.partition}] seq {self.seq} of {self._name}",
            )  # fmt: skip


def _differing(before: bytes, after: bytes) -> str:
    """Which fields of a document differ; not what they hold, which is for the log alone."""
    try:
        old, new = orjson.loads(before), orjson.loads(after)
        fields = [name for name in (*new, *old) if name not in old or name not in new or old[name] != new[name]]
    except (orjson.JSONDecodeError, TypeError):
        fields = []
    return f"other {', '.join(dict.fromkeys(fields)) or 'bytes'}"


def _recall(record: Record, name: str, seq_from: int, recorded: Recorded) -> None:
    if record.header is None:
        return
    rows: Rows | None = None
    try:
        header = unpack(record.header)
        if header.writer != name or (schema := BY_NUMBER.get(header.schema)) is None:
            return
        if schema.kind == "rows":
            rows = decode_rows(header.schema, header.version, record.value, header.count)
    except BadFrame:  # not of our making: readers refuse it, and it is no reason not to recover
        return
    # A place is told once: maybe in a record that a life which committed in mid-recovery has gone past.
    recorded.sides.update(header.sides)
    if header.seq + header.count <= seq_from:
        return
    recorded.cause_max = max(recorded.cause_max, header.cause + header.count - 1)
    if rows is None:
        recorded.documents.setdefault(header.seq, (record.key, record.value))
        return
    if not recorded.rows:
        recorded.rows_from = seq_from
    next_seq = recorded.rows_from + sum(len(r) for r in recorded.rows)
    if header.seq <= next_seq < header.seq + header.count:
        # A later incarnation repeats the same rows: only what goes beyond is new.
        recorded.rows.append(rows[next_seq - header.seq :])


def _trace(document: Document, name: str, seq: int) -> tuple[tuple[str, bytes], ...]:
    """W3C Trace Context: the trace is the root's, the span this record's; both repeat in every replay."""
    root = getattr(document, "root", None)
    if not isinstance(root, Root):
        return ()
    trace = sha256(f"{root.source}/{root.seq}/{root.part}".encode()).hexdigest()[:32]
    span = sha256(f"{trace}/{name}/{seq}".encode()).hexdigest()[:16]
    return (("traceparent", f"00-{trace}-{span}-01".encode()),)
