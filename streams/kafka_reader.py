"""Reading partitions of Kafka from explicit offsets: no consumer group, and nothing is ever reset to latest."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from operator import itemgetter
from typing import Any, cast

import numpy as np
from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from schemas.errors import BrokerError, SnapshotError, TapedeckError
from schemas.header import HEADER_KEY
from streams.clock import monotonic_s
from streams.kafka_client import GONE, LOGGER, TRANSIENT, broker_away, client_settings, described, kafka_error
from streams.log import Place, Record, Records

READ_RECORDS_MAX = 100_000
"""Most records that one ``read`` returns, whatever it is asked for."""

CHUNK_RECORDS = 256
"""Messages taken from the client and laid out in columns at a time: so many still lie in the processor's cache."""

FETCH_PARTITION_BYTES_MAX = 4 * 1024 * 1024
"""Most bytes of one partition in one answer. A larger record still comes, alone."""

FETCH_BYTES_MAX = 32 * 1024 * 1024
"""Most bytes of all partitions in one answer."""

QUEUED_KBYTES_MAX = 32 * 1024
"""Most that is fetched ahead of the reader, over all its partitions."""

FETCH_BACKOFF_MS = 1
"""Pause before fetching on when that queue was full. The default of a second would be felt as latency."""

FETCH_ERROR_BACKOFF_MS = 50
"""Pause before fetching on after an error, such as a leader that is moving."""

FETCH_WAIT_MS = 500
"""How long the broker holds a request that finds nothing; it answers at once when something comes."""

END_WAIT_MS = 1
"""The same where the end is what is asked for: it is only told with such an answer."""

AWAY_S_MAX = 30.0
"""How long a broker may be away before the reader gives up and says so."""

SCAN_WAIT_S = 1.0
"""How long a scan waits at a time; it ends by what it reads, or when the broker is away for ``AWAY_S_MAX``."""

SCAN_STILL_S_MAX = 120.0
"""A scan that is given neither a record nor the end for so long gives up: a partition may have no leader for ever while
its brokers answer."""

PROBE_S_MAX = 5.0
"""How long the question lasts whether it is still away: a quiet topic looks the same."""


_FIRST = itemgetter(0)


class KafkaReader:
    """Implements ``streams.log.Reader``. The caller has checked that the offsets are within bounds.

    Attributes:
        ended: Partitions whose end has been reached; kept only where ``ends`` was asked for.
        errors: Errors of the client as a whole that it has told of: connections lost, above all.
    """

    def __init__(self, bootstrap: str, start: Mapping[Place, int], committed: bool, *, ends: bool = False) -> None:
        self.ended: set[Place] = set()
        self.errors = 0
        self._bootstrap = bootstrap
        self._one_partition = len(start) == 1
        self._failure: TapedeckError | None = None
        self._away_since: float | None = None
        self._away: KafkaError | None = None
        self._consumer: Any = Consumer(
            {
                **client_settings(bootstrap),
                # The client insists on a group; with assign() and no commits it never joins one.
                "group.id": "tapedeck-reader",
                "enable.auto.commit": False,
                "enable.auto.offset.store": False,
                "auto.offset.reset": "error",
                "isolation.level": "read_committed" if committed else "read_uncommitted",
                "check.crcs": True,
                "allow.auto.create.topics": False,
                "enable.partition.eof": ends,
                "fetch.wait.max.ms": END_WAIT_MS if ends else FETCH_WAIT_MS,
                "max.partition.fetch.bytes": FETCH_PARTITION_BYTES_MAX,
                "fetch.max.bytes": FETCH_BYTES_MAX,
                "queued.max.messages.kbytes": QUEUED_KBYTES_MAX,
                "fetch.queue.backoff.ms": FETCH_BACKOFF_MS,
                "fetch.error.backoff.ms": FETCH_ERROR_BACKOFF_MS,
                "error_cb": self._on_error,
            },
            logger=LOGGER,
        )
        self._consumer.assign([TopicPartition(t, p, offset) for (t, p), offset in start.items()])

    def read(self, records_max: int, timeout_s: float) -> Sequence[Record]:
        """At most ``records_max`` records in offset order per partition; waits up to ``timeout_s`` for the first.

        Partitions are served in the order in which their data came, so none waits for more than
        ``FETCH_PARTITION_BYTES_MAX`` of each of the others.

        Raises:
            SnapshotError: A position has been removed from the log.
            BrokerError: Refused, or away for longer than ``AWAY_S_MAX``.
        """
        # consume(n, timeout) waits for n messages; poll waits for one, and consume(n, 0) takes what is there.
        try:
            first = self._consumer.poll(timeout_s)
            if first is None:
                return self._nothing()
            read = _Read(one_partition=self._one_partition)
            left = min(records_max, READ_RECORDS_MAX)
            chunk, asked = [first], min(left, CHUNK_RECORDS)
            if asked > 1:
                chunk += self._consumer.consume(asked - 1, 0)
            read.add(chunk)
            left -= len(chunk)
            while left and len(chunk) == asked:  # a chunk that is not full was all there is
                asked = min(left, CHUNK_RECORDS)
                chunk = self._consumer.consume(asked, 0)
                read.add(chunk)
                left -= len(chunk)
        except (KafkaException, SystemError) as error:
            raise BrokerError(
                "cannot read", kind="unreadable", got=described(kafka_error(error)), where=self._bootstrap
            ) from error
        for message in read.failed:
            self._on_message_error(message)
        if not read.messages:
            return self._nothing()
        if self._failure is not None:
            raise self._failure
        self._away_since = None
        return read.records()

    def _nothing(self) -> Sequence[Record]:
        """What there is to say where no record came."""
        if self._failure is not None:
            raise self._failure
        if self._away_since is not None:
            self._check_away(self._away_since)
        return []

    def end(self, topic: str, partition: int) -> int | None:
        """Offset after a partition's last record, as told with the newest fetch; None before any. Asks nobody.

        May be called from any thread.
        """
        consumer = self._consumer
        try:
            known = consumer and consumer.get_watermark_offsets(TopicPartition(topic, partition), cached=True)
        except (KafkaException, RuntimeError):  # closed meanwhile
            return None
        return int(known[1]) if known and known[1] >= 0 else None

    def close(self) -> None:
        """Release the consumer and its threads; takes milliseconds, whether the broker is there or not."""
        consumer, self._consumer = self._consumer, None
        if consumer is not None:
            consumer.close()

    def _on_error(self, error: KafkaError) -> None:
        """Errors of the client as a whole; called from within poll and consume."""
        self.errors += 1
        if error.code() in TRANSIENT:
            self._away = error
            if self._away_since is None:
                self._away_since = monotonic_s()
        else:
            self._failure = BrokerError("cannot read", kind="unreadable", got=described(error), where=self._bootstrap)

    def _on_message_error(self, message: Any) -> None:
        """Errors of one partition, which come in place of a record."""
        error, where = message.error(), f"{message.topic()}[{message.partition()}]@{message.offset()}"
        if error.code() == KafkaError._PARTITION_EOF:
            self.ended.add((message.topic(), message.partition()))
        elif error.code() in GONE:
            self._failure = SnapshotError(
                "the position asked for is not in the log",
                kind="position_gone",
                got=described(error),
                where=where,
                fix="start from a newer snapshot, or restore the range from the archive",
            )
        elif error.code() in TRANSIENT:
            self._on_error(error)
        else:
            self._failure = BrokerError("cannot read", kind="unreadable", got=described(error), where=where)

    def _check_away(self, since: float) -> None:
        """After the bound, ask the broker itself: it may be back, with nothing to read."""
        if monotonic_s() - since < AWAY_S_MAX:
            return
        try:
            self._consumer.list_topics(timeout=PROBE_S_MAX)
        except KafkaException as error:
            raise broker_away(self._bootstrap, AWAY_S_MAX, self._away, "reading has failed") from error
        self._away_since = None


