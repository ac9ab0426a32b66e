"""The subscriber: what a user reads, decoded, of the run that is meant."""

from __future__ import annotations

import subprocess
import sys
import uuid
from itertools import islice

import numpy as np
import pytest

from schemas.catalog import CLOCK, END, RAW, TICK_SCHEMA, Schema
from schemas.clock import Clock
from schemas.codec import encode
from schemas.control import End
from schemas.document import Document
from schemas.errors import BadFrame, ConfigError
from schemas.header import Header, pack
from schemas.tick import TICK
from streams import Message, Publisher, Subscriber
from streams.frame import encode_rows
from streams.log import Log, TopicSpec

IDLE_S = 0.5


@pytest.fixture
def run() -> str:
    """A run id that is newer than any other test's."""
    return f"29991231t235959-{uuid.uuid4().hex[:8]}"


def header(schema: Schema, seq: int, count: int = 1, writer: str = "w") -> bytes:
    return pack(Header(schema=schema.number, version=schema.version, seq=seq, time=1, writer=writer, count=count))


def append(log: Log, topic: str, schema: Schema, *events: Document | bytes, seq: int = 0, writer: str = "w") -> None:
    """Append events as a plain producer, numbered from ``seq``."""
    appender = log.appender()
    for i, event in enumerate(events):
        value = encode(event) if isinstance(event, Document) else event
        appender.append(topic, 0, b"k", value, header(schema, seq + i, writer=writer))
    assert appender.flush(10) == 0


def append_rows(log: Log, topic: str, first: int, count: int) -> None:
    rows = np.zeros(count, TICK)
    rows["sequence"] = np.arange(first, first + count)
    appender = log.appender()
    appender.append(topic, 0, None, encode_rows(rows), header(TICK_SCHEMA, first, count))
    assert appender.flush(10) == 0


def sequences(messages: list[Message]) -> list[int]:
    return [int(n) for m in messages if m.rows is not None for n in m.rows["sequence"]]


def test_documents_come_validated_until_the_end_record(log: Log, run: str) -> None:
    topic = f"demo.{run}.clock"
    log.create([TopicSpec(topic)])
    append(log, topic, CLOCK, Clock(ts=1), Clock(ts=2))
    append(log, topic, END, End(run=run, ts=2, inputs=2), seq=2)
    with Subscriber("clock", log, run=run) as subscriber:
        messages = list(subscriber)
    assert [m.document for m in messages] == [Clock(ts=1), Clock(ts=2), End(run=run, ts=2, inputs=2)]
    assert [(m.topic, m.partition, m.offset, m.key) for m in messages] == [(topic, 0, i, b"k") for i in range(3)]
    assert [m.header.seq for m in messages if m.header] == [0, 1, 2]


def test_rows_come_as_arrays_and_payloads_as_bytes(log: Log, run: str) -> None:
    log.create([TopicSpec(f"demo.{run}.ticks.x"), TopicSpec(f"demo.{run}.raw.x")])
    append_rows(log, f"demo.{run}.ticks.x", 0, 5)
    append(log, f"demo.{run}.raw.x", RAW, b"as received")
    [ticks] = Subscriber("ticks.x", log, run=run, idle_s=IDLE_S)
    assert ticks.rows is not None
    assert ticks.rows.dtype == TICK
    assert ticks.rows["sequence"].tolist() == [0, 1, 2, 3, 4]
    [raw] = Subscriber("raw.x", log, run=run, idle_s=IDLE_S)
    assert (raw.payload, raw.document, raw.rows) == (b"as received", None, None)


def test_a_stock_producers_record_comes_as_a_payload_without_a_header(log: Log, run: str) -> None:
    topic = f"demo.{run}.raw.x"
    log.create([TopicSpec(topic)])
    appender = log.appender()
    appender.append(topic, 0, None, b"{}", None)
    appender.flush(10)
    [message] = Subscriber(topic, log, idle_s=IDLE_S)
    assert (message.header, message.payload, message.key) == (None, b"{}", None)


