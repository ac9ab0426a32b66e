"""Records in blocks: big enough that a file is written at the speed of memory, small enough that memory stays flat."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from replay.header_peek import Peek, peek
from schemas.catalog import BY_NUMBER, END, Schema
from schemas.errors import BadFrame, ConfigError
from streams.frame import decode_rows
from streams.log import Record

BLOCK_ROWS = 131_072
"""Rows of a block: 14 MB of ticks."""
BLOCK_DOCUMENTS = 16_384
CACHED_ROWS = 8_192
"""Rows that are taken apart at a time: every column of them passes by while they lie in a core's cache."""


class Rows(NamedTuple):
    """Rows of one schema and partition.

    Attributes:
        rows: Of the schema's dtype.
        seq: u64, one a row: gapless per writer and partition.
    """

    schema: Schema
    partition: int
    rows: npt.NDArray[Any]
    seq: npt.NDArray[np.uint64]

    def columns(self) -> dict[str, npt.NDArray[Any]]:
        """Each column by itself, in one piece."""
        dtype = self.rows.dtype
        found = {name: np.empty(len(self.rows), dtype[name]) for name in dtype.names or ()}
        for begin in range(0, len(self.rows), CACHED_ROWS):
            part = self.rows[begin : begin + CACHED_ROWS]
            for name, column in found.items():
                column[begin : begin + CACHED_ROWS] = part[name]
        return found

    def known_by(self, cutoff: int) -> Rows:
        """Without rows of a later log time: a frame may hold some behind those that it is named after."""
        kept = self.rows["ts_log"] <= cutoff
        return self if kept.all() else self._replace(rows=self.rows[kept], seq=self.seq[kept])


class Documents(NamedTuple):
    """Documents or payloads of one schema, with what their headers begin with; a stock producer's have none."""

    schema: Schema
    records: list[Record]
    heads: list[Peek | None]


def blocks(records: Iterator[Record], wanted: Schema) -> Iterator[Rows | Documents]:
    """Blocks of all records of a schema; whatever else lies between them (ends, strangers) is left out.

    Raises:
        ConfigError: A record of that schema cannot be read: what is broken is not exported as if it were whole.
    """
    if wanted.kind == "rows":
        yield from _of_rows(records, wanted)
    else:
        yield from _of_documents(records, wanted)


def _of_rows(records: Iterator[Record], wanted: Schema) -> Iterator[Rows]:
    open_block: _Block | None = None
    for record in records:
        head = peek(record.header)
        if head is None or head.schema != wanted.number:
            continue
        if open_block is not None and not open_block.takes(record, head):
            yield open_block.rows(wanted)
            open_block = None
        open_block = open_block or _Block(record, head)
        open_block.add(record, head)
        if open_block.count >= BLOCK_ROWS:
            yield open_block.rows(wanted)
            open_block = None
    if open_block is not None:
        yield open_block.rows(wanted)


class _Block:
    """Frames of one layout and partition, on their way to a block."""

    def __init__(self, record: Record, head: Peek) -> None:
        try:
            self._dtype = decode_rows(head.schema, head.version, record.value, head.items).dtype
        except BadFrame as error:
            raise broken(record, error) from error
        self._version, self._partition = head.version, record.partition
        self._values: list[bytes] = []
        self._counts: list[int] = []
        self._starts: list[int] = []
        self.count = 0

    def takes(self, record: Record, head: Peek) -> bool:
        """Whether a frame is of the same layout and partition."""
        alike = head.version == self._version and record.partition == self._partition
        return alike and len(record.value) == head.items * self._dtype.itemsize

    def add(self, record: Record, head: Peek) -> None:
        """One more frame."""
        self._values.append(record.value)
        self._counts.append(head.items)
        self._starts.append(head.seq)
        self.count += head.items

    def rows(self, schema: Schema) -> Rows:
        """The block."""
        rows = np.frombuffer(b"".join(self._values), self._dtype)
        counts, starts = np.array(self._counts), np.array(self._starts, np.uint64)
        before = (np.cumsum(counts) - counts).astype(np.uint64)
        seq = np.arange(len(rows), dtype=np.uint64) + np.repeat(starts - before, counts)
        return Rows(schema, self._partition, rows, seq)


def _of_documents(records: Iterator[Record], wanted: Schema) -> Iterator[Documents]:
    kept: list[Record] = []
    heads: list[Peek | None] = []
    for record in records:
        head = peek(record.header)
        if wanted.kind != "raw" if head is None else head.schema != wanted.number:
            continue
        kept.append(record)
        heads.append(head)
        if len(kept) == BLOCK_DOCUMENTS:
            yield Documents(wanted, kept, heads)
            kept, heads = [], []
    if kept:
        yield Documents(wanted, kept, heads)


def schema_of(topic_schemas: tuple[Schema, ...], topic: str) -> Schema:
    """What a topic carries beside end records.

    Raises:
        ConfigError: Several kinds of documents: they have no columns in common.
    """
    carried = [schema for schema in topic_schemas if schema.number != END.number and schema.kind != "state"]
    if len(carried) != 1:
        raise ConfigError(
            "the topic has no columns of its own", kind="export_topic", got=topic, fix="tapedeck topics tail reads it",
            allowed="ticks, scores, features, orders and the like, executions, definitions, raw, dlq",
        )  # fmt: skip
    return BY_NUMBER[carried[0].number]


def broken(record: Record, error: BadFrame) -> ConfigError:
    """Of a record that cannot be read."""
    return ConfigError("a record cannot be read", kind="export_broken", got=str(error),
                       where=f"{record.topic}[{record.partition}]@{record.offset}",
                       fix="leave it out: --from-time and --to-time")  # fmt: skip
