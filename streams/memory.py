"""The log in memory: Kafka's rules of visibility and fencing without Kafka. For simulation, tests and ``--log memory``.

What is the same as on a broker: transactions whose records stay hidden from committed readers until they commit,
markers that take an offset, the last stable offset that a committed reader does not pass, aborted records that an
uncommitted reader still sees, and transactional ids that fence their former holder. What differs: nothing waits,
timeouts are ignored, and everything ends with the process. One thread.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from schemas.errors import BrokerError, DeliveryError, Fenced
from streams.log import Acknowledged, Place, Record, TopicSpec, check_position
from streams.memory_tape import HIDDEN, SHOWN, Tape


class MemoryLog:
    """A set of topics held by this object; implements ``streams.log.Log``."""

    def __init__(self) -> None:
        self._topics: dict[str, list[Tape]] = {}
        self._holders: dict[str, MemoryWriter] = {}

    def create(self, topics: Sequence[TopicSpec]) -> None:
        """Create what is not there yet. Nothing is ever compacted here."""
        for spec in topics:
            if spec.name not in self._topics:
                self._topics[spec.name] = [Tape() for _ in range(spec.partitions)]

    def names(self, prefix: str = "") -> list[str]:
        """Names of topics that begin with ``prefix``, sorted."""
        return sorted(name for name in self._topics if name.startswith(prefix))

    def partitions(self, topic: str) -> int:
        """Number of partitions of a topic; 0 when there is no such topic."""
        return len(self._topics.get(topic, ()))

    def bounds(self, topic: str, partition: int) -> tuple[int, int]:
        """(first offset that is still there, offset after the last), uncommitted records and markers included.

        Raises:
            BrokerError: There is no such topic or partition.
        """
        tape = self._tape(topic, partition)
        return tape.low, tape.end

    def scan(self, topic: str, partition: int, start: int, *, committed: bool) -> Iterator[Record]:
        """Every record from ``start`` (or the first still there) to the end as it was when the call began.

        Raises:
            SnapshotError: ``start`` lies beyond the end.
            BrokerError: There is no such topic or partition.
        """
        tape = self._tape(topic, partition)
        start = max(start, tape.low)
        check_position((topic, partition), start, tape.low, tape.end)
        records: list[Record] = []
        tape.read(start, len(tape.records), committed, records)
        return iter(records)

    def reader(self, start: Mapping[Place, int], *, committed: bool = False) -> MemoryReader:
        """A reader from the given offsets.

        Raises:
            SnapshotError: A position lies outside of what the partition holds.
            BrokerError: There is no such topic or partition.
        """
        return MemoryReader({place: self._tape(*place) for place in start}, start, committed)

    def writer(self, transactional_id: str) -> MemoryWriter:
        """Take a transactional id over: the former holder's open transaction is aborted, and it may write no more."""
        former = self._holders.get(transactional_id)
        if former is not None:
            former.fence()
        writer = MemoryWriter(self, transactional_id)
        self._holders[transactional_id] = writer
        return writer

    def appender(self) -> MemoryAppender:
        """A plain producer."""
        return MemoryAppender(self)

    def truncate(self, topic: str, partition: int, before: int) -> None:
        """Remove the records below offset ``before``, as retention would."""
        self._tape(topic, partition).truncate(before)

    def close(self) -> None:
        """Nothing to release."""

    def _tape(self, topic: str, partition: int) -> Tape:
        tapes = self._topics.get(topic, ())
        if not 0 <= partition < len(tapes):
            raise BrokerError(
                "there is no such topic or partition",
                kind="no_topic",
                allowed=f"{len(tapes)} partitions",
                where=f"{topic}[{partition}]",
                fix="create the topic first",
            )
        return tapes[partition]


class MemoryReader:
    """Reads tapes forward, in turn; implements ``streams.log.Reader``."""

    def __init__(self, tapes: Mapping[Place, Tape], start: Mapping[Place, int], committed: bool) -> None:
        self._places = list(tapes)
        self._tapes = list(tapes.values())
        self._positions = [start[place] for place in self._places]
        self._committed = committed
        self._turn = 0
        for i in range(len(self._places)):
            self._check(i)

    def read(self, records_max: int, timeout_s: float) -> list[Record]:  # noqa: ARG002  memory never waits
        """At most ``records_max`` records in offset order per partition; empty when nothing is there.

        Raises:
            SnapshotError: The next position has been removed.
        """
        records: list[Record] = []
        n = len(self._places)
        for step in range(n):
            i = (self._turn + step) % n
            tape = self._tapes[i]
            if self._positions[i] != tape.end:
                self._check(i)
                self._positions[i] = tape.read(self._positions[i], records_max - len(records), self._committed, records)
                if len(records) >= records_max:
                    # A partition that fills every read must not starve the ones behind it.
                    self._turn = (i + 1) % n
                    break
        return records

    def close(self) -> None:
        """Nothing to release."""

    def _check(self, i: int) -> None:
        check_position(self._places[i], self._positions[i], self._tapes[i].low, self._tapes[i].end)


