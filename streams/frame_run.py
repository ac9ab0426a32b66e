"""Runs of frames of one shape, decoded in one kernel call: what makes a frame of one row cheap.

Most records of a topic follow each other in the same way: one writer, one schema, one chain of hops, no sides, and the
next ``seq``. A :class:`FrameShape` is made from the first record, which ``streams/inputs.py`` has read and checked in
full. Those that follow are compared with it byte for byte, and all that agree become one batch. The first that differs
in any way ends the run, and is read in full again: nothing is refused, skipped or forgiven here.
"""

from __future__ import annotations

from itertools import accumulate
from typing import Any

import numpy as np
from numba import njit

from schemas.header import PREFIX, Header
from streams.agent import ORIGIN, Batch
from streams.frame import FRAME_ROWS_MAX
from streams.log import Records

_LOW = 0xFFFFFFFF
_COUNT_AT, _SEQ_AT, _SIDES_AT, _VARYING_AT = 4, 8, 32, 36
"""Places within the prefix (``schemas.header.PREFIX``)."""
FEW = 64
"""A read of no more records is laid out without numpy's own calls, which would cost more than the numbers."""


class FrameRun:
    """Records of one read, laid out for the kernel."""

    def __init__(self, records: Records) -> None:
        self.records = records
        headers: Any = records.headers
        try:
            joined = headers[0] if len(headers) == 1 else b"".join(headers)
            sizes = map(len, headers) if joined is not None else iter((0,))
        except TypeError:  # a record without a header has one of no bytes here: too short for any shape
            headers = [h or b"" for h in headers]
            joined, sizes = b"".join(headers), map(len, headers)
        self._words = _words(joined or b"")
        if len(headers) <= FEW:
            value_sizes = [*map(len, records.values)]
            self._header_ends = np.array([*accumulate(sizes, initial=0)], dtype=np.int64)
            self._value_sizes = np.array(value_sizes, dtype=np.int64)
            self._value_bytes = sum(value_sizes)
        else:
            self._header_ends = np.zeros(len(headers) + 1, dtype=np.int64)
            np.cumsum(np.fromiter(sizes, np.int64, len(headers)), out=self._header_ends[1:])
            self._value_sizes = np.fromiter(map(len, records.values), np.int64, len(headers))
            self._value_bytes = int(self._value_sizes.sum())

    def take(self, shape: FrameShape, at: int, seq: int, ordinal: int, items_max: int) -> tuple[int, Batch] | None:
        """The records from ``at`` on that have the shape and follow each other from ``seq``, as one batch.

        Returns:
            How many records, and the batch; None when not even the first is one of them, or fits ``items_max``.
        """
        room = min(items_max, self._value_bytes // shape.dtype.itemsize)
        stamps = np.empty((shape.columns, room), dtype=np.int64)
        origins = np.empty((room, 3), dtype=np.int64)
        records, rows = _scan(
            self._words, self._header_ends, self._value_sizes, self.records.offsets, at, shape.head,
            shape.head_bytes, shape.dtype.itemsize, FRAME_ROWS_MAX, shape.seq_max, seq, ordinal, stamps, origins,
        )  # fmt: skip
        if not records:
            return None
        values = self.records.values
        joined = values[at] if records == 1 else b"".join(values[at : at + records])
        return records, Batch(
            np.frombuffer(joined, dtype=shape.dtype), origins[:rows].view(ORIGIN)[:, 0], shape.hops,
            stamps[:, :rows].T,
        )  # fmt: skip


class FrameShape:
    """What a run's headers have in common.

    Args:
        header: Header of a record that was checked and belongs where it lies.
        packed: Its bytes.
        dtype: Dtype of its rows.
        seq_max: No row's ``seq`` may reach it.

    Attributes:
        head: The header as words; what names the record alone is never looked at.
        head_bytes: Bytes up to the stamps.
        columns: Columns of stamps.
    """

    def __init__(self, header: Header, packed: bytes, dtype: np.dtype[Any], seq_max: int) -> None:
        assert not header.sides, "sides are read in full"
        self.writer = header.writer
        self.hops = header.hops
        self.dtype = dtype
        self.seq_max = seq_max
        self.columns = 1 + 2 * len(header.hops)
        self.head_bytes = PREFIX.size + len(header.writer) + len(header.hops)
        self.head = _words(packed)


def _words(data: bytes) -> Any:
    """The eight bytes from each byte on, as int64: numbers are read where they lie, aligned or not."""
    return np.ndarray(max(0, len(data) - 7), dtype="<i8", buffer=data, strides=(1,))


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _same(words: Any, begin: int, head: Any, head_bytes: int) -> bool:
    """Whether a header has the shape: magic, versions, schema, sides, hops and writer; not count, seq, time, cause."""
    if (words[begin] ^ head[0]) & _LOW or (words[begin + _SIDES_AT] ^ head[_SIDES_AT]) & _LOW:
        return False
    at = _VARYING_AT + 4
    while at + 8 <= head_bytes:
        if words[begin + at] != head[at]:
            return False
        at += 8
    rest = (1 << 8 * (head_bytes - at)) - 1
    return bool((words[begin + at] ^ head[at]) & rest == 0)


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _scan(
    words: Any, header_ends: Any, value_sizes: Any, offsets: Any, at: int, head: Any, head_bytes: int, row_bytes: int,
    rows_max: int, seq_max: int, seq: int, ordinal: int, stamps: Any, origins: Any,
) -> tuple[int, int]:  # fmt: skip
    """Read headers from record ``at`` on until one differs or the room is used up: (records, rows)."""
    columns, room = stamps.shape
    rows = 0
    record = at
    while record < value_sizes.size:
        begin, end = header_ends[record], header_ends[record + 1]
        # With a stamp behind the head every word of it lies within the header.
        if end - begin < head_bytes + 8 or not _same(words, begin, head, head_bytes):
            break
        count = words[begin + _COUNT_AT] & _LOW
        varying = words[begin + _VARYING_AT] & _LOW
        if not 1 <= count <= rows_max or count > room - rows or varying >> columns:
            break
        n_varying = 0
        for i in range(columns):
            n_varying += varying >> i & 1
        if end - begin != head_bytes + 8 * (columns - n_varying) + 8 * n_varying * count:
            break
        if value_sizes[record] != count * row_bytes or words[begin + _SEQ_AT] != seq or seq + count > seq_max:
            break
        place = begin + head_bytes
        for i in range(columns):
            if varying >> i & 1:
                for row in range(rows, rows + count):
                    stamps[i, row] = words[place]
                    place += 8
            else:
                stamp = words[place]
                place += 8
                for row in range(rows, rows + count):
                    stamps[i, row] = stamp
        for row in range(rows, rows + count):
            origins[row, 0] = ordinal
            origins[row, 1] = offsets[record]
            origins[row, 2] = seq
            ordinal += 1
            seq += 1
        rows += count
        record += 1
    return record - at, rows


def warm() -> None:
    """Compile the kernel, or load it from its cache, for arrays laid out as they will be."""
    numbers, words = np.zeros(1, dtype=np.int64), _words(bytes(PREFIX.size))
    _scan(
        words, numbers, numbers[:0], numbers[:0], 0, words, 0, 1, 1, 0, 0, 0,
        np.empty((1, 1), dtype=np.int64), np.empty((1, 3), dtype=np.int64),
    )  # fmt: skip
