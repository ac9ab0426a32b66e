"""Rows and documents of a partition one after another, whatever frames they came in: what two runs are compared by.

An item's identity is its root (rows), or its id, which derives from the root (documents): the same in every replay.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

import numpy as np
import numpy.typing as npt

from replay.header_peek import Peek, peek
from replay.shape import Shape
from replay.tape_time import SET_BACK_NS, place_before
from schemas.catalog import BY_NUMBER, END
from schemas.codec import decode_any
from schemas.document import Document
from schemas.errors import BadInput
from streams.frame import decode_rows
from streams.log import Log, Record

TIME_MAX = 2**63 - 1
PART_BITS = 16
"""A row's identity as one number: root_seq, then so many bits of root_part."""
PLACE = np.dtype([("time", "<i8"), ("offset", "<i8"), ("row", "<i4"), ("seq", "<u8")])
"""Log time of an item, offset of its record, its number within the record, its number of its writer's."""


def key_of(root_seq: int, root_part: int) -> int:
    """Identity of a row.

    >>> key_of(3, 1)
    196609
    """
    return root_seq << PART_BITS | root_part


@dataclass(slots=True)
class Part:
    """N items.

    Attributes:
        keys: uint64 (n,), identities.
        places: dtype ``PLACE`` (n,).
        content: Rows of one dtype, or an object array of documents: (key, value), bytes.
        packed: The bytes of all content, where they are at hand in one.
    """

    keys: npt.NDArray[np.uint64]
    places: npt.NDArray[Any]
    content: npt.NDArray[Any]
    packed: bytes = b""

    def __len__(self) -> int:
        return len(self.keys)

    def at(self, index: Any) -> Part:
        """Those that a slice, mask or list of positions names."""
        return Part(self.keys[index], self.places[index], self.content[index])

    def raw(self) -> bytes:
        """All content in one: framing and places are no part of it."""
        if self.content.dtype != object:
            return self.packed or self.content.tobytes()
        return b"".join(key + len(value).to_bytes(8, "little") + value for key, value in self.content.tolist())


def joined(parts: list[Part]) -> Part:
    """Parts one behind the other; all of one content type, at least one."""
    if len(parts) == 1:
        return parts[0]
    return Part(*(_behind([getattr(p, name) for p in parts]) for name in ("keys", "places", "content")))


def _behind(arrays: list[Any]) -> Any:
    """Arrays one behind the other; structured ones as bytes: numpy would go through them field by field."""
    dtype = arrays[0].dtype
    if dtype.fields is None:
        return np.concatenate(arrays)
    return np.frombuffer(b"".join(array.tobytes() for array in arrays), dtype=dtype)


@dataclass(slots=True)
class _Piece:
    """What a record holds: rows with their ``numbers`` in it, or one document with its identity (``key``)."""

    content: Any
    offset: int
    seq: int
    time: int
    numbers: Any
    key: int | None = None

    def __len__(self) -> int:
        return len(self.content)

    def split(self, count: int) -> tuple[_Piece, _Piece]:
        """The first so many items, and the rest."""
        head, tail = (
            _Piece(self.content[part], self.offset, self.seq, self.time, self.numbers[part], self.key)
            for part in (slice(0, count), slice(count, None))
        )
        return head, tail


