"""Finding the row, document or payload of a root in a run's topics without reading them whole.

Log time never runs backwards within a partition that one task writes, and a publisher's numbers only grow, so the place
is found by halving. Where several wrote, times are nearly in order: then the search begins further back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from replay.header_peek import Peek, peek
from replay.items import keys_of, records, rows_of
from replay.shape import Shape
from schemas.catalog import RAW
from schemas.codec import decode_any
from schemas.document import Document
from schemas.errors import BadInput
from streams.admission import RETRIED_FROM
from streams.log import Log, Record

BACK_OFFSETS = (64, 4_096, 1 << 62)
"""How far before the place found the search begins, in offsets; further each time that nothing is found."""
NEAR_OFFSETS = 16
"""The last halving steps are left to reading on."""

NEAR_NS = 10_000_000_000
"""Of log time so much is read on: what several partitions write is in order but for how far one is ahead of another."""
FOREVER = 2**63 - 1

Row = tuple[Record, int, np.void]
"""The record, the row's number in it, and the row."""


class Lookup:
    """Looks into one run.

    Args:
        log: Where.
        shape: The run.
    """

    def __init__(self, log: Log, shape: Shape) -> None:
        self._log = log
        self._shape = shape

    def row(self, table_name: str, partition: int, key: int, time: int) -> Row | None:
        """The row of an identity (``items.key_of``) and log time; None where the topic does not hold it."""
        for record, head in self._near(table_name, partition, lambda head: head.time >= time, time):
            try:
                rows = rows_of(record, head)
            except BadInput:
                continue
            if rows is None:
                continue
            hits = np.flatnonzero(keys_of(rows) == np.uint64(key))
            if len(hits):
                return record, int(hits[0]), rows[int(hits[0])]
        return None

    def documents(
        self, table_name: str, wanted: Callable[[Document], bool], contains: str, time: int | None = None
    ) -> list[tuple[Record, Document]]:
        """Documents of a topic that are wanted, in their order.

        Args:
            table_name: The topic.
            wanted: Which.
            contains: Text that each must hold.
            time: Their log time, nearly: they are looked for around it first, everywhere where they are not there.
        """
        found = self._log.partitions(self._shape.topic(table_name))  # several of a shadow, else one
        near = [] if time is None else [
            document for partition in range(found)
            for document in self._documents(
                table_name, partition, wanted, contains, self.offset_at(table_name, partition, time), time + NEAR_NS
            )
        ]  # fmt: skip
        return near or [
            document for partition in range(found)
            for document in self._documents(table_name, partition, wanted, contains, 0, FOREVER)
        ]  # fmt: skip

    def _documents(
        self, table_name: str, partition: int, wanted: Callable[[Document], bool], contains: str, start: int, until: int
    ) -> Iterator[tuple[Record, Document]]:
        known, text = self._shape.writers(table_name, partition), contains.encode()
        for record, head in records(self._log, self._shape, table_name, partition, start):
            if head.time > until:
                return
            if head.writer not in known or text not in record.value:
                continue
            try:
                document = decode_any(record.value)
            except BadInput:
                continue
            if wanted(document):
                yield record, document

    def payload(self, partition: int, source_seq: int) -> Record | None:
        """The raw payload of a number; None where the run has no raw topic, or it is gone."""
        table_name = "raw.<source>"
        if source_seq >= RETRIED_FROM:
            found = records(self._log, self._shape, table_name, partition) if self._there(table_name) else iter(())
        else:
            found = self._near(table_name, partition, lambda head: head.seq >= source_seq, None)
        for record, head in found:
            if head.schema == RAW.number and head.seq == source_seq:
                return record
        return None

    def _there(self, table_name: str) -> bool:
        return self._log.partitions(self._shape.topic(table_name)) > 0

    def _near(
        self, table_name: str, partition: int, reached: Callable[[Peek], bool], until: int | None
    ) -> Iterator[tuple[Record, Peek]]:
        """Records around the first that is ``reached``, from a little before it; up to log time ``until``."""
        if partition >= self._log.partitions(self._shape.topic(table_name)):
            return
        at = self._halve(table_name, partition, reached)
        low = self._log.bounds(self._shape.topic(table_name), partition)[0]
        end = at + 2 * NEAR_OFFSETS
        for back in BACK_OFFSETS:
            start = max(low, at - back)
            for record, head in records(self._log, self._shape, table_name, partition, start):
                yield record, head
                past = reached(head) if until is None else head.time > until
                if record.offset >= end and past:
                    break
            end = at
            if start == low:
                return

    def offset_at(self, table_name: str, partition: int, time: int) -> int:
        """An offset before every record of a partition at or after a log time, and not far before it; 0: from there."""
        if partition >= self._log.partitions(self._shape.topic(table_name)):
            return 0
        return max(0, self._halve(table_name, partition, lambda head: head.time >= time) - BACK_OFFSETS[0])

    def _halve(self, table_name: str, partition: int, reached: Callable[[Peek], bool]) -> int:
        """An offset at or a little before the first record that is reached."""
        topic = self._shape.topic(table_name)
        low, high = self._log.bounds(topic, partition)
        known = self._shape.writers(table_name, partition)
        while high - low > NEAR_OFFSETS:
            middle = (low + high) // 2
            scan = self._log.scan(topic, partition, middle, committed=True)
            head = next(
                (h for r in scan if r.offset < high and (h := peek(r.header)) is not None and h.writer in known), None
            )
            if head is None or reached(head):
                high = middle
            else:
                low = middle
        return low
