"""Scans, and positions that are gone: the part of the log suite that recovery stands on."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

import pytest

from schemas.errors import SnapshotError
from streams.kafka import KafkaLog
from streams.log import Log, Record, TopicSpec
from streams.memory import MemoryLog

READ_S_MAX = 10.0


@pytest.fixture
def topic(log: Log, name: str) -> str:
    log.create([TopicSpec(name)])
    return name


@pytest.fixture
def remove_before(log: Log) -> Callable[[str, int], None]:
    """Removes the first records of partition 0 of a topic, as retention would."""

    def remove(topic: str, before: int) -> None:
        if isinstance(log, MemoryLog):
            log.truncate(topic, 0, before)
            return
        from confluent_kafka import TopicPartition
        from confluent_kafka.admin import AdminClient

        assert isinstance(log, KafkaLog)
        admin = AdminClient({"bootstrap.servers": log.bootstrap, "log_level": 0})
        for future in admin.delete_records([TopicPartition(topic, 0, before)]).values():
            future.result(READ_S_MAX)

    return remove


def read(log: Log, topic: str, start: int, n: int) -> list[Record]:
    """The next ``n`` records as an uncommitted reader sees them."""
    reader, deadline = log.reader({(topic, 0): start}), time.monotonic() + READ_S_MAX
    records: list[Record] = []
    while len(records) < n and time.monotonic() < deadline:
        records += reader.read(n - len(records), 1.0)
    assert len(records) == n
    return records


def values(records: Iterable[Record]) -> list[bytes]:
    return [r.value for r in records]


def test_a_scan_ends_where_the_log_ended_when_it_began(log: Log, topic: str) -> None:
    writer = log.writer(topic)
    writer.begin()
    writer.append(topic, 0, None, b"a", b"")
    writer.commit()
    writer.begin()
    writer.append(topic, 0, None, b"b", b"")
    read(log, topic, 0, 2)
    scanned = log.scan(topic, 0, 0, committed=False)
    writer.append(topic, 0, None, b"c", b"")
    writer.commit()
    assert values(scanned) == [b"a", b"b"]
    assert values(log.scan(topic, 0, 1, committed=True)) == [b"b", b"c"]


def test_a_committed_scan_stops_before_an_open_transaction(log: Log, topic: str) -> None:
    writer = log.writer(topic)
    writer.begin()
    writer.append(topic, 0, None, b"a", b"")
    writer.commit()
    writer.begin()
    writer.append(topic, 0, None, b"open", b"")
    read(log, topic, 0, 2)
    assert values(log.scan(topic, 0, 0, committed=True)) == [b"a"]


def test_a_removed_position_is_refused_and_never_reset(
    log: Log, topic: str, remove_before: Callable[[str, int], None]
) -> None:
    appender = log.appender()
    for i in range(10):
        appender.append(topic, 0, None, b"%d" % i, b"")
    appender.flush(READ_S_MAX)
    remove_before(topic, 4)
    assert log.bounds(topic, 0) == (4, 10)
    for gone in (0, 3, 11):
        with pytest.raises(SnapshotError, match="not in the log"):
            log.reader({(topic, 0): gone})
    assert values(read(log, topic, 4, 6)) == [b"%d" % i for i in range(4, 10)]
    assert values(log.scan(topic, 0, 0, committed=False)) == [b"%d" % i for i in range(4, 10)]
    with pytest.raises(SnapshotError, match="not in the log"):
        log.scan(topic, 0, 11, committed=False)
