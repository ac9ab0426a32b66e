"""Feed health as a Faust application: it reads ticks and dead letters, and tells of them on ``feed.health``.

Faust reads, over its ``kafka://`` driver (aiokafka), and shares the partitions among the monitors there are. It keeps
nothing: no table, no changelog, no consumer offsets. Where to go on stands in ``feed.health`` itself
(``health_topic.py``), so a monitor that was killed tells the same windows under the same keys. It reads as committed:
what a dead task left uncommitted lies at places that nobody else will ever see.

Imported by the monitor's own process alone: Faust brings an event loop and a logging setup of its own.
"""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import Callable, Iterable, Mapping
from tempfile import TemporaryDirectory
from typing import Any, ClassVar

import faust
from faust.transport.drivers.aiokafka import AIOKafkaConsumerThread, Consumer, Transport

from monitoring.health_inputs import Names, health_of, places_of
from monitoring.health_topic import HealthWriter, recalled
from monitoring.place_health import Health
from schemas.errors import BrokerError
from schemas.header import HEADER_KEY
from streams.log import Log, Place, Record

GROUP = "tapedeck-feed-health"
"""Consumer group of the live run's monitors; that of another run is named after its namespace."""
LOOK_EVERY_S = 2.0
"""How often what was written is confirmed, and new sources are looked for."""
ENDED_S_MAX = 20.0
"""Bound of Faust's own ending: a broker that is gone must not hold it."""
SESSION_S = 10.0
"""A monitor that is silent for so long is dead: another takes its partitions over."""


class Feeding:
    """What the application feeds: the windows of the partitions that this monitor has.

    Args:
        log: For what Faust does not do: definitions, ``feed.health``, bounds.
        namespace: Topic prefix of the run.
        window_ns: Length of a window.
    """

    def __init__(self, log: Log, namespace: str, window_ns: int) -> None:
        self._log, self._namespace, self._window_ns = log, namespace, window_ns
        self._name_of = Names(log, namespace)
        self._healths: dict[Place, Health] = {}
        self.writer = HealthWriter(log, namespace)
        self.windows = 0

    def assigned(self, places: Iterable[Place]) -> dict[Place, int]:
        """Begin with partitions: offsets to read them from.

        Raises:
            BrokerError: The log cannot be read.
        """
        wanted = list(places)
        carries = recalled(self._log, self._namespace, wanted)
        starts = {}
        self._healths = {}
        for place in wanted:
            carry = carries.get(place)
            low, _ = self._log.bounds(*place)
            starts[place] = low if carry is None else max(low, carry.at.offset)
            if carry is not None and carry.at.offset < low:
                logging.getLogger(__name__).warning(
                    "%s[%d]: records %d to %d are gone: no health is told of them", *place, carry.at.offset, low - 1
                )
            self._healths[place] = health_of(place, self._namespace, self._window_ns, self._name_of, carry)
        return starts

    def take(self, record: Record) -> None:
        """Take a record in, and write what windows it ends.

        Raises:
            DeliveryError: What was written before could not be.
        """
        health = self._healths.get((record.topic, record.partition))
        if health is not None and (found := health.take(record)):
            self.writer.write(found)
            self.windows += 1


class _CommittedThread(AIOKafkaConsumerThread):  # type: ignore[misc]
    """Reads as committed, without the transactions that Faust ties that to."""

    consumer: Any

    def _create_worker_consumer(self, transport: Any) -> Any:
        outer, self.consumer = self.consumer, _InTransaction(self.consumer)
        try:
            return super()._create_worker_consumer(transport)
        finally:
            self.consumer = outer


class _InTransaction:
    """A consumer that says it is in a transaction, where Faust asks for the isolation level."""

    in_transaction = True

    def __init__(self, consumer: Any) -> None:
        self._consumer = consumer

    def __getattr__(self, name: str) -> Any:
        return getattr(self._consumer, name)


class _PlacedConsumer(Consumer):  # type: ignore[misc]
    """Begins where ``feed.health`` says, and commits nothing."""

    def _new_consumer_thread(self) -> Any:
        return _CommittedThread(self, loop=self.loop, beacon=self.beacon)

    async def seek_to_committed(self) -> Mapping[Any, int]:
        """Faust's word for: go to where this group reads on."""
        assignment = {(tp.topic, tp.partition): tp for tp in self.assignment()}
        found = self.app.feeding.assigned(assignment)
        starts = {assignment[place]: offset for place, offset in found.items()}
        await self.seek_wait(starts)
        return starts

    async def commit(self, topics: Any = None, start_new_transaction: bool = True) -> bool:
        """Nothing: offsets of a group are no memory of this application."""
        del topics, start_new_transaction
        return False


