"""A memory log that fails as a broker does: refused or unacknowledged records, unknown commits, slow and failing reads.

One rule as on Kafka: a writer or publisher that has failed once is over, and says so at every further call.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from schemas.errors import BrokerError, DeliveryError
from streams.log import Acknowledged, Appender, Log, Place, Reader, Record, TopicSpec, Writer


@dataclass(slots=True)
class Trouble:
    """How likely each call fails; a healthy log has all at 0.

    Attributes:
        append: A record is not acknowledged: it is in the log, or not.
        commit: A commit's outcome is unknown: it took place, or not.
        takeover: Nobody answers who takes a transactional id over.
        read: A read or a scan fails.
        slow: A read brings nothing yet, or less than there is.
        late_reports: How likely delivery reports have not been served yet.
    """

    append: float = 0.0
    commit: float = 0.0
    takeover: float = 0.0
    read: float = 0.0
    slow: float = 0.0
    late_reports: float = 0.0

    def end(self) -> None:
        """All is well from now on."""
        self.append = self.commit = self.takeover = self.read = self.slow = self.late_reports = 0.0


class FaultyLog:
    """Implements ``streams.log.Log`` over another one; every failure is drawn from the generator that is given."""

    def __init__(self, log: Log, rng: random.Random, trouble: Trouble) -> None:
        self.inner = log
        self.rng = rng
        self.trouble = trouble
        self.failures = 0

    def fails(self, share: float) -> bool:
        """Whether a call fails now."""
        if not share or self.rng.random() >= share:
            return False
        self.failures += 1
        return True

    def create(self, topics: Sequence[TopicSpec]) -> None:
        """As the log beneath."""
        self.inner.create(topics)

    def names(self, prefix: str = "") -> list[str]:
        """As the log beneath."""
        return self.inner.names(prefix)

    def partitions(self, topic: str) -> int:
        """As the log beneath."""
        return self.inner.partitions(topic)

    def bounds(self, topic: str, partition: int) -> tuple[int, int]:
        """As the log beneath."""
        return self.inner.bounds(topic, partition)

    def scan(self, topic: str, partition: int, start: int, *, committed: bool) -> Iterator[Record]:
        """As the log beneath, or no answer."""
        if self.fails(self.trouble.read):
            raise _away("a scan")
        return self.inner.scan(topic, partition, start, committed=committed)

    def reader(self, start: Mapping[Place, int], *, committed: bool = False) -> Reader:
        """A reader that may fail, or bring nothing yet."""
        return _Reader(self, self.inner.reader(start, committed=committed))

    def writer(self, transactional_id: str) -> Writer:
        """A writer that may fail, or no answer."""
        if self.fails(self.trouble.takeover):
            raise _away("a takeover")
        return _Writer(self, self.inner.writer(transactional_id))

    def appender(self) -> Appender:
        """A producer that may fail."""
        return _Appender(self, self.inner.appender())

    def close(self) -> None:
        """Nothing of its own."""


class _Reader:
    def __init__(self, log: FaultyLog, reader: Reader) -> None:
        self._log = log
        self._reader = reader

    def read(self, records_max: int, timeout_s: float) -> Sequence[Record]:
        if self._log.fails(self._log.trouble.read):
            raise _away("a read")
        if self._log.trouble.slow and self._log.rng.random() < self._log.trouble.slow:
            if self._log.rng.random() < 0.5:
                return []
            records_max = max(1, records_max // 16)
        return self._reader.read(records_max, timeout_s)

    def close(self) -> None:
        self._reader.close()


class _Writer:
    def __init__(self, log: FaultyLog, writer: Writer) -> None:
        self._log = log
        self._writer = writer
        self._broken: DeliveryError | None = None
        self._reported: dict[Place, int] = {}

    def begin(self) -> None:
        self._check()
        self._writer.begin()

    def append(
        self, topic: str, partition: int, key: bytes | None, value: bytes, header: bytes,
        extra: Sequence[tuple[str, bytes]] = (),
    ) -> None:  # fmt: skip
        self._check()
        failing = self._log.fails(self._log.trouble.append)
        if not failing or self._log.rng.random() < 0.5:
            self._writer.append(topic, partition, key, value, header, extra)
        if failing:
            self._fail("a record was not acknowledged")

    def serve(self) -> None:
        self._check()
        self._writer.serve()

    def delivered(self, topic: str, partition: int) -> int:
        place = (topic, partition)
        if not self._log.trouble.late_reports or self._log.rng.random() >= self._log.trouble.late_reports:
            self._reported[place] = self._writer.delivered(topic, partition)
        return self._reported.get(place, -1)

    def commit(self) -> None:
        self._check()
        failing = self._log.fails(self._log.trouble.commit)
        if not failing or self._log.rng.random() < 0.5:
            self._writer.commit()
        if failing:
            self._fail("the commit failed")

    def close(self) -> None:
        self._writer.close()

    def _check(self) -> None:
        if self._broken is not None:
            raise self._broken

    def _fail(self, what: str) -> None:
        self._broken = DeliveryError(what, kind="unacknowledged", fix="recover from what the log holds")
        raise self._broken


class _Appender:
    def __init__(self, log: FaultyLog, appender: Appender) -> None:
        self._log = log
        self._appender = appender
        self._broken: DeliveryError | None = None

    def append(
        self, topic: str, partition: int, key: bytes | None, value: bytes, header: bytes | None,
        acknowledged: Acknowledged | None = None, extra: Sequence[tuple[str, bytes]] = (),
    ) -> None:  # fmt: skip
        if self._broken is not None:
            raise self._broken
        failing = self._log.fails(self._log.trouble.append)
        if not failing:
            self._appender.append(topic, partition, key, value, header, acknowledged, extra)
            return
        if self._log.rng.random() < 0.5:
            self._appender.append(topic, partition, key, value, header, None, extra)
        self._broken = DeliveryError("a record was not acknowledged", kind="unacknowledged")
        raise self._broken

    def flush(self, timeout_s: float) -> int:
        if self._broken is not None:
            raise self._broken
        return self._appender.flush(timeout_s)

    def close(self) -> None:
        self._appender.close()


def _away(what: str) -> BrokerError:
    return BrokerError(f"no broker answers {what}", kind="away")
