"""What health is worked out from: the tick topics of a run's sources, and its ``dlq``."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator

from monitoring.letter_health import LetterHealth
from monitoring.place_health import Carry, Health
from monitoring.tick_health import TickHealth
from schemas.codec import decode
from schemas.definition import Definition
from schemas.errors import BadFrame, ConfigError
from schemas.feed_health import FeedHealth
from schemas.topics import topic_name
from streams.log import Log, Place

TICKS = "ticks."
DLQ = "dlq"


class Names:
    """Instruments of a run by id. A definition lies on its topic before a tick of it does, so names never change.

    Args:
        log: Where.
        namespace: Topic prefix of the run.
    """

    def __init__(self, log: Log, namespace: str) -> None:
        self._log, self._topic = log, topic_name(namespace, "definitions")
        self._known: dict[int, str] = {}
        self._at = 0

    def __call__(self, instrument_id: int) -> str:
        """``market:symbol``; the id in words where nothing defines it.

        Raises:
            BrokerError: The log cannot be read.
        """
        if instrument_id not in self._known and self._log.partitions(self._topic):
            for record in self._log.scan(self._topic, 0, self._at, committed=True):
                self._at = record.offset + 1
                try:
                    definition = decode(record.value, Definition)
                except BadFrame:
                    continue
                self._known[definition.instrument_id] = definition.instrument
        return self._known.get(instrument_id) or f"undefined:{instrument_id}"


def sources_of(names: Collection[str], namespace: str) -> list[str]:
    """Sources of a run that have ticks, by the names of its topics.

    >>> sources_of(["ticks.acme", "demo.r.ticks.sim", "dlq"], ""), sources_of(["demo.r.ticks.sim"], "demo.r.")
    (['acme'], ['sim'])
    """
    prefix = namespace + TICKS
    return sorted(name.removeprefix(prefix) for name in names if name.startswith(prefix))


def places_of(log: Log, namespace: str, wanted: Collection[str] = ()) -> list[Place]:
    """Partitions that health is worked out from: of the sources that are wanted, or of all, and of ``dlq``.

    Raises:
        ConfigError: A source that is wanted has no ticks.
        BrokerError: The log cannot be read.
    """
    names = log.names(namespace)
    sources = sources_of(names, namespace)
    for source in wanted:
        if source not in sources:
            raise ConfigError(
                "no such source", kind="no_source", got=source, allowed=", ".join(sources) or "none yet",
                fix="it is there once its ticks are normalised",
            )  # fmt: skip
    topics = [f"{namespace}{TICKS}{source}" for source in sources if not wanted or source in wanted]
    topics += [topic for topic in (topic_name(namespace, DLQ),) if topic in names]
    return [(topic, partition) for topic in topics for partition in range(log.partitions(topic))]


def health_of(
    place: Place, namespace: str, window_ns: int, name_of: Callable[[int], str], carry: Carry | None = None
) -> Health:
    """What works out the windows of a place."""
    topic = place[0].removeprefix(namespace)
    if topic == DLQ:
        return LetterHealth(namespace, place, window_ns, carry)
    return TickHealth(topic.removeprefix(TICKS), place, window_ns, name_of, carry)


def health_over(
    log: Log,
    namespace: str,
    window_ns: int,
    wanted: Collection[str] = (),
    places: Collection[Place] | None = None,
) -> Iterator[FeedHealth]:
    """Every window of a log as it is, from its first record on, place by place; of an archive as of Kafka.

    Raises:
        ConfigError: A source that is wanted has no ticks.
        BrokerError, ArchiveError: The log cannot be read.
    """  # fmt: skip
    name_of = Names(log, namespace)
    for place in places_of(log, namespace, wanted) if places is None else places:
        health = health_of(place, namespace, window_ns, name_of)
        for record in log.scan(*place, 0, committed=True):
            for found in health.take(record):
                if not wanted or found.source in wanted:
                    yield found