class _Transport(Transport):  # type: ignore[misc]
    Consumer: ClassVar[Any] = _PlacedConsumer


class _App(faust.App):  # type: ignore[misc]
    feeding: Feeding


def application(log: Any, namespace: str, feeding: Feeding, topics: list[str], folder: str) -> Any:
    """The Faust application over some topics.

    Args:
        log: Kafka; its address is taken.
        namespace: Topic prefix of the run.
        feeding: What takes the records.
        topics: Full names.
        folder: Where Faust makes its own, which stays empty; without one it litters the working directory.
    """
    app = _App(
        f"{GROUP}-{namespace.rstrip('.')}" if namespace else GROUP,
        broker=[f"kafka://{address}" for address in log.bootstrap.split(",")],
        autodiscover=False, web_enabled=False, topic_allow_declare=False, topic_disable_leader=True,
        datadir=folder, store="memory://", consumer_auto_offset_reset="earliest", broker_session_timeout=SESSION_S,
        broker_heartbeat_interval=SESSION_S / 4, broker_rebalance_timeout=SESSION_S, stream_wait_empty=False,
        logging_config=None, loghandlers=[], worker_redirect_stdouts=False,
    )  # fmt: skip
    app.feeding = feeding
    app.transport = _Transport(app.conf.broker_consumer, app)
    source = app.topic(
        *topics, key_type=bytes, value_type=bytes, key_serializer="raw", value_serializer="raw", acks=False,
        allow_empty=True,
    )  # fmt: skip

    async def feed(stream: Any) -> None:
        async for event in stream.noack().events():
            feeding.take(_record(event.message))

    app.agent(source, name="feed_health")(feed)
    return app


def _record(message: Any) -> Record:
    headers = message.headers.items() if isinstance(message.headers, Mapping) else message.headers or ()
    return Record(
        message.topic, message.partition, message.offset, message.key, message.value or b"",
        next((bytes(value) for name, value in headers if name == HEADER_KEY and value is not None), None),
    )  # fmt: skip


def monitor(log: Any, namespace: str, window_ns: int, told: Callable[[dict[str, Any]], None]) -> None:
    """Watch a run until SIGINT or SIGTERM; sources that come later are taken up when they are there.

    Args:
        log: Kafka.
        namespace: Topic prefix of the run.
        window_ns: Length of a window.
        told: Hears what happens.

    Raises:
        BrokerError: Kafka is gone, or does not take what is written.
    """
    asyncio.run(_monitor(log, namespace, window_ns, told))


async def _monitor(log: Any, namespace: str, window_ns: int, told: Callable[[dict[str, Any]], None]) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    feeding = Feeding(log, namespace, window_ns)
    try:
        while not stop.is_set():
            topics = _topics(log, namespace)
            if not topics:
                told({"event": "waiting", "for": "ticks of any source"})
                await _pause(stop)
                continue
            told({"event": "watching", "topics": topics})
            await _watch(log, namespace, feeding, topics, stop)
        feeding.writer.close()
    finally:
        told({"event": "ended", "windows": feeding.windows})


async def _watch(log: Any, namespace: str, feeding: Feeding, topics: list[str], stop: asyncio.Event) -> None:
    """Run the application until it is told to stop, or there are other topics."""
    with TemporaryDirectory(prefix="tapedeck-faust-") as folder:
        await _serve(application(log, namespace, feeding, topics, folder), log, namespace, feeding, topics, stop)


async def _serve(app: Any, log: Any, namespace: str, feeding: Feeding, topics: list[str], stop: asyncio.Event) -> None:
    app.finalize()
    await app.start()
    try:
        while not stop.is_set():
            await _pause(stop)
            if app.crashed:
                raise BrokerError("the monitor's reader ended", kind="unreadable", got=str(app.crash_reason),
                                  where=log.bootstrap) from app.crash_reason  # fmt: skip
            feeding.writer.serve()
            if _topics(log, namespace) != topics:
                return
    finally:
        await asyncio.wait_for(app.stop(), ENDED_S_MAX)


async def _pause(stop: asyncio.Event) -> None:
    try:
        await asyncio.wait_for(stop.wait(), LOOK_EVERY_S)
    except TimeoutError:
        return


def _topics(log: Log, namespace: str) -> list[str]:
    found = sorted({topic for topic, _ in places_of(log, namespace)})
    return found if any(topic != f"{namespace}dlq" for topic in found) else []