def scan(bootstrap: str, place: Place, start: int, end: int, committed: bool) -> Iterator[Record]:
    """Every record of one partition from offset ``start`` to below ``end``; closes its reader when done or dropped.

    Raises:
        BrokerError: The partition cannot be read to its end.
    """
    reader = KafkaReader(bootstrap, {place: start}, committed, ends=True)
    try:
        # Markers take offsets too, so the last record may lie below the end: then Kafka says that nothing follows.
        moved_s = monotonic_s()
        while not reader.ended:
            records = reader.read(READ_RECORDS_MAX, SCAN_WAIT_S)
            for record in records:
                if record.offset >= end:
                    return
                yield record
            if records:
                moved_s = monotonic_s()
            elif monotonic_s() - moved_s > SCAN_STILL_S_MAX:
                topic, partition = place
                raise broker_away(
                    bootstrap, SCAN_STILL_S_MAX, None, f"{topic}[{partition}] gives neither a record nor its end"
                )
    finally:
        reader.close()


class _Read:
    """Messages of one read, and their columns, each filled by one pass of C where all are as ours are."""

    def __init__(self, *, one_partition: bool) -> None:
        self._one_partition = one_partition
        self.messages: list[Any] = []
        self.failed: list[Any] = []
        self._values: list[bytes] = []
        self._headers: list[bytes | None] = []

    def add(self, chunk: list[Any]) -> None:
        """Take over what the client has given."""
        if any(map(Message.error, chunk)):
            self.failed += [message for message in chunk if message.error() is not None]
            chunk = [message for message in chunk if message.error() is None]
        self.messages += chunk
        values = list(map(Message.value, chunk))
        self._values += values if all(values) else [value or b"" for value in values]
        headers = list(map(Message.headers, chunk))
        try:
            names, packed = zip(*map(_FIRST, headers), strict=True)
            self._headers += packed if names.count(HEADER_KEY) == len(names) else map(_header, headers)
        except (TypeError, ValueError):  # a message without headers, or no message
            self._headers += map(_header, headers)

    def records(self) -> Records:
        """What was read."""
        messages = self.messages
        first, last = messages[0].offset(), messages[-1].offset()
        if self._one_partition and last - first == len(messages) - 1:
            offsets = np.arange(first, last + 1, dtype=np.int64)
        else:
            offsets = np.fromiter(map(Message.offset, messages), np.int64, len(messages))
        return Records(self._values, self._headers, offsets, lambda i: _record(messages[i]))


def _record(message: Any) -> Record:
    return Record(
        message.topic(), message.partition(), message.offset(), message.key(), message.value() or b"",
        _header(message.headers()), message.timestamp()[1],
    )  # fmt: skip


def _header(headers: Any) -> bytes | None:
    """The packed header among a record's."""
    for name, value in headers or ():
        if name == HEADER_KEY:
            return cast("bytes | None", value)
    return None
