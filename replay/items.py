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
from schemas.catalog import BY_NUMBER, END
from schemas.codec import decode_any
from schemas.document import Document
from schemas.errors import BadInput
from streams.frame import decode_rows
from streams.log import Log, Record

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
    """

    keys: npt.NDArray[np.uint64]
    places: npt.NDArray[Any]
    content: npt.NDArray[Any]

    def __len__(self) -> int:
        return len(self.keys)

    def at(self, index: Any) -> Part:
        """Those that a slice, mask or list of positions names."""
        return Part(self.keys[index], self.places[index], self.content[index])

    def raw(self) -> bytes:
        """All content in one: framing and places are no part of it."""
        if self.content.dtype != object:
            return self.content.tobytes()
        return b"".join(key + len(value).to_bytes(8, "little") + value for key, value in self.content.tolist())


def joined(parts: list[Part]) -> Part:
    """Parts one behind the other; all of one content type, at least one."""
    if len(parts) == 1:
        return parts[0]
    return Part(
        np.concatenate([p.keys for p in parts]), np.concatenate([p.places for p in parts]),
        np.concatenate([p.content for p in parts]),
    )  # fmt: skip


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
        self._parts: deque[Part] = deque()
        self._held = 0
        self._sampled = sampled
        self._writers = shape.writers(table_name, partition)
        self._records = records(log, shape, table_name, partition)

    def take(self, count: int) -> Part | None:
        """The next items, fewer where there are no more; None where there are none."""
        while self._held < count and (record := next(self._records, None)) is not None:
            part = self._part(*record)
            if part is not None and len(part):
                self._parts.append(part)
                self._held += len(part)
        taken: list[Part] = []
        while count and self._parts:
            part = self._parts.popleft()
            if len(part) > count:
                self._parts.appendleft(part.at(slice(count, None)))
                part = part.at(slice(0, count))
            taken.append(part)
            count -= len(part)
            self._held -= len(part)
        return joined(taken) if taken else None

    def _part(self, record: Record, head: Peek) -> Part | None:
        if head.writer not in self._writers or head.schema == END.number:
            return None
        try:
            rows = rows_of(record, head)
            if rows is not None:
                return self._of_rows(record, head, rows)
            return _of_document(record, head)
        except BadInput:  # a stranger's, under a task's name: its readers have refused it
            return None

    def _of_rows(self, record: Record, head: Peek, rows: Any) -> Part:
        places = np.empty(len(rows), dtype=PLACE)
        places["time"], places["offset"] = rows["ts_log"], record.offset
        places["row"] = np.arange(len(rows))
        places["seq"] = np.arange(head.seq, head.seq + len(rows))
        part = Part(keys_of(rows), places, rows)
        return part if self._sampled == 1 else part.at(rows["root_seq"] % np.uint64(self._sampled) == 0)


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


def _of_document(record: Record, head: Peek) -> Part | None:
    name = id_of(decode_any(record.value))
    if not name:
        return None
    places = np.array([(head.time, record.offset, 0, head.seq)], dtype=PLACE)
    content = np.empty(1, dtype=object)
    content[0] = (record.key or b"", record.value)
    digest = blake2b(name.encode(), digest_size=8).digest()
    return Part(np.frombuffer(digest, dtype="<u8"), places, content)