class Items:
    """Takes the items of a partition, in their order, as a committed reader sees them.

    Args:
        log: Where.
        shape: The run.
        table_name: A topic of rows or documents.
        partition: Counted from 0.
        sampled: Of rows, only those of every so many roots; 1: all.
    """

    def __init__(self, log: Log, shape: Shape, table_name: str, partition: int, sampled: int = 1) -> None:
        self._pieces: deque[_Piece] = deque()
        self._held = 0
        self._sampled = sampled
        self._writers = shape.writers(table_name, partition)
        self._since, self._until = shape.times
        start = place_before(log, shape.topic(table_name), partition, self._since, raw=False) if self._since else 0
        self._records = records(log, shape, table_name, partition, start)

    def take(self, count: int) -> Part | None:
        """The next items, fewer where there are no more; None where there are none."""
        while self._held < count and (record := next(self._records, None)) is not None:
            if record[1].time > self._until + SET_BACK_NS:
                self._records = iter(())
                break
            piece = self._piece(*record)
            if piece is not None and len(piece):
                self._pieces.append(piece)
                self._held += len(piece)
        taken: list[_Piece] = []
        while count and self._pieces:
            piece = self._pieces.popleft()
            if len(piece) > count:
                piece, rest = piece.split(count)
                self._pieces.appendleft(rest)
            taken.append(piece)
            count -= len(piece)
            self._held -= len(piece)
        return _part(taken) if taken else None

    def _piece(self, record: Record, head: Peek) -> _Piece | None:
        if head.writer not in self._writers or head.schema == END.number:
            return None
        try:
            rows = rows_of(record, head)
            if rows is None:
                return _of_document(record, head) if self._since <= head.time <= self._until else None
        except BadInput:  # a stranger's, under a task's name: its readers have refused it
            return None
        numbers = np.arange(len(rows), dtype=np.int32)
        if self._sampled > 1:
            numbers = numbers[rows["root_seq"] % np.uint64(self._sampled) == 0]
            rows = rows[numbers]
        if self._since > head.time or int(rows["ts_log"][-1] if len(rows) else 0) > self._until:
            meant = (rows["ts_log"] >= self._since) & (rows["ts_log"] <= min(self._until, TIME_MAX))
            numbers, rows = numbers[meant], rows[meant]
        return _Piece(rows, record.offset, head.seq, head.time, numbers)


def _part(pieces: list[_Piece]) -> Part:
    """Pieces of one kind as one part: everything at once, whatever frames they came in."""
    lengths = [len(piece) for piece in pieces]
    places = np.empty(sum(lengths), dtype=PLACE)
    places["offset"] = np.repeat([piece.offset for piece in pieces], lengths)
    places["row"] = np.concatenate([piece.numbers for piece in pieces])
    places["seq"] = np.repeat(np.array([piece.seq for piece in pieces], dtype="<u8"), lengths)
    places["seq"] += places["row"].astype("<u8")
    if pieces[0].key is not None:
        places["time"] = [piece.time for piece in pieces]
        content = np.concatenate([piece.content for piece in pieces])
        return Part(np.array([piece.key for piece in pieces], dtype="<u8"), places, content)
    packed = b"".join([piece.content.tobytes() for piece in pieces])
    rows = np.frombuffer(packed, dtype=pieces[0].content.dtype)
    places["time"] = rows["ts_log"]
    return Part(keys_of(rows), places, rows, packed)


def records(log: Log, shape: Shape, table_name: str, partition: int, start: int = 0) -> Iterator[tuple[Record, Peek]]:
    """Committed records of a partition that have a header, within the shape's range."""
    low, high = shape.ranges.get((table_name, partition), (0, 1 << 62))
    for record in log.scan(shape.topic(table_name), partition, max(low, start), committed=True):
        if record.offset >= high:
            return
        head = peek(record.header)
        if head is not None:
            yield record, head


def rows_of(record: Record, head: Peek) -> Any:
    """Rows of a record, None where it holds none.

    Raises:
        BadFrame: They are not what the header says.
    """
    schema = BY_NUMBER.get(head.schema)
    if schema is None or schema.kind != "rows":
        return None
    return decode_rows(head.schema, head.version, record.value, head.items)


def keys_of(rows: Any) -> Any:
    """Identities of rows, uint64."""
    return rows["root_seq"] << np.uint64(PART_BITS) | rows["root_part"].astype(np.uint64)


def id_of(document: Document) -> str:
    """A document's own id."""
    return str(getattr(document, "execution_id", "") or getattr(document, "client_order_id", ""))


def _of_document(record: Record, head: Peek) -> _Piece | None:
    name = id_of(decode_any(record.value))
    if not name:
        return None
    content = np.empty(1, dtype=object)
    content[0] = (record.key or b"", record.value)
    key = int.from_bytes(blake2b(name.encode(), digest_size=8).digest(), "little")
    return _Piece(content, record.offset, head.seq, head.time, np.zeros(1, dtype=np.int32), key)
