"""The memory log where it is more than Kafka: removal at will, and records by the million."""

from __future__ import annotations

import time

import pytest

from schemas.errors import BrokerError, DeliveryError, SnapshotError
from streams.log import Log, TopicSpec
from streams.memory import MemoryLog

T = ("t", 0)


@pytest.fixture
def log() -> MemoryLog:
    memory = MemoryLog()
    memory.create([TopicSpec("t")])
    return memory


def test_it_is_a_log() -> None:
    log: Log = MemoryLog()
    assert log.names() == []


def test_a_reader_whose_next_record_is_removed_stops(log: MemoryLog) -> None:
    appender, reader = log.appender(), log.reader({T: 0})
    for _ in range(5):
        appender.append("t", 0, None, b"x", b"")
    assert len(reader.read(2, 0)) == 2
    log.truncate("t", 0, 2)
    assert len(reader.read(1, 0)) == 1
    log.truncate("t", 0, 4)
    with pytest.raises(SnapshotError, match=r"t\[0\].*got 3; allowed: 4 to 5"):
        reader.read(1, 0)


def test_removal_inside_of_a_transaction_hides_nothing_else(log: MemoryLog) -> None:
    writer, other = log.writer("w"), log.appender()
    writer.begin()
    for i in range(6):
        writer.append("t", 0, None, b"%d" % i, b"")
        other.append("t", 0, None, b"o", b"")
    log.truncate("t", 0, 5)
    committed = log.reader({T: 5}, committed=True)
    assert committed.read(10, 0) == []
    writer.commit()
    assert [r.value for r in committed.read(10, 0)] == [b"o", b"3", b"o", b"4", b"o", b"5", b"o"]


def test_interleaved_transactions_commit_and_abort_each_its_own_records(log: MemoryLog) -> None:
    one, two = log.writer("1"), log.writer("2")
    one.begin()
    two.begin()
    for _ in range(3):
        one.append("t", 0, None, b"1", b"")
        two.append("t", 0, None, b"2", b"")
    log.writer("1")
    committed = log.reader({T: 0}, committed=True)
    assert committed.read(10, 0) == []
    two.commit()
    assert [(r.offset, r.value) for r in committed.read(10, 0)] == [(1, b"2"), (3, b"2"), (5, b"2")]
    assert log.bounds("t", 0) == (0, 8)


def test_acknowledgements_come_with_a_later_call_as_they_do_on_kafka(log: MemoryLog) -> None:
    appender, offsets = log.appender(), list[int]()
    appender.append("t", 0, None, b"x", b"", lambda _, offset: offsets.append(offset))
    assert offsets == []
    assert appender.flush(0) == 0
    assert offsets == [0]


def test_what_is_not_there_is_refused_as_on_kafka(log: MemoryLog) -> None:
    writer = log.writer("w")
    writer.begin()
    with pytest.raises(DeliveryError, match="no such topic or partition"):
        writer.append("u", 0, None, b"", b"")
    with pytest.raises(DeliveryError, match="open already"):
        writer.begin()
    with pytest.raises(BrokerError):
        log.truncate("u", 0, 1)


def test_skipping_what_was_aborted_costs_next_to_nothing(log: MemoryLog) -> None:
    for _ in range(2):
        loser = log.writer("w")
        loser.begin()
        for _ in range(100_000):
            loser.append("t", 0, None, b"", b"")
    log.writer("w")
    log.appender().append("t", 0, None, b"kept", b"")
    reader = log.reader({T: 0}, committed=True)
    began = time.perf_counter()
    assert [r.value for r in reader.read(256, 0)] == [b"kept"]
    assert time.perf_counter() - began < 0.1
