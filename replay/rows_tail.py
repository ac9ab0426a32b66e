"""The topics of rows, read from near their end: each record where a display can keep up, a sample where it cannot."""

from __future__ import annotations

from collections.abc import Sequence

from streams.clock import monotonic_s
from streams.log import Log, Reader, Record

LOOK_BACK_OFFSETS = 512
"""Where reading begins: so many offsets before the end of each topic."""
CHUNK_RECORDS = 500
POLL_S_MAX = 0.1
"""Longest that one poll takes; what is left waits for the next."""
POLL_RECORDS_MAX = 12_000
"""Most records of one poll: rows by the million are read in frames of hundreds."""
BEHIND_POLLS_MAX = 2
"""After so many polls in a row that did not come to the end, reading goes on near the end: a display samples."""


class RowsTail:
    """Tails every partition of some topics.

    Attributes:
        skips: How often something was left out.
        cut: Whether reading began after the beginning.
    """

    def __init__(self, log: Log, topics: Sequence[str]) -> None:
        self.skips = 0
        self.cut = False
        self._log = log
        self._topics = tuple(topics)
        self._reader: Reader | None = None
        self._behind = 0

    def open(self) -> list[Record]:
        """Begin; returns what already stands there, from the look back on."""
        records: list[Record] = []
        start: dict[tuple[str, int], int] = {}
        for topic, partition in self._places():
            low, high = self._log.bounds(topic, partition)
            at = max(low, high - LOOK_BACK_OFFSETS)
            self.cut = self.cut or at > 0
            there = list(self._log.scan(topic, partition, at, committed=False)) if high > at else []
            records += there
            start[(topic, partition)] = there[-1].offset + 1 if there else high
        self._reader = self._log.reader(start)
        return records

    def poll(self) -> list[Record]:
        """What has come since; begins anew near the end where it keeps being too much."""
        if self._reader is None or self._behind >= BEHIND_POLLS_MAX:
            self.skips += self._reader is not None
            self._behind = 0
            self.close()
            return self.open()
        records: list[Record] = []
        until = monotonic_s() + POLL_S_MAX
        while read := self._reader.read(CHUNK_RECORDS, 0.0):
            records += read
            if len(records) >= POLL_RECORDS_MAX or monotonic_s() > until:
                self._behind += 1
                return records
        self._behind = 0
        return records

    def _places(self) -> list[tuple[str, int]]:
        return [(topic, p) for topic in self._topics for p in range(self._log.partitions(topic))]

    def first(self, topic: str) -> Record | None:
        """The first record of a topic that is still there; None where there is none."""
        low, high = self._log.bounds(topic, 0)
        if high == low:
            return None
        return next(iter(self._log.scan(topic, 0, low, committed=False)), None)

    def close(self) -> None:
        """Stop reading."""
        if self._reader is not None:
            self._reader.close()
            self._reader = None