def test_the_newest_run_is_meant_unless_one_is_named(log: Log) -> None:
    run, old = (f"{day}t000000-{uuid.uuid4().hex[:8]}" for day in ("30000101", "20000101"))
    for each, ts in ((old, 1), (run, 2)):
        log.create([TopicSpec(f"demo.{each}.clock")])
        append(log, f"demo.{each}.clock", CLOCK, Clock(ts=ts))
    assert Subscriber("clock", log).topic == max(log.names("demo.30000101t"))
    assert [m.document for m in Subscriber("clock", log, run=old, idle_s=IDLE_S)] == [Clock(ts=1)]
    with pytest.raises(ConfigError, match="no such run"):
        Subscriber("clock", log, run="19990101t000000-none")
    with pytest.raises(ConfigError, match="no such topic"):
        Subscriber("orders", log, run=run)


def test_from_the_end_only_what_comes_from_now_on_is_read(log: Log, run: str) -> None:
    topic = f"demo.{run}.clock"
    log.create([TopicSpec(topic)])
    append(log, topic, CLOCK, Clock(ts=1))
    with Subscriber(topic, log, from_="end", idle_s=IDLE_S) as subscriber:
        append(log, topic, CLOCK, Clock(ts=2), seq=1)
        assert [m.document for m in subscriber] == [Clock(ts=2)]


def test_an_open_transaction_is_read_when_it_commits_or_at_once_if_asked_for(log: Log, run: str) -> None:
    topic = f"demo.{run}.clock"
    log.create([TopicSpec(topic)])
    writer = log.writer(topic)
    writer.begin()
    writer.append(topic, 0, None, encode(Clock(ts=1)), header(CLOCK, 0))
    assert [m.document for m in islice(Subscriber(topic, log, committed=False), 1)] == [Clock(ts=1)]
    assert list(Subscriber(topic, log, idle_s=IDLE_S)) == []
    writer.commit()
    assert [m.document for m in islice(Subscriber(topic, log), 1)] == [Clock(ts=1)]


def test_what_a_task_wrote_twice_is_read_once_though_framed_otherwise(log: Log, run: str) -> None:
    topic = f"demo.{run}.ticks.x"
    log.create([TopicSpec(topic)])
    for first, count in ((0, 4), (4, 2), (0, 3), (3, 5), (8, 1)):
        append_rows(log, topic, first, count)
    messages = list(Subscriber(topic, log, committed=False, idle_s=IDLE_S))
    assert sequences(messages) == list(range(9))


def test_two_writers_of_one_topic_are_told_apart(log: Log, run: str) -> None:
    topic = f"demo.{run}.clock"
    log.create([TopicSpec(topic)])
    append(log, topic, CLOCK, Clock(ts=1), writer="a")
    append(log, topic, CLOCK, Clock(ts=2), writer="b")
    append(log, topic, CLOCK, Clock(ts=1), writer="a")
    messages = Subscriber(topic, log, committed=False, idle_s=IDLE_S)
    assert [m.document for m in messages] == [Clock(ts=1), Clock(ts=2)]


def test_a_bad_record_is_refused_with_its_place_and_reading_goes_on_behind_it(log: Log, run: str) -> None:
    topic = f"demo.{run}.clock"
    log.create([TopicSpec(topic)])
    append(log, topic, CLOCK, Clock(ts=1), b'{"type":"clock","ts":"x"}', Clock(ts=3))
    subscriber = Subscriber(topic, log, idle_s=IDLE_S)
    iterator = iter(subscriber)
    assert next(iterator).document == Clock(ts=1)
    with pytest.raises(BadFrame, match=rf"{topic}\[0\]@1"):
        next(iterator)
    assert [m.document for m in subscriber] == [Clock(ts=3)]


def test_a_publishers_run_is_read_whole(log: Log, run: str) -> None:
    with Publisher(log, "x", namespace=f"demo.{run}.") as publisher:
        for i in range(2_500):
            publisher.publish(b"%d" % i, b"k", i)
        publisher.end(run, 2_499, 2_500)
    messages = list(Subscriber("raw.x", log, run=run))
    assert [m.payload for m in messages[:-1]] == [b"%d" % i for i in range(2_500)]
    assert messages[-1].document == End(run=run, ts=2_499, inputs=2_500)


def test_importing_streams_loads_no_kafka_client() -> None:
    program = "import sys, streams; assert not {'confluent_kafka', 'numpy', 'msgspec'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", program], check=True)
