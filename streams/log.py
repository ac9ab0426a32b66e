"""The log as the runner sees it: append-only partitions with transactions. Kafka and memory both implement it.

Semantics common to both, proved by one suite (``tests/kafka/test_log_suite.py``):

* A transaction's records are visible to an uncommitted reader at once, to a committed reader when it commits, and to
  that reader never if it aborts. A committed reader does not pass an open transaction.
* Offsets grow but have gaps: commit and abort leave markers. Loss is judged by ``seq``, never by offsets.
* ``writer(id)`` takes the id over: what the former holder left open is aborted, and nothing that it appends from then
  on is ever visible. It learns so by ``Fenced``, at the latest when it commits what it has appended.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, overload

import msgspec
import numpy as np
import numpy.typing as npt

from schemas.errors import SnapshotError

Place = tuple[str, int]
"""Topic and partition."""


class Record(msgspec.Struct, frozen=True):
    """One record as read. ``header`` is the packed header, or None where a stock producer wrote without one.

    A msgspec struct because millions are made: 0.15 µs each, a frozen dataclass 1.2 µs.
    """

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes
    header: bytes | None
    timestamp_ms: int = 0


class Records(Sequence[Record]):
    """What one read gave, by column; a :class:`Record` is made when it is asked for.

    Attributes:
        values: Values.
        headers: Packed headers; None where a record has none.
        offsets: int64, shape (n,).
    """

    __slots__ = ("_make", "headers", "offsets", "values")

    def __init__(
        self, values: list[bytes], headers: list[bytes | None], offsets: npt.NDArray[np.int64],
        make: Callable[[int], Record],
    ) -> None:  # fmt: skip
        self.values = values
        self.headers = headers
        self.offsets = offsets
        self._make = make

    @classmethod
    def of(cls, records: Sequence[Record]) -> Records:
        """The columns of records that are objects already."""
        if isinstance(records, cls):
            return records
        return cls(
            [r.value for r in records], [r.header for r in records],
            np.array([r.offset for r in records], dtype=np.int64), records.__getitem__,
        )  # fmt: skip

    def __len__(self) -> int:
        return len(self.values)

    @overload
    def __getitem__(self, at: int) -> Record: ...
    @overload
    def __getitem__(self, at: slice) -> list[Record]: ...
    def __getitem__(self, at: int | slice) -> Record | list[Record]:
        if isinstance(at, slice):
            return [self._make(i) for i in range(len(self))[at]]
        return self._make(at)


@dataclass(frozen=True, slots=True)
class TopicSpec:
    """A topic to be created. Existing topics are left as they are."""

    name: str
    partitions: int = 1
    compacted: bool = False


Acknowledged = Callable[[int, int], None]
"""Called with (partition, offset) when a record is durable."""


def check_position(place: Place, position: int, low: int, high: int) -> None:
    """Refuse to read from where the log holds nothing: nothing is ever reset to latest.

    Raises:
        SnapshotError: ``position`` is not within ``low`` and ``high``.
    """
    if not low <= position <= high:
        raise SnapshotError(
            "the position asked for is not in the log",
            kind="position_gone",
            got=str(position),
            allowed=f"{low} to {high}",
            where=f"{place[0]}[{place[1]}]",
            fix="start from a newer snapshot, or restore the range from the archive",
        )


class Reader(Protocol):
    """Reads assigned partitions forward from given offsets. Not thread-safe."""

    def read(self, records_max: int, timeout_s: float) -> Sequence[Record]:
        """Records in offset order per partition, at most ``records_max``; waits up to ``timeout_s`` for the first.

        Returns at once when anything is there: it never waits for a batch to fill.

        Raises:
            SnapshotError: The position asked for has been removed from the log. Nothing is ever reset to latest.
            BrokerError: The log cannot be read.
        """
        ...

    def close(self) -> None:
        """Release what the reader holds."""
        ...


class Writer(Protocol):
    """Appends in transactions under an exclusive id. Not thread-safe."""

    def begin(self) -> None:
        """Open a transaction."""
        ...

    def append(
        self, topic: str, partition: int, key: bytes | None, value: bytes, header: bytes,
        extra: Sequence[tuple[str, bytes]] = (),
    ) -> None:  # fmt: skip
        """Append to the open transaction; handed to the log at once, without waiting.

        Args:
            topic: Full name.
            partition: Counted from 0.
            key: Record key.
            value: Record value.
            header: The packed header, sent as ``schemas.header.HEADER_KEY``.
            extra: Further record headers for other clients (``traceparent``); our readers do not return them.

        Raises:
            Fenced: Another process took the id over.
            DeliveryError: An earlier append of this transaction failed, or the queue stays full past its bound.
        """
        ...

    def serve(self) -> None:
        """Handle delivery reports without waiting; raises as ``append`` does."""
        ...

    def delivered(self, topic: str, partition: int) -> int:
        """Highest acknowledged offset of this writer's records there; -1 when none yet."""
        ...

    def commit(self) -> None:
        """Make the transaction durable and visible to committed readers, whole.

        Raises:
            Fenced: Another process took the id over.
            DeliveryError: Any record failed or the outcome is unknown: the task must end and recover.
        """
        ...

    def close(self) -> None:
        """Release; an open transaction is left for the next holder to abort."""
        ...


