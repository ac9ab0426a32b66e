"""The Publisher beside a bare confluent-kafka producer of the same bytes: flat out, from first to last acknowledgement.

The bare producers have the Publisher's settings and send the same keys, values and headers of the same length. One is
told of each delivery, and counts: the least that anybody does who must know what is safe. The other is told nothing,
and would not notice a loss. Their order turns from pair to pair.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Any

from confluent_kafka import Producer

from benchmarks.declare import Found, Series
from benchmarks.harness import Harness
from benchmarks.spread import ratios, significant
from feeds.simulator import simulate
from schemas.catalog import RAW
from schemas.header import HEADER_KEY, Header, no_stamps, pack
from streams.kafka_client import LOGGER
from streams.kafka_writer import producer_settings
from streams.log import TopicSpec
from streams.publisher import Publisher

SESSION_S = 20.0
"""Of the simulator, whose messages are sent over and over."""
QUICK_SHARE = 8
SOURCE = "bench"
TS = 1_723_161_600_000_000_000


def run(harness: Harness, *, payloads: int) -> Found:
    """A round of each side a pair."""
    count = payloads // QUICK_SHARE if harness.quick else payloads
    messages = [(event.key, event.payload) for event in simulate(SESSION_S, 1)]
    sent = [messages[i % len(messages)] for i in range(count)]
    sides: dict[str, Callable[..., float]] = {
        "publisher": published,
        "bare": partial(produced, told=True),
        "untold": partial(produced, told=False),
    }
    taken: dict[str, list[float]] = {name: [] for name in sides}
    for n in range(harness.pairs + 1):
        for name in sorted(sides, reverse=n % 2 == 1):
            rate = count / sides[name](harness, sent, f"bench-{name}-{n}.")
            if n:  # the first pair warms the broker up
                taken[name].append(significant(rate))
        harness.say(f"pair {n} of {harness.pairs}")
    return Found(
        {
            "publisher to bare": Series(
                ratios(taken["publisher"], taken["bare"]), {s: taken[s] for s in ("publisher", "bare")}
            ),
            "publisher to untold": Series(ratios(taken["publisher"], taken["untold"])),
            "publisher": Series(taken["publisher"]),
            "bare": Series(taken["bare"]),
            "untold": Series(taken["untold"]),
        },
        {"payloads": count, "bytes a payload": round(sum(len(p) for _, p in messages) / len(messages))},
    )


class Delivered:
    """Counts what has arrived."""

    def __init__(self) -> None:
        self.count = 0

    def take(self, error: Any, _message: Any) -> None:
        """One delivery report."""
        self.count += error is None


def published(harness: Harness, sent: list[tuple[bytes, bytes]], namespace: str) -> float:
    """Seconds until all are acknowledged."""
    with Publisher(harness.log, SOURCE, namespace=namespace) as publisher:
        publisher.publish(b"", b"", TS)
        publisher.flush()  # connected, and its id given
        began = time.perf_counter()
        for key, payload in sent:
            publisher.publish(payload, key, TS)
        publisher.flush()
        seconds = time.perf_counter() - began
        if publisher.durable != (len(sent) + 1,):
            raise SystemExit(f"{publisher.durable} of {len(sent):,} payloads were acknowledged")
    return seconds


def produced(harness: Harness, sent: list[tuple[bytes, bytes]], namespace: str, *, told: bool) -> float:
    """The same by a bare producer; ``told``: of each delivery."""
    delivered = Delivered()
    more = {"on_delivery": delivered.take} if told else {}
    topic = f"{namespace}raw.{SOURCE}"
    harness.log.create([TopicSpec(topic)])
    header = pack(Header(schema=RAW.number, version=RAW.version, seq=0, time=TS, writer=SOURCE, stamps=no_stamps()))
    headers = [(HEADER_KEY, header)]
    producer = Producer(producer_settings(harness.broker.bootstrap), logger=LOGGER)
    producer.produce(topic, b"", b"", 0)
    producer.flush(60.0)  # connected, and its id given
    began = time.perf_counter()
    for key, payload in sent:
        while True:
            try:
                producer.produce(topic, payload, key, 0, headers=headers, **more)
                break
            except BufferError:
                producer.poll(0.05)
        producer.poll(0)
    left = producer.flush(60.0)
    seconds = time.perf_counter() - began
    if left or (told and delivered.count != len(sent)):
        raise SystemExit(f"{left:,} payloads were not acknowledged")
    return seconds
