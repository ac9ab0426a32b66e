"""The log on Kafka: topics, bounds, and the readers and writers that ``streams.log`` describes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from weakref import WeakSet

from confluent_kafka import KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic, OffsetSpec

from schemas.errors import BrokerError
from streams.clock import monotonic_s, sleep_s
from streams.kafka_client import (
    LOGGER,
    RECORD_BYTES_MAX,
    TRANSIENT,
    broker_away,
    client_settings,
    described,
    kafka_error,
)
from streams.kafka_reader import KafkaReader, scan
from streams.kafka_writer import KafkaAppender, KafkaWriter
from streams.log import Place, Record, TopicSpec, check_position

CONNECT_S_MAX = 10.0
"""How long ``connect`` waits for a broker to answer."""

ADMIN_S_MAX = 30.0
"""Bound of one administrative call, retries included."""

ADMIN_PAUSE_S = 0.01
"""Pause between retries: a new topic has its leader some tens of milliseconds later."""

COMPACTED_SEGMENT_BYTES = 16 * 1024 * 1024
"""Only closed segments are compacted: snapshots of a busy day must not pile up in an open one."""

REPLICATION_DEFAULT = -1
"""Leave the replication factor to the broker."""


def connect(bootstrap: str, timeout_s: float = CONNECT_S_MAX) -> KafkaLog:
    """The log at ``bootstrap`` ("host:port", comma-separated), after checking that a broker answers.

    Raises:
        BrokerError: None answers within ``timeout_s``.
    """
    log = KafkaLog(bootstrap)
    try:
        log.check(timeout_s)
    except BrokerError:
        log.close()
        raise
    return log


class KafkaLog:
    """Implements ``streams.log.Log``. Closing it closes the readers and writers that it opened."""

    def __init__(self, bootstrap: str) -> None:
        self.bootstrap = bootstrap
        self._admin: Any = AdminClient(client_settings(bootstrap), logger=LOGGER)
        self._opened: WeakSet[KafkaReader | KafkaWriter | KafkaAppender] = WeakSet()

    def check(self, timeout_s: float) -> None:
        """Return when a broker answers.

        Raises:
            BrokerError: None does within ``timeout_s``.
        """
        self._topics(timeout_s)

    def create(self, topics: Sequence[TopicSpec]) -> None:
        """Create what is not there yet, in one call; returns when every partition has a leader that answers.

        Retention is unlimited: how long the tape is kept is the archive's decision, not Kafka's.

        Raises:
            BrokerError: Refused, or not ready within ``ADMIN_S_MAX``.
        """
        if not topics:
            return
        futures = self._admin.create_topics([_new_topic(spec) for spec in topics], operation_timeout=ADMIN_S_MAX)
        for name, future in futures.items():
            try:
                future.result(ADMIN_S_MAX)
            except TimeoutError as error:
                raise broker_away(self.bootstrap, ADMIN_S_MAX, None, "no topic created") from error
            except KafkaException as error:
                reason = kafka_error(error)
                if reason.code() != KafkaError.TOPIC_ALREADY_EXISTS:
                    raise BrokerError(f"cannot create topic {name}", kind="topic_refused",
                                      got=described(reason), where=self.bootstrap,
                                      fix="check the name and what the cluster allows") from error  # fmt: skip
        known = self._topics(ADMIN_S_MAX)
        places = [(s.name, p) for s in topics for p in range(known.get(s.name, s.partitions))]
        self._bounds(places, created=True)

    def names(self, prefix: str = "") -> list[str]:
        """Names of topics that begin with ``prefix``, sorted.

        Raises:
            BrokerError: No broker answers.
        """
        return sorted(name for name in self._topics(ADMIN_S_MAX) if name.startswith(prefix))

    def partitions(self, topic: str) -> int:
        """Number of partitions of a topic; 0 when there is no such topic.

        Raises:
            BrokerError: No broker answers.
        """
        return self._topics(ADMIN_S_MAX).get(topic, 0)

    def bounds(self, topic: str, partition: int) -> tuple[int, int]:
        """(first offset that is still there, offset after the last), uncommitted records and markers included.

        Raises:
            BrokerError: There is no such topic or partition, or no broker answers.
        """
        return self._bounds([(topic, partition)])[0]

    def scan(self, topic: str, partition: int, start: int, *, committed: bool) -> Iterator[Record]:
        """Every record from ``start`` (or the first still there) to the end as it was when the call began.

        Raises:
            SnapshotError: ``start`` lies beyond the end: the log has lost records, or is another one.
            BrokerError: There is no such topic or partition, or it cannot be read.
        """
        low, high = self.bounds(topic, partition)
        start = max(start, low)
        check_position((topic, partition), start, low, high)
        if start == high:
            return iter(())
        return scan(self.bootstrap, (topic, partition), start, high, committed)

    def reader(self, start: Mapping[Place, int], *, committed: bool = False) -> KafkaReader:
        """A reader from the given offsets.

        Raises:
            SnapshotError: A position lies outside of what the partition holds.
            BrokerError: There is no such topic or partition, or no broker answers.
        """
        for (place, offset), (low, high) in zip(start.items(), self._bounds(list(start)), strict=True):
            check_position(place, offset, low, high)
        reader = KafkaReader(self.bootstrap, start, committed)
        self._opened.add(reader)
        return reader

    def writer(self, transactional_id: str) -> KafkaWriter:
        """Take a transactional id over: Kafka aborts what the former holder left open and shuts it out.

        Raises:
            BrokerError: The broker does not answer within its bound.
        """
        writer = KafkaWriter(self.bootstrap, transactional_id)
        self._opened.add(writer)
        return writer

    def appender(self) -> KafkaAppender:
        """A plain idempotent producer."""
        appender = KafkaAppender(self.bootstrap)
        self._opened.add(appender)
        return appender

    def close(self) -> None:
        """Close the admin client and whatever this log opened and nobody closed."""
        for opened in list(self._opened):
            opened.close()
        self._admin = None

    def _topics(self, timeout_s: float) -> dict[str, int]:
        """Partition counts by topic name. Asked for all at once: asking by name could create a topic."""
        try:
            topics = self._admin.list_topics(timeout=timeout_s).topics
        except KafkaException as error:
            raise broker_away(self.bootstrap, timeout_s, kafka_error(error), "no answer") from error
        return {name: len(topic.partitions) for name, topic in topics.items()}

    def _bounds(self, places: list[Place], *, created: bool = False) -> list[tuple[int, int]]:
        """Bounds of many partitions in two requests, again while leaders are being elected.

        ``created``: the topics have just been created, so one that is not known yet will be: a broker that has just
        started over hundreds of topics takes a while to tell.
        """
        if not places:
            return []
        deadline = monotonic_s() + ADMIN_S_MAX
        while True:
            asked = [
                self._admin.list_offsets({TopicPartition(*place): spec for place in places})
                for spec in (OffsetSpec.earliest(), OffsetSpec.latest())
            ]
            try:
                low, high = ([f.result(ADMIN_S_MAX).offset for f in futures.values()] for futures in asked)
                if min(*low, *high) >= 0:
                    return list(zip(low, high, strict=True))
                # A broker that goes away in between leaves an offset that is none, and no error.
                if monotonic_s() >= deadline:
                    raise broker_away(self.bootstrap, ADMIN_S_MAX, None, "no offsets of a partition")
                sleep_s(ADMIN_PAUSE_S)
            except TimeoutError as error:  # the client waits longer for a leader than we do for an answer
                raise broker_away(self.bootstrap, ADMIN_S_MAX, None, "no offsets of a partition") from error
            except KafkaException as error:
                reason = kafka_error(error)
                if created:
                    self._topics(ADMIN_S_MAX)  # asking for offsets alone would go by what was known before
                else:
                    self._check_exist(places)
                if reason.code() not in TRANSIENT or monotonic_s() >= deadline:
                    raise BrokerError(
                        "cannot ask for offsets", kind="unreadable", got=described(reason), where=self.bootstrap
                    ) from error
                sleep_s(ADMIN_PAUSE_S)

    def _check_exist(self, places: list[Place]) -> None:
        known = self._topics(ADMIN_S_MAX)
        for topic, partition in places:
            if not 0 <= partition < known.get(topic, 0):
                raise BrokerError(
                    "there is no such topic or partition",
                    kind="no_topic",
                    allowed=f"{known.get(topic, 0)} partitions",
                    where=f"{topic}[{partition}]",
                    fix="create the topic first",
                )


def topic_settings(*, compacted: bool) -> dict[str, str]:
    """Settings that a topic of ours is created with; ``doctor`` holds live topics to them."""
    config = {
        "retention.ms": "-1",
        "retention.bytes": "-1",
        "max.message.bytes": str(RECORD_BYTES_MAX),
        "cleanup.policy": "compact" if compacted else "delete",
    }
    if compacted:
        config["segment.bytes"] = str(COMPACTED_SEGMENT_BYTES)
    return config


def _new_topic(spec: TopicSpec) -> NewTopic:
    return NewTopic(spec.name, spec.partitions, REPLICATION_DEFAULT, config=topic_settings(compacted=spec.compacted))
