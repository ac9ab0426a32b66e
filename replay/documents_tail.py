"""The topics of documents, read whole: each one counts. Where there is too much history, from a named bound on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from streams.clock import monotonic_s
from streams.log import Log, Reader, Record

HISTORY_OFFSETS_MAX: Mapping[str, int] = {
    "executions": 500_000, "orders.decision": 100_000, "dlq": 10_000, "orders": 10_000,
    "orders.intent": 10_000, "clock": 8,
}  # fmt: skip
"""How far back reading begins, in offsets. Fills are read as far as can be afforded: position and money need them all.

Of orders and intents the number is known from the newest; those read tell the latency. What is not named is read whole.
"""
CHUNK_RECORDS = 500
POLL_S_MAX = 0.05
"""Longest that one poll takes; what is left waits for the next: nothing is left out."""


class DocumentsTail:
    """Reads partition 0 of some topics from their history on.

    Args:
        topics: Full name by table name.
        committed: What people say counts when it is committed; what tasks write is the same after any death.

    Attributes:
        cut: Table names of topics whose history was too long to be read whole.
    """

    def __init__(self, log: Log, topics: Mapping[str, str], *, committed: bool = False) -> None:
        self.cut: set[str] = set()
        self._log = log
        self._committed = committed
        self._topics = topics
        self._reader: Reader | None = None

    def history(self) -> Iterator[Record]:
        """What stands there now, topic by topic; call ``poll`` for what follows."""
        start: dict[tuple[str, int], int] = {}
        for table_name, topic in self._topics.items():
            low, high = self._log.bounds(topic, 0)
            at = max(low, high - HISTORY_OFFSETS_MAX.get(table_name, high))
            if at > 0:
                self.cut.add(table_name)
            after = at
            for record in self._log.scan(topic, 0, at, committed=self._committed) if high > at else ():
                yield record
                after = record.offset + 1
            start[(topic, 0)] = after
        self._reader = self._log.reader(start, committed=self._committed)

    def poll(self) -> Iterator[Record]:
        """What has come since."""
        until = monotonic_s() + POLL_S_MAX
        while self._reader is not None and (read := self._reader.read(CHUNK_RECORDS, 0.0)):
            yield from read
            if monotonic_s() > until:
                return

    def close(self) -> None:
        """Stop reading."""
        if self._reader is not None:
            self._reader.close()