class MemoryWriter:
    """Appends in transactions until another takes its id; implements ``streams.log.Writer``."""

    def __init__(self, log: MemoryLog, transactional_id: str) -> None:
        self._log = log
        self._id = transactional_id
        self._fenced = False
        self._open = False
        self._runs: dict[Place, list[list[int]]] = {}
        self._delivered: dict[Place, int] = {}

    def begin(self) -> None:
        """Open a transaction.

        Raises:
            Fenced: Another holder took the id over.
        """
        self.serve()
        if self._open:
            raise DeliveryError(
                "a transaction is open already", kind="transaction_open", where=self._id, fix="commit it first"
            )
        self._open = True

    def append(
        self, topic: str, partition: int, key: bytes | None, value: bytes, header: bytes,
        extra: Sequence[tuple[str, bytes]] = (),
    ) -> None:  # fmt: skip
        """Append to the open transaction; uncommitted readers see it at once. ``extra`` headers are not kept.

        Raises:
            Fenced: Another holder took the id over.
            DeliveryError: No transaction is open, or there is no such partition.
        """
        del extra
        self.serve()
        if not self._open:
            raise DeliveryError("no transaction is open", kind="no_transaction", where=self._id, fix="begin one first")
        tape = _delivered(self._log, topic, partition)
        offset = tape.append(Record(topic, partition, tape.end, key, value, header), HIDDEN)
        self._delivered[(topic, partition)] = offset
        runs = self._runs.get((topic, partition))
        if runs is None:
            self._runs[(topic, partition)] = [[offset, offset + 1]]
            tape.open[id(self)] = offset
        elif runs[-1][1] == offset:
            runs[-1][1] = offset + 1
        else:
            runs.append([offset, offset + 1])

    def serve(self) -> None:
        """Nothing is ever in flight; only fencing can be learnt here.

        Raises:
            Fenced: Another holder took the id over.
        """
        if self._fenced:
            raise Fenced(
                "another holder took this transactional id over", kind="taken_over", where=self._id, fix="end this task"
            )

    def delivered(self, topic: str, partition: int) -> int:
        """Offset of this writer's last record there; -1 when none yet."""
        return self._delivered.get((topic, partition), -1)

    def commit(self) -> None:
        """Show the transaction to committed readers, whole; each partition it touched gets a marker.

        Raises:
            Fenced: Another holder took the id over.
            DeliveryError: No transaction is open.
        """
        self.serve()
        if not self._open:
            raise DeliveryError("no transaction is open", kind="no_transaction", where=self._id, fix="begin one first")
        self._end(SHOWN)

    def close(self) -> None:
        """Release; an open transaction stays open until the next holder aborts it."""

    def fence(self) -> None:
        """Abort what is open and refuse everything from now on: another holder has taken the id."""
        self._end(HIDDEN)
        self._fenced = True

    def _end(self, shown: int) -> None:
        for place, runs in self._runs.items():
            self._log._tape(*place).end_transaction(id(self), runs, shown)
        self._runs = {}
        self._open = False


class MemoryAppender:
    """Appends without transactions; implements ``streams.log.Appender``."""

    def __init__(self, log: MemoryLog) -> None:
        self._log = log
        self._unreported: list[tuple[Acknowledged, int, int]] = []

    def append(
        self, topic: str, partition: int, key: bytes | None, value: bytes, header: bytes | None,
        acknowledged: Acknowledged | None = None, extra: Sequence[tuple[str, bytes]] = (),
    ) -> None:  # fmt: skip
        """Append; ``acknowledged`` is called by the next call of this object, as on Kafka. ``extra`` is not kept.

        Raises:
            DeliveryError: There is no such partition.
        """
        del extra
        self._report()
        tape = _delivered(self._log, topic, partition)
        offset = tape.append(Record(topic, partition, tape.end, key, value, header), SHOWN)
        if acknowledged is not None:
            self._unreported.append((acknowledged, partition, offset))

    def flush(self, timeout_s: float) -> int:  # noqa: ARG002  memory never waits
        """Report what has been appended; nothing is ever left."""
        self._report()
        return 0

    def close(self) -> None:
        """Nothing to release."""

    def _report(self) -> None:
        if self._unreported:
            reports, self._unreported = self._unreported, []
            for acknowledged, partition, offset in reports:
                acknowledged(partition, offset)


def _delivered(log: MemoryLog, topic: str, partition: int) -> Tape:
    """The tape, or the error that a producer would get."""
    try:
        return log._tape(topic, partition)
    except BrokerError as error:
        raise DeliveryError(
            error.message, kind="no_topic", allowed=error.allowed, where=error.where, fix=error.fix
        ) from error
