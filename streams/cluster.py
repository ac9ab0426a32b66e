"""What a cluster says of itself: brokers, settings, topics, replicas, groups. Looks, and changes only what is named so.

Plain facts, for whoever judges them (``operations/``) or shows them. Nothing is written to any topic.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from confluent_kafka import ConsumerGroupTopicPartitions, IsolationLevel, KafkaException, TopicPartition
from confluent_kafka.admin import (
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewPartitions,
    OffsetSpec,
)

from schemas.errors import BrokerError
from streams.kafka_client import LOGGER, broker_away, client_settings, described, kafka_error
from streams.log import Place

ANSWER_S_MAX = 10.0
"""How long a broker may take to answer one question."""


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting in force, as the broker tells it.

    Attributes:
        value: As text.
        fixed: Whether only a restart of the broker changes it.
    """

    value: str
    fixed: bool = False


@dataclass(frozen=True, slots=True)
class Partition:
    """A partition's replicas, by broker id.

    Attributes:
        replicas: All of them.
        in_sync: Those that have everything that is acknowledged.
    """

    replicas: tuple[int, ...]
    in_sync: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Group:
    """A consumer group and how far it is behind.

    Attributes:
        name: Group id.
        state: ``STABLE``, ``EMPTY`` (no members) and so on.
        lag: Records between its committed offsets and what a committed reader may read; markers included.
    """

    name: str
    state: str
    lag: int


@dataclass(frozen=True, slots=True)
class Flow:
    """What was appended to a partition since a given time.

    Attributes:
        low: First offset still there.
        since: Offset of the first record since then; ``high`` where there is none.
        high: Offset after the last record.
        first_ms: Kafka's time of the record at ``since``, ms since the epoch; 0 where there is none.
        last_ms: Kafka's time of the newest record; 0 where there is none.
    """

    low: int
    since: int
    high: int
    first_ms: int
    last_ms: int


