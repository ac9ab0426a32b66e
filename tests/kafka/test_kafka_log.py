"""What only a real broker shows: dead processes, refusing ports, other clients."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import streams.kafka_writer
from schemas.errors import BrokerError, DeliveryError, SnapshotError
from schemas.header import HEADER_KEY
from streams.kafka import KafkaLog, connect
from streams.kafka_reader import KafkaReader
from streams.log import TopicSpec

REPOSITORY = Path(__file__).resolve().parents[2]

NOBODY = "127.0.0.1:1"
"""A port on which nothing listens."""


@pytest.fixture
def log(kafka: Any) -> Iterator[KafkaLog]:
    kafka_log = connect(kafka.bootstrap)
    yield kafka_log
    kafka_log.close()


@pytest.fixture
def topic(log: KafkaLog, name: str) -> str:
    log.create([TopicSpec(name)])
    return name


def threads() -> int:
    return len(os.listdir("/proc/self/task"))


def test_a_killed_writers_open_transaction_is_aborted_by_its_successor(log: KafkaLog, topic: str) -> None:
    program = textwrap.dedent(f"""
        import time
        from streams.kafka import connect
        writer = connect({log.bootstrap!r}).writer({topic!r})
        writer.begin()
        writer.append({topic!r}, 0, None, b"kept", b"")
        writer.commit()
        writer.begin()
        for i in range(100):
            writer.append({topic!r}, 0, None, b"lost", b"")
        while writer.delivered({topic!r}, 0) < 50:
            writer.serve()
        print("open", flush=True)
        time.sleep(60)
    """)
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, cwd=REPOSITORY) as victim:
        assert victim.stdout is not None
        assert victim.stdout.readline() == b"open\n"
        victim.send_signal(signal.SIGKILL)
    assert [r.value for r in log.scan(topic, 0, 0, committed=True)] == [b"kept"]
    successor = log.writer(topic)
    successor.begin()
    successor.append(topic, 0, None, b"next", b"")
    successor.commit()
    assert [r.value for r in log.scan(topic, 0, 0, committed=True)] == [b"kept", b"next"]
    left = [r.value for r in log.scan(topic, 0, 0, committed=False)]
    assert left[0] == b"kept"
    assert left[-1] == b"next"
    assert set(left[1:-1]) == {b"lost"}


def test_other_clients_read_the_packed_header_and_the_extra_ones(log: KafkaLog, topic: str) -> None:
    from confluent_kafka import Consumer, TopicPartition

    appender = log.appender()
    appender.append(topic, 0, b"k", b"v", b"packed", extra=[("traceparent", b"00-a-b-01")])
    appender.flush(10)
    consumer = Consumer({"bootstrap.servers": log.bootstrap, "group.id": topic})
    consumer.assign([TopicPartition(topic, 0, 0)])
    message = consumer.poll(10)
    consumer.close()
    assert message is not None
    assert message.headers() == [(HEADER_KEY, b"packed"), ("traceparent", b"00-a-b-01")]


def test_a_position_that_vanishes_after_the_check_stops_the_reader(log: KafkaLog, topic: str) -> None:
    reader = KafkaReader(log.bootstrap, {(topic, 0): 50}, committed=False)
    with pytest.raises(SnapshotError, match=rf"{topic}\[0\]") as refused:  # noqa: PT012  the answer takes a while
        for _ in range(100):
            reader.read(10, 0.1)
    assert "_AUTO_OFFSET_RESET" in refused.value.got
    reader.close()


def test_thirteen_topics_that_were_created_can_be_read_at_once(log: KafkaLog, name: str) -> None:
    log.create([TopicSpec(f"{name}.{i}") for i in range(13)])
    assert log.reader({(f"{name}.{i}", 0): 0 for i in range(13)}).read(10, 0.05) == []


def test_nobody_listening_is_said_within_the_bound_with_what_to_do() -> None:
    began = time.monotonic()
    with pytest.raises(BrokerError, match="broker away") as refused:
        connect(NOBODY, timeout_s=1.0)
    assert time.monotonic() - began < 5.0
    assert refused.value.where == NOBODY
    assert "tapedeck broker up" in refused.value.fix


def test_an_appender_whose_broker_is_away_waits_within_its_bound_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams.kafka_writer, "APPEND_S_MAX", 1.0)
    log = KafkaLog(NOBODY)
    appender = log.appender()
    appender.append("t", 0, None, b"x", b"")
    with pytest.raises(DeliveryError, match="broker away"):
        appender.flush(10.0)
    with pytest.raises(DeliveryError, match="broker away"):
        appender.append("t", 0, None, b"x", b"")
    log.close()


def test_a_full_queue_blocks_up_to_its_bound_and_then_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams.kafka_writer, "QUEUE_RECORDS_MAX", 10)
    appender = KafkaLog(NOBODY).appender()
    monkeypatch.setattr(streams.kafka_writer, "APPEND_S_MAX", 0.3)
    for _ in range(10):
        appender.append("t", 0, None, b"x", b"")
    with pytest.raises(DeliveryError, match="no room in its queue"):
        appender.append("t", 0, None, b"x", b"")
    appender.close()


def test_a_writer_that_cannot_reach_its_broker_says_so_within_its_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams.kafka_writer, "TAKEOVER_S_MAX", 0.5)
    with pytest.raises(BrokerError, match="cannot take the transactional id over"):
        KafkaLog(NOBODY).writer("t")


def test_closing_is_quick_and_leaves_no_thread_behind(log: KafkaLog, topic: str) -> None:
    before = threads()
    writer, reader, appender = log.writer(topic), log.reader({(topic, 0): 0}), log.appender()
    writer.begin()
    writer.append(topic, 0, None, b"open", b"")
    appender.append(topic, 0, None, b"x", b"")
    reader.read(10, 1.0)
    began = time.monotonic()
    for opened in (writer, reader, appender):
        opened.close()
    assert time.monotonic() - began < 0.5
    deadline = time.monotonic() + 5.0
    while threads() > before and time.monotonic() < deadline:
        time.sleep(0.01)
    assert threads() <= before
    with pytest.raises(DeliveryError, match="closed"):
        writer.begin()


def test_nothing_is_written_to_stderr_when_the_broker_is_away(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(BrokerError):
        connect(NOBODY, timeout_s=0.5)
    assert capfd.readouterr().err == ""
