"""A partition that several tasks write, read in a recorded order: which writer's record came next, when it was live.

Which of two partitions' intents comes first is nobody's rule, but what the log held when they were decided. A replay
whose tasks run as they may is given the same order: what comes early waits.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence

from schemas.catalog import END
from schemas.errors import BadFrame
from schemas.header import Header, unpack
from streams.guarded import GuardedLog
from streams.log import Log, Place, Reader, Record


class OrderedLog(GuardedLog):
    """A guarded log, one topic of which is read in a given order.

    Args:
        log: The log.
        namespace: Prefix of all that may be written.
        topic: The topic.
        order: Writers, one for each record, in order.
    """

    def __init__(self, log: Log, namespace: str, topic: str, order: Sequence[str]) -> None:
        super().__init__(log, namespace)
        self._topic = topic
        self._order = order

    def reader(self, start: Mapping[Place, int], *, committed: bool = False) -> Reader:
        """As the log; of the topic always from its first record on: who has seen some of it drops them by number."""
        if any(topic == self._topic for topic, _ in start):
            return OrderedReader(super().reader(dict.fromkeys(start, 0), committed=committed), self._order)
        return super().reader(start, committed=committed)


class OrderedReader:
    """Hands out each record when its turn comes; implements ``streams.log.Reader``.

    When every writer has ended, what has had no turn follows as it is: then the order was another run's.
    """

    def __init__(self, reader: Reader, order: Sequence[str]) -> None:
        self._reader = reader
        self._order = deque(order)
        self._writers = set(order)
        self._waiting: dict[str, deque[Record]] = {writer: deque() for writer in self._writers}
        self._next: dict[str, int] = {}
        self._ends: dict[str, Record] = {}

    def read(self, records_max: int, timeout_s: float) -> list[Record]:
        """Records whose turn has come, at most ``records_max``."""
        ready = self._turns(records_max)
        if ready:
            return ready
        for record in self._reader.read(records_max, timeout_s):
            self._sort(record)
        return self._turns(records_max)

    def close(self) -> None:
        """Release the reader."""
        self._reader.close()

    def _sort(self, record: Record) -> None:
        header = _header(record)
        if header is None or header.writer not in self._writers:
            return
        if header.schema == END.number:
            self._ends[header.writer] = record
        elif header.seq >= self._next.get(header.writer, header.seq):
            self._next[header.writer] = header.seq + 1
            self._waiting[header.writer].append(record)

    def _turns(self, records_max: int) -> list[Record]:
        ready: list[Record] = []
        while len(ready) < records_max and self._order and self._waiting[self._order[0]]:
            ready.append(self._waiting[self._order.popleft()].popleft())
        if len(ready) < records_max and self._ends.keys() == self._writers:
            self._order.clear()
            left = [self._waiting[writer].popleft() for writer in sorted(self._writers) for _ in self._left(writer)]
            ready += [*left, *self._last_end()]
        return ready

    def _left(self, writer: str) -> range:
        return range(len(self._waiting[writer]))

    def _last_end(self) -> list[Record]:
        """The one end record that closes the partition for whoever reads it."""
        if not self._ends:
            return []
        last = max(self._ends.values(), key=lambda record: record.offset)
        self._ends = {}
        return [last]


def _header(record: Record) -> Header | None:
    try:
        return None if record.header is None else unpack(record.header)
    except BadFrame:
        return None