class Appender(Protocol):
    """Appends without transactions, idempotently: what publishers use."""

    def append(
        self, topic: str, partition: int, key: bytes | None, value: bytes, header: bytes | None,
        acknowledged: Acknowledged | None = None, extra: Sequence[tuple[str, bytes]] = (),
    ) -> None:  # fmt: skip
        """Hand a record over; ``acknowledged`` is called when it is durable, within a later ``append`` or ``flush``.

        ``extra`` are further record headers for other clients; our readers do not return them.

        Raises:
            DeliveryError: A former record failed for good, or the bounded queue stayed full for its whole bound.
        """
        ...

    def flush(self, timeout_s: float) -> int:
        """Wait until everything is acknowledged; returns how many records are not.

        ``flush(0)`` only handles the reports that are there.

        Raises:
            DeliveryError: A record failed for good.
        """
        ...

    def close(self) -> None:
        """Release what the appender holds."""
        ...


class Log(Protocol):
    """A set of topics."""

    def create(self, topics: Sequence[TopicSpec]) -> None:
        """Create what is not there yet; returns when it can be used."""
        ...

    def names(self, prefix: str = "") -> list[str]:
        """Names of topics that begin with ``prefix``, sorted."""
        ...

    def partitions(self, topic: str) -> int:
        """Number of partitions of a topic; 0 when there is no such topic."""
        ...

    def bounds(self, topic: str, partition: int) -> tuple[int, int]:
        """(first offset that is still there, offset after the last), uncommitted records and markers included.

        Raises:
            BrokerError: There is no such topic or partition.
        """
        ...

    def scan(self, topic: str, partition: int, start: int, *, committed: bool) -> Iterator[Record]:
        """Every record from ``start`` (or the first still there) to the end as it was when the call began.

        Raises:
            SnapshotError: ``start`` lies beyond the end: the log has lost records, or is another one.
            BrokerError: There is no such topic or partition, or it cannot be read.
        """
        ...

    def reader(self, start: Mapping[Place, int], *, committed: bool = False) -> Reader:
        """A reader from the given offsets; ``committed`` readers see what stock ``read_committed`` clients see.

        Raises:
            SnapshotError: A position lies outside ``bounds``: removed, or of another log.
            BrokerError: There is no such topic or partition.
        """
        ...

    def writer(self, transactional_id: str) -> Writer:
        """Take a transactional id over.

        Raises:
            BrokerError: The log cannot be reached within its bound.
        """
        ...

    def appender(self) -> Appender:
        """A plain idempotent producer."""
        ...

    def close(self) -> None:
        """Release what the log holds."""
        ...
