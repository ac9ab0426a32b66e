"""``feed.health`` itself: how a window is written there, and how a monitor that comes back goes on from it.

The topic is all the memory a monitor has. A window is whole once all its documents lie there, and they say all that
the next one needs; what a dead monitor had begun is worked out again, under the same keys, to the same bytes.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

from monitoring.place_health import Carry, Spot, carried
from schemas.catalog import FEED_HEALTH
from schemas.codec import decode, encode
from schemas.errors import BadFrame, DeliveryError
from schemas.feed_health import FeedHealth, key_of
from schemas.header import Header, pack, unpack
from schemas.topics import topic_name
from streams.log import Log, Place, Record, TopicSpec

MONITOR = "monitor"
"""Writer name of what a monitor writes."""
LOOK_BACK = 4_096
"""Newest documents that are looked at first; eight times as many each time that a place is not among them."""
FLUSH_S_MAX = 30.0


def health_topic(namespace: str) -> str:
    """Full name of the topic."""
    return topic_name(namespace, "feed.health")


class HealthWriter:
    """Writes windows. Numbers nothing: what tells a document from another is its key.

    Args:
        log: Where; the topic is created where it is not there.
        namespace: Topic prefix of the run.
    """

    def __init__(self, log: Log, namespace: str) -> None:
        self._topic = health_topic(namespace)
        log.create([TopicSpec(self._topic)])
        self._appender = log.appender()

    def write(self, found: Iterable[FeedHealth]) -> None:
        """Append documents, in order; durable soon after.

        Raises:
            DeliveryError: An earlier one could not be written.
        """
        for health in found:
            header = Header(
                schema=FEED_HEALTH.number, version=FEED_HEALTH.version, seq=health.end_offset,
                time=health.window_start, writer=MONITOR,
            )  # fmt: skip
            self._appender.append(self._topic, 0, key_of(health), encode(health), pack(header))

    def serve(self) -> None:
        """Hear what became of what was written, without waiting.

        Raises:
            DeliveryError: Some of it could not be.
        """
        self._appender.flush(0)

    def close(self) -> None:
        """Wait until all is durable.

        Raises:
            DeliveryError: Some of it is not within ``FLUSH_S_MAX``.
        """
        try:
            if left := self._appender.flush(FLUSH_S_MAX):
                raise DeliveryError(
                    "what was written is not acknowledged", kind="unacknowledged", got=f"{left} records",
                    where=self._topic, fix="nothing is lost: it is worked out again",
                )  # fmt: skip
        finally:
            self._appender.close()


def written(log: Log, namespace: str, start: int = 0) -> Iterator[tuple[int, FeedHealth]]:
    """Offset and document of what monitors have written, from an offset on; what others put there is passed over.

    Raises:
        BrokerError: The log cannot be read.
    """
    topic = health_topic(namespace)
    if log.partitions(topic):
        for record in log.scan(topic, 0, start, committed=True):
            health = health_in(record)
            if health is not None:
                yield record.offset, health


def health_in(record: Record) -> FeedHealth | None:
    """The document in a record of the topic; None where no monitor has written it."""
    try:
        if record.header is None or unpack(record.header).writer != MONITOR:
            return None
        return decode(record.value, FeedHealth)
    except BadFrame:
        return None


def recalled(log: Log, namespace: str, places: Collection[Place]) -> dict[Place, Carry]:
    """Where to go on, by place: behind its newest whole window; a place without one is left out.

    Raises:
        BrokerError: The log cannot be read.
    """
    topic = health_topic(namespace)
    if not log.partitions(topic):
        return {}
    low, high = log.bounds(topic, 0)
    back = LOOK_BACK
    while True:
        start = max(low, high - back)
        found = _newest(health for _, health in written(log, namespace, start))
        if start == low or all(place in found for place in places):
            return {place: found[place] for place in places if place in found}
        back *= 8


def _newest(documents: Iterable[FeedHealth]) -> dict[Place, Carry]:
    newest: dict[Place, Carry] = {}
    parts: dict[tuple[Place, Spot, Spot], dict[int, FeedHealth]] = {}
    for health in documents:
        place = (health.topic, health.partition)
        end = Spot(health.end_offset, health.end_row)
        if place in newest and end <= newest[place].at:
            continue
        window = (place, Spot(health.begin_offset, health.begin_row), end)
        parts.setdefault(window, {})[health.part] = health
        if len(parts[window]) == health.parts:
            newest[place] = carried(list(parts[window].values()))
            parts = {key: value for key, value in parts.items() if key[0] != place or key[2] > end}
    return newest
