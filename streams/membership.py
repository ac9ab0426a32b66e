"""A member of a consumer group that only shares partitions out: nothing is fetched, no offset is committed.

Who works on a partition is agreed on by Kafka's group; that nobody works on one twice is not left to it: each task
takes its transactional id over, and Kafka shuts whoever had it before out. So a member that has not heard yet that it
lost a partition can double nothing.

The client is served by a thread of its own, so that the group hears of this member however long a recovery or a commit
takes. A partition that is to go elsewhere is held until ``released`` is called, up to ``GIVE_UP_S_MAX``.
"""

from __future__ import annotations

import logging
import os
import socket
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Any, Literal

import confluent_kafka
from confluent_kafka import OFFSET_END, Consumer, KafkaError, KafkaException, TopicPartition

from schemas.errors import BrokerError
from streams.broker_features import feature_levels
from streams.cluster import Cluster
from streams.kafka_client import LOGGER, client_settings, described, kafka_error

Protocol = Literal["consumer", "cooperative"]
"""``consumer``: the broker assigns (KIP-848). ``cooperative``: a member does, by ``cooperative-sticky`` (KIP-429)."""

SESSION_S = 10.0
"""A member that is silent for so long has lost its partitions (``cooperative``; else the broker's setting says)."""
POLL_INTERVAL_S_MAX = 300.0
"""A member whose client is not served for so long leaves its group. A thread of its own serves it."""
GIVE_UP_S_MAX = 30.0
"""A revoked partition is given up after so long, whether its tasks have ended or not: then they are fenced."""
POLL_S = 0.2
HEARTBEATS_A_SESSION = 5
CLIENT_MIN = (2, 12)
"""First client version whose KIP-848 is not a preview."""
FEATURE = "group.version"
ANSWER_S_MAX = 5.0
REFUSALS = frozenset({
    KafkaError.GROUP_AUTHORIZATION_FAILED, KafkaError.TOPIC_AUTHORIZATION_FAILED,
    KafkaError.INCONSISTENT_GROUP_PROTOCOL,
})  # fmt: skip
"""What waiting does not mend."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Change:
    """Partitions that are ours from now on; that are to be given up in order; or that somebody else has already."""

    kind: Literal["assigned", "revoked", "lost"]
    partitions: tuple[int, ...]


def protocol_of(bootstrap: str) -> Protocol:
    """The newest protocol that both client and broker have.

    Raises:
        BrokerError: No broker answers.
    """
    version = tuple(int(part) for part in confluent_kafka.libversion()[0].split(".")[:2])
    if version < CLIENT_MIN:
        return "cooperative"
    cluster = Cluster(bootstrap)
    try:
        addresses = cluster.brokers()
    finally:
        cluster.close()
    try:
        levels = feature_levels(addresses[min(addresses)], ANSWER_S_MAX)
    except BrokerError:  # an encrypted listener, or another implementation: what every broker has will do
        return "cooperative"
    return "consumer" if levels.get(FEATURE, 0) > 0 else "cooperative"


def member_name() -> str:
    """What this process is called in its group."""
    return f"{socket.gethostname()}/{os.getpid()}"


class Membership:
    """One member.

    Args:
        bootstrap: ``host:port``, comma-separated.
        group: Group id.
        topic: Whose partitions are shared out.
        protocol: As ``protocol_of`` says.

    Attributes:
        protocol: The same.
    """

    def __init__(self, bootstrap: str, group: str, topic: str, protocol: Protocol) -> None:
        self.protocol = protocol
        self._topic = topic
        self._changes: SimpleQueue[Change] = SimpleQueue()
        self._released = threading.Event()
        self._stopping = False
        self._failed: BrokerError | None = None
        self._bootstrap = bootstrap
        self._consumer: Any = Consumer(_settings(bootstrap, group, protocol), logger=LOGGER)
        self._thread = threading.Thread(target=self._serve, daemon=True, name="membership")

    def join(self) -> None:
        """Join the group; what comes of it is told by ``changes``."""
        self._thread.start()

    def changes(self) -> Iterator[Change]:
        """What has changed since the last call. After ``revoked`` the group waits for ``released``.

        Raises:
            BrokerError: The group does not take this member.
        """
        if self._failed is not None:
            raise self._failed
        while True:
            try:
                yield self._changes.get_nowait()
            except Empty:
                return

    def released(self) -> None:
        """The partitions revoked last have been given up."""
        self._released.set()

    def leave(self) -> None:
        """Leave the group, so that others get the partitions at once. What was owned must have been given up."""
        self._stopping = True
        self._released.set()
        if self._thread.is_alive():
            self._thread.join(GIVE_UP_S_MAX)

    def _serve(self) -> None:
        try:
            self._consumer.subscribe(
                [self._topic], on_assign=self._assigned, on_revoke=self._revoked, on_lost=self._lost
            )
            while not self._stopping:
                message = self._consumer.poll(POLL_S)
                if message is not None and message.error() is not None:
                    if message.error().fatal() or message.error().code() in REFUSALS:
                        raise KafkaException(message.error())
                    logger.warning("group: %s", described(message.error()))
        except KafkaException as error:
            self._failed = BrokerError(
                "the group does not take this worker", kind="unanswered", got=described(kafka_error(error)),
                where=self._bootstrap, fix="it needs the right to read the group and the topic: " + self._topic,
            )  # fmt: skip
        finally:
            self._consumer.close()

    def _assigned(self, consumer: Any, places: Sequence[TopicPartition]) -> None:
        consumer.incremental_assign([TopicPartition(p.topic, p.partition, OFFSET_END) for p in places])
        consumer.pause([TopicPartition(p.topic, p.partition) for p in places])
        self._tell("assigned", places)

    def _revoked(self, consumer: Any, places: Sequence[TopicPartition]) -> None:
        self._released.clear()
        if self._stopping:
            return
        self._tell("revoked", places)
        if not self._released.wait(GIVE_UP_S_MAX):
            logger.warning("group: partitions were given up before their tasks had ended")
        del consumer  # unassigned when this returns

    def _lost(self, consumer: Any, places: Sequence[TopicPartition]) -> None:
        del consumer
        self._tell("lost", places)

    def _tell(self, kind: Literal["assigned", "revoked", "lost"], places: Sequence[TopicPartition]) -> None:
        if places:
            self._changes.put(Change(kind, tuple(sorted(p.partition for p in places))))


def _settings(bootstrap: str, group: str, protocol: Protocol) -> dict[str, Any]:
    settings = {
        **client_settings(bootstrap), "client.id": member_name(), "group.id": group, "enable.auto.commit": False,
        "auto.offset.reset": "latest", "max.poll.interval.ms": int(POLL_INTERVAL_S_MAX * 1000),
    }  # fmt: skip
    if protocol == "consumer":
        return {**settings, "group.protocol": "consumer"}
    return {
        **settings, "partition.assignment.strategy": "cooperative-sticky",
        "session.timeout.ms": int(SESSION_S * 1000),
        "heartbeat.interval.ms": int(SESSION_S * 1000 / HEARTBEATS_A_SESSION),
    }  # fmt: skip
