"""A partition that several tasks write, read by log time: of one time, the writer that is named first comes first.

Which of two partitions' intents comes first is nobody's rule where no run has recorded it. Here it is log time, so two
runs of one question decide in the same order, however their tasks were scheduled. A record has its turn once no writer
can come up with an earlier one: each has a later one at hand, has ended, or has committed how far it is. Its snapshot
says so: the log time of its input, and how many records it had made by then, all of which must be at hand too.

Nobody waits for ever: a writer that waits for an answer has sent what it waits for, and one that waits for nothing goes
on, and commits.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from schemas.catalog import END
from schemas.errors import BadFrame, SnapshotError
from schemas.header import Header, unpack
from streams.guarded import GuardedLog
from streams.log import Log, Place, Reader, Record
from streams.state_bytes import load_values

ENDED = 2**63 - 1
"""Where a writer is that has nothing more to say."""
NOT_BEGUN = -1


class Sender(NamedTuple):
    """Who writes there.

    Attributes:
        name: As headers name it.
        state_partition: Partition of ``state`` of its snapshots.
        first: Number of the first record that it makes there.
    """

    name: str
    state_partition: int
    first: int


class TimedLog(GuardedLog):
    """A guarded log, one topic of which is read by log time.

    Args:
        log: The log.
        namespace: Prefix of all that may be written, and where the topic lies.
        table_name: The topic; it has no source in its name.
        writers: Who writes it, in the order in which they come at one time.
    """

    def __init__(self, log: Log, namespace: str, table_name: str, writers: Sequence[Sender]) -> None:
        super().__init__(log, namespace)
        self._table_name = table_name
        self._topic, self._state = namespace + table_name, namespace + "state"
        self._writers = tuple(writers)

    def reader(self, start: Mapping[Place, int], *, committed: bool = False) -> Reader:
        """As the log; of the topic always from its first record on: who has seen some of it drops them by number."""
        if not any(topic == self._topic for topic, _ in start):
            return super().reader(start, committed=committed)
        places = [(self._state, writer.state_partition) for writer in self._writers]
        states = super().reader({place: self.bounds(*place)[0] for place in places}, committed=True)
        return TimedReader(
            super().reader(dict.fromkeys(start, 0), committed=committed), states, self._table_name, self._writers
        )


class TimedReader:
    """Hands out each record when its turn comes; implements ``streams.log.Reader``.

    Args:
        reader: Of the topic.
        states: Of the writers' snapshots, as committed.
        table_name: The topic, as snapshots name it.
        writers: In the order in which they come at one time.
    """

    def __init__(self, reader: Reader, states: Reader, table_name: str, writers: Sequence[Sender]) -> None:
        self._reader, self._states = reader, states
        self._table_name = table_name
        self._waiting: dict[str, deque[tuple[int, Record]]] = {writer.name: deque() for writer in writers}
        self._next = {writer.name: writer.first for writer in writers}
        self._told = dict.fromkeys(self._next, (NOT_BEGUN, 0))
        self._ends: dict[str, Record] = {}
        self._done = False

    def read(self, records_max: int, timeout_s: float) -> list[Record]:
        """Records whose turn has come, at most ``records_max``."""
        ready = self._turns(records_max)
        if ready:
            return ready
        for record in self._states.read(records_max, 0.0):
            self._look(record)
        for record in self._reader.read(records_max, timeout_s):
            self._sort(record)
        return self._turns(records_max)

    def close(self) -> None:
        """Release the readers."""
        self._reader.close()
        self._states.close()

    def _look(self, record: Record) -> None:
        """How far a writer had committed; nothing where it had an input half worked off."""
        writer = (record.key or b"").decode(errors="replace")
        if writer not in self._told:
            return
        try:
            values = load_values(record.value)
        except SnapshotError:
            return
        if not any(values["queues"]):
            self._told[writer] = (int(values["input"].get("time", 0)), int(values["outputs"][self._table_name][0]))

    def _sort(self, record: Record) -> None:
        header = _header(record)
        if header is None or header.writer not in self._waiting:
            return
        if header.schema == END.number:
            self._ends[header.writer] = record
        elif header.seq >= self._next[header.writer]:
            self._next[header.writer] = header.seq + 1
            self._waiting[header.writer].append((header.time, record))

    def _reached(self, writer: str) -> int:
        """Log time before which nothing more comes of a writer of whom nothing is at hand."""
        if writer in self._ends:
            return ENDED
        time, made = self._told[writer]
        return time if self._next[writer] >= made else NOT_BEGUN

    def _turns(self, records_max: int) -> list[Record]:
        ready: list[Record] = []
        while len(ready) < records_max:
            heads = [(queue[0][0], at, writer) for at, (writer, queue) in enumerate(self._waiting.items()) if queue]
            if not heads:
                return ready + self._last_end()
            time, _, first = min(heads)
            if any(self._reached(writer) <= time for writer, queue in self._waiting.items() if not queue):
                return ready
            ready.append(self._waiting[first].popleft()[1])
        return ready

    def _last_end(self) -> list[Record]:
        """The one end record that closes the partition for whoever reads it."""
        if self._done or self._ends.keys() != self._waiting.keys():
            return []
        self._done = True
        return [max(self._ends.values(), key=lambda record: record.offset)]


def _header(record: Record) -> Header | None:
    try:
        return None if record.header is None else unpack(record.header)
    except BadFrame:
        return None