class Cluster:
    """Asks one cluster.

    Args:
        bootstrap: ``host:port``, comma-separated.
    """

    def __init__(self, bootstrap: str) -> None:
        self.bootstrap = bootstrap
        self._admin: Any = AdminClient(client_settings(bootstrap), logger=LOGGER)

    def brokers(self) -> dict[int, str]:
        """Address by broker id.

        Raises:
            BrokerError: None answers.
        """
        return {broker.id: f"{broker.host}:{broker.port}" for broker in self._metadata().brokers.values()}

    def topics(self) -> dict[str, tuple[Partition, ...]]:
        """Partitions by topic, Kafka's own topics included.

        Raises:
            BrokerError: None answers.
        """
        return {
            name: tuple(Partition(tuple(p.replicas), tuple(p.isrs)) for _, p in sorted(topic.partitions.items()))
            for name, topic in self._metadata().topics.items()
        }

    def broker_settings(self, broker: int) -> dict[str, Setting]:
        """Settings in force on a broker.

        Raises:
            BrokerError: It does not answer, or does not let us see them.
        """
        return self._settings(ConfigResource.Type.BROKER, [str(broker)])[str(broker)]

    def topic_settings(self, names: Sequence[str]) -> dict[str, dict[str, Setting]]:
        """Settings in force on topics, the broker's defaults included.

        Raises:
            BrokerError: It does not answer, there is no such topic, or it does not let us see them.
        """
        return self._settings(ConfigResource.Type.TOPIC, names)

    def groups(self) -> list[Group]:
        """Consumer groups that have committed offsets, by name.

        Raises:
            BrokerError: It does not answer, or does not let us see them.
        """
        listing = self._asked(lambda: self._admin.list_consumer_groups(request_timeout=ANSWER_S_MAX).result())
        return sorted((self._group(found) for found in listing.valid), key=lambda group: group.name)

    def flow(self, places: Sequence[Place], since_ms: int) -> dict[Place, Flow]:
        """What was appended to each partition since a time, ms since the epoch.

        Raises:
            BrokerError: It does not answer, or there is no such partition.
        """
        if not places:
            return {}
        low, high, since, newest = (
            self._offsets(places, spec)
            for spec in (
                OffsetSpec.earliest(), OffsetSpec.latest(), OffsetSpec.for_timestamp(since_ms),
                OffsetSpec.max_timestamp(),
            )
        )  # fmt: skip
        found = {}
        for place in places:
            end, begin = high[place].offset, since[place]
            none = begin.offset < 0
            found[place] = Flow(
                low=low[place].offset, since=end if none else begin.offset, high=end,
                first_ms=0 if none else begin.timestamp, last_ms=max(0, newest[place].timestamp),
            )  # fmt: skip
        return found

    def change_topic(self, name: str, settings: Mapping[str, str]) -> None:
        """Change settings of a topic, leaving its others as they are.

        Raises:
            BrokerError: Refused.
        """
        entries = [
            ConfigEntry(key, value, incremental_operation=AlterConfigOpType.SET) for key, value in settings.items()
        ]
        resource = ConfigResource(ConfigResource.Type.TOPIC, name, incremental_configs=entries)
        self._answers(lambda: self._admin.incremental_alter_configs([resource], request_timeout=ANSWER_S_MAX))

    def add_partitions(self, name: str, total: int) -> None:
        """Bring a topic to more partitions.

        Raises:
            BrokerError: Refused.
        """
        self._answers(lambda: self._admin.create_partitions([NewPartitions(name, total)]))

    def close(self) -> None:
        """Release the client."""
        self._admin = None

    def _metadata(self) -> Any:
        try:
            return self._admin.list_topics(timeout=ANSWER_S_MAX)
        except KafkaException as error:
            raise broker_away(self.bootstrap, ANSWER_S_MAX, kafka_error(error), "no answer") from error

    def _settings(self, kind: Any, names: Sequence[str]) -> dict[str, dict[str, Setting]]:
        if not names:
            return {}
        resources = [ConfigResource(kind, name) for name in names]
        found = self._answers(lambda: self._admin.describe_configs(resources, request_timeout=ANSWER_S_MAX))
        return {
            resource.name: {
                name: Setting("" if entry.value is None else entry.value, bool(entry.is_read_only))
                for name, entry in entries.items()
            }
            for resource, entries in found.items()
        }

    def _group(self, listing: Any) -> Group:
        asked = [ConsumerGroupTopicPartitions(listing.group_id)]
        answer = self._answers(lambda: self._admin.list_consumer_group_offsets(asked, request_timeout=ANSWER_S_MAX))
        committed = {
            (place.topic, place.partition): place.offset
            for group in answer.values()
            for place in group.topic_partitions
            if place.offset >= 0
        }
        ends = self._offsets(list(committed), OffsetSpec.latest(), isolation_level=IsolationLevel.READ_COMMITTED)
        lag = sum(max(0, ends[place].offset - offset) for place, offset in committed.items())
        return Group(listing.group_id, listing.state.name, lag)

    def _offsets(self, places: Iterable[Place], spec: Any, **options: Any) -> dict[Place, Any]:
        wanted = {TopicPartition(*place): spec for place in places}
        if not wanted:
            return {}
        options["request_timeout"] = ANSWER_S_MAX
        found = self._answers(lambda: self._admin.list_offsets(wanted, **options))
        return {(place.topic, place.partition): info for place, info in found.items()}

    def _answers(self, ask: Callable[[], Mapping[Any, Any]]) -> dict[Any, Any]:
        """Results of a call that gives a future for each thing asked for."""
        found: dict[Any, Any] = self._asked(lambda: {what: f.result(ANSWER_S_MAX) for what, f in ask().items()})
        return found

    def _asked(self, ask: Callable[[], Any]) -> Any:
        try:
            return ask()
        except (KafkaException, TimeoutError) as error:
            raise BrokerError("the cluster refuses an answer", kind="unanswered", got=described(kafka_error(error)),
                              where=self.bootstrap) from error  # fmt: skip
