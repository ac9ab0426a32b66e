"""The running hash of a partition's records, and marks along it, by which the place of a difference is found again.

What is data: key, value and packed header of each record, in log order, each with its length; where a stock producer
wrote without a header, the log's timestamp, which is its receive time. What is not: offsets, other timestamps, and how
the log laid them out. So an archive's copy, a mirror and the log itself give the same.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256

from streams.log import Record

MARKS_MAX = 65_536
"""Marks of a partition. Where there would be more, every second one is dropped: a place is then told less closely."""
MARK_BYTES = 8
NONE = -1
"""The length that stands for no key, or no header: an empty one has 0."""
_LENGTHS = struct.Struct("<qqq")
_TIMESTAMP = struct.Struct("<q")


@dataclass(frozen=True, slots=True)
class Marks:
    """The first bytes of the running hash after each ``stride`` records."""

    stride: int
    hashes: bytes

    def first_difference(self, other: Marks) -> int | None:
        """Position of a record at or before which two histories differ first, as closely as marks tell; None: nowhere.

        It is the first position of the stretch of ``stride`` records that differs.
        """
        stride = max(self.stride, other.stride)
        mine, theirs = self._at(stride), other._at(stride)
        for n, (a, b) in enumerate(zip(mine, theirs, strict=False)):
            if a != b:
                return n * stride
        shorter = min(len(mine), len(theirs))
        return None if len(mine) == len(theirs) else shorter * stride

    def _at(self, stride: int) -> Sequence[bytes]:
        every = stride // self.stride
        n = len(self.hashes) // MARK_BYTES
        return [self.hashes[i * MARK_BYTES : (i + 1) * MARK_BYTES] for i in range(every - 1, n, every)]


class Chain:
    """A running hash.

    Args:
        marked: Whether marks are kept along it: who asks for the hash alone needs none.

    Attributes:
        records: Records so far.
    """

    def __init__(self, *, marked: bool = True) -> None:
        self.records = 0
        self._marked = marked
        self._hash = sha256()
        self._marks = bytearray()
        self._stride = 1

    def add(self, record: Record) -> None:
        """Take the next record in."""
        key, header = record.key, record.header
        lengths = _LENGTHS.pack(
            NONE if key is None else len(key), len(record.value), NONE if header is None else len(header)
        )
        tail = _TIMESTAMP.pack(record.timestamp_ms) if header is None else header
        self._hash.update(b"".join((lengths, key or b"", tail)))
        self._hash.update(record.value)
        self.records += 1
        if self._marked and self.records % self._stride == 0:
            self._mark()

    @property
    def digest(self) -> str:
        """The hash of all so far, in hex."""
        return self._hash.hexdigest()

    @property
    def marks(self) -> Marks:
        """Marks so far."""
        return Marks(self._stride, bytes(self._marks))

    def _mark(self) -> None:
        self._marks += self._hash.digest()[:MARK_BYTES]
        if len(self._marks) > MARKS_MAX * MARK_BYTES:
            # What stays is the mark after each second one: the odd ones, counted from 0.
            kept = self._marks[MARK_BYTES:]
            self._marks = bytearray().join(kept[i : i + MARK_BYTES] for i in range(0, len(kept), 2 * MARK_BYTES))
            self._stride *= 2
