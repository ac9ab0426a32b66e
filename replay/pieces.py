"""What a topic's own writer wrote there, a record at a time: rows of a frame, or a document.

Read on as far as a partition goes, again and again while it grows: whoever compares a run while it is made need not
have all of it lie somewhere.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from replay.recording import NO_END, Recording
from schemas.catalog import END
from schemas.header import Header
from streams.frame import decode_rows
from streams.log import Record
from streams.task_outputs import ROW_SCHEMAS


@dataclass(frozen=True, slots=True)
class Piece:
    """Rows that follow each other, or one document.

    Attributes:
        seq: Of the first.
        ordinal: Of the input that caused the first.
        key: Of a document's record; of rows empty.
        value: Bytes of all of it.
        dtype: Of rows; None: a document.
        told: Log time of a document, ns.
    """

    seq: int
    ordinal: int
    key: bytes
    value: bytes
    dtype: Any
    told: int

    @property
    def count(self) -> int:
        """Rows; of a document 1."""
        return 1 if self.dtype is None else len(self.value) // int(self.dtype.itemsize)

    @property
    def rows(self) -> Any:
        """Its rows."""
        return np.frombuffer(self.value, dtype=self.dtype)

    @property
    def time(self) -> int:
        """Log time of the first, ns."""
        return self.told if self.dtype is None else int(np.frombuffer(self.value, self.dtype, 1)["ts_log"][0])

    def part(self, begin: int, end: int) -> Piece:
        """Rows ``begin`` to below ``end`` of these; of a document all of it."""
        if self.dtype is None or (begin, end) == (0, self.count):
            return self
        width = self.dtype.itemsize
        value = self.value[begin * width : end * width]
        return Piece(self.seq + begin, self.ordinal + begin, self.key, value, self.dtype, self.told)


class Tail:
    """Committed records of a partition: each iteration goes on where the one before ended, to the end as it is then.

    Attributes:
        offset: The first offset that has not been read.
    """

    def __init__(self, run: Recording, table_name: str, partition: int) -> None:
        self.offset = 0
        self.table_name, self.partition = table_name, partition
        self._run = run

    def __iter__(self) -> Iterator[tuple[Record, Header | None]]:
        for record, header in self._run.scan(self.table_name, self.partition, self.offset):
            self.offset = record.offset + 1
            yield record, header


Choice = Callable[[Piece, bool], Iterable[Piece] | None]
"""What of a piece is compared; None while that cannot be told yet, which is never so where the second says the end."""


class Pieces:
    """What one writer wrote to a partition, from ``seq`` on and before ``last``.

    Attributes:
        undecided: Whether the next one is there, and whether it is compared cannot be told yet.
    """

    def __init__(self, tail: Tail, writer: str, seq: int, choice: Choice, *, last: int = NO_END) -> None:
        self.undecided = False
        self._tail = tail
        self._writer = writer
        self._seq = seq
        self._last = last
        self._choice = choice
        self._records: Iterator[tuple[Record, Header | None]] | None = None
        self._came: Piece | None = None
        self._chosen: deque[Piece] = deque()

    def head(self, *, final: bool) -> Piece | None:
        """The next one; None where there is none yet, or none at all (``final``: nothing more will come)."""
        while not self._chosen:
            came = self._came or self._next()
            if came is None:
                return None
            chosen = self._choice(came, final)
            self.undecided = chosen is None
            self._came = came if chosen is None else None
            if chosen is None:
                return None
            self._chosen.extend(chosen)
        return self._chosen[0]

    def drop(self, count: int) -> None:
        """The first so many of the next one's are done with."""
        piece = self._chosen.popleft()
        if count < piece.count:
            self._chosen.appendleft(piece.part(count, piece.count))

    def _next(self) -> Piece | None:
        if self._seq >= self._last:
            return None
        if self._records is None:
            self._records = iter(self._tail)
        for record, header in self._records:
            if header is None or header.writer != self._writer or header.schema == END.number:
                continue
            if header.seq + header.count > self._seq:
                return self._cut(record, header)
        self._records = None  # it may have grown when it is asked for again
        return None

    def _cut(self, record: Record, header: Header) -> Piece | None:
        if self._tail.table_name not in ROW_SCHEMAS:
            self._seq = header.seq + 1
            if header.seq >= self._last:
                return None
            return Piece(header.seq, header.cause, record.key or b"", record.value, None, header.time)
        dtype = decode_rows(header.schema, header.version, record.value, header.count).dtype
        whole = Piece(header.seq, header.cause, b"", record.value, dtype, header.time)
        begin, end = max(0, self._seq - header.seq), min(header.count, self._last - header.seq)
        self._seq = header.seq + header.count
        return whole.part(begin, end) if begin < end else None
