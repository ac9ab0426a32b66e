"""The Publisher beside a bare confluent-kafka producer of the same bytes: flat out, from first to last acknowledgement.

The bare producer has the Publisher's settings, sends the same keys, values and headers of the same length, and asks for
no delivery reports: it is what a stock client costs that numbers nothing and is told nothing. Which of the two goes
first alternates.
"""

from __future__ import annotations

import time

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
    sides = {"publisher": published, "bare": produced}
    taken: dict[str, list[float]] = {name: [] for name in sides}
    for n in range(harness.pairs + 1):
        for name in sorted(sides, reverse=n % 2 == 1):
            rate = count / sides[name](harness, sent, f"bench-{name}-{n}.")
            if n:  # the first pair warms the broker up
                taken[name].append(significant(rate))
        harness.say(f"pair {n} of {harness.pairs}")
    return Found(
        {
            "publisher to bare": Series(ratios(taken["publisher"], taken["bare"]), taken),
            "publisher": Series(taken["publisher"]),
            "bare": Series(taken["bare"]),
        },
        {"payloads": count, "bytes a payload": round(sum(len(p) for _, p in messages) / len(messages))},
    )


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


def produced(harness: Harness, sent: list[tuple[bytes, bytes]], namespace: str) -> float:
    """The same by a bare producer."""
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
                producer.produce(topic, payload, key, 0, headers=headers)
                break
            except BufferError:
                producer.poll(0.05)
        producer.poll(0)
    left = producer.flush(60.0)
    seconds = time.perf_counter() - began
    if left:
        raise SystemExit(f"{left:,} payloads were not acknowledged")
    return seconds
