"""The publisher: numbers without a gap, whatever happens to it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import pytest

import streams.kafka_writer
import streams.publisher
from schemas.catalog import END, RAW
from schemas.codec import decode
from schemas.control import End
from schemas.errors import BadPayload, ConfigError, DeliveryError, SnapshotError
from schemas.header import Header, pack, unpack
from streams.kafka import KafkaLog
from streams.log import Acknowledged, Log, Record, TopicSpec
from streams.memory import MemoryAppender, MemoryLog
from streams.publisher import Publisher, by_key

TS = 1_723_161_600_000_000_000


def published(log: Log, publisher: Publisher, partition: int = 0) -> list[tuple[Header, Record]]:
    records = log.scan(publisher.topic, partition, 0, committed=True)
    return [(unpack(r.header or b""), r) for r in records]


def numbers(log: Log, publisher: Publisher, partition: int = 0) -> list[int]:
    return [header.seq for header, _ in published(log, publisher, partition)]


def test_a_payload_arrives_untouched_with_its_number_and_times(log: Log, name: str) -> None:
    with Publisher(log, "venue", namespace=f"{name}.") as publisher:
        assert publisher.topic == f"{name}.raw.venue"
        assert publisher.publish(b'{"p":1}', "spot:BTCUSDT", TS, scheduled=TS + 5) == 0
    [(header, record)] = published(log, publisher)
    assert (record.key, record.value) == (b"spot:BTCUSDT", b'{"p":1}')
    assert (header.schema, header.version, header.writer) == (RAW.number, RAW.version, "venue")
    assert (header.seq, header.time, header.count, header.stamps.tolist()) == (0, TS, 1, [[TS + 5]])


def test_without_a_schedule_the_stamp_is_the_wall_clock(log: Log, name: str) -> None:
    before = time.time_ns()  # noqa: TID251  what the stamp is compared with
    with Publisher(log, "venue", namespace=f"{name}.") as publisher:
        publisher.publish(b"x", b"k", TS)
    [(header, _)] = published(log, publisher)
    assert before <= header.stamps[0, 0] <= before + 60_000_000_000


def test_a_payload_leaves_at_once_and_waits_for_no_other(log: Log, name: str) -> None:
    publisher = Publisher(log, "venue", namespace=f"{name}.")
    reader = log.reader({(publisher.topic, 0): 0})
    publisher.publish(b"alone", b"k", TS)
    assert [r.value for r in reader.read(10, 10.0)] == [b"alone"]
    publisher.close()


def test_numbers_go_on_where_the_last_publisher_ended(log: Log, name: str) -> None:
    for expected in (0, 3, 6):
        with Publisher(log, "venue", namespace=f"{name}.") as publisher:
            assert publisher.next_seq == expected
            assert [publisher.publish(b"x", b"k", TS) for _ in range(3)] == [expected, expected + 1, expected + 2]
    assert numbers(log, publisher) == list(range(9))


def test_the_last_number_is_found_behind_records_of_stock_producers(log: Log, name: str) -> None:
    with Publisher(log, "venue", namespace=f"{name}.") as publisher:
        publisher.publish(b"x", b"k", TS)
    appender = log.appender()
    for i in range(500):
        appender.append(publisher.topic, 0, b"k", b"%d" % i, b"not ours" if i % 2 else None)
    appender.flush(10)
    assert Publisher(log, "venue", namespace=f"{name}.").next_seq == 1


def test_acknowledgements_name_each_number_once_in_order(log: Log, name: str) -> None:
    ledger: list[int] = []
    with Publisher(log, "venue", namespace=f"{name}.", on_ack=ledger.append) as publisher:
        for _ in range(500):
            publisher.publish(b"x", b"k", TS)
    assert ledger == list(range(500))
    assert publisher.durable == (500,)


def test_each_partition_counts_for_itself_and_keys_stay_together(log: Log, name: str) -> None:
    keys = [b"key-%d" % i for i in range(8)]
    with Publisher(log, "venue", namespace=f"{name}.", partitions=3) as publisher:
        for key in keys * 2:
            publisher.publish(key, key, TS)
    for partition in range(3):
        mine = [key for key in keys if by_key(key, 3) == partition]
        assert [r.value for _, r in published(log, publisher, partition)] == mine * 2
        assert numbers(log, publisher, partition) == list(range(2 * len(mine)))
    again = Publisher(log, "venue", namespace=f"{name}.")
    assert again.next_seqs == publisher.next_seqs
    with pytest.raises(ConfigError, match="3 partitions"):
        _ = again.next_seq


def test_the_end_record_is_the_last_and_numbered_like_the_rest(log: Log, name: str) -> None:
    with Publisher(log, "venue", namespace=f"{name}.") as publisher:
        publisher.publish(b"x", b"k", TS)
        publisher.end("r1", TS, 1)
        with pytest.raises(ConfigError, match="the run has ended"):
            publisher.publish(b"late", b"k", TS)
    header, record = published(log, publisher)[-1]
    assert (header.schema, header.seq, header.time) == (END.number, 1, TS)
    assert decode(record.value, End) == End(run="r1", ts=TS, inputs=1)
    restarted = Publisher(log, "venue", namespace=f"{name}.")
    assert restarted.ended
    with pytest.raises(ConfigError, match="the run has ended"):
        restarted.publish(b"late", b"k", TS)


def test_a_payload_over_its_bound_is_refused_and_the_next_one_is_sent(
    log: Log, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams.publisher, "PAYLOAD_BYTES_MAX", 10)
    with Publisher(log, "venue", namespace=f"{name}.") as publisher:
        with pytest.raises(BadPayload, match="got 11 bytes"):
            publisher.publish(b"x" * 11, b"k", TS)
        assert publisher.publish(b"x" * 10, b"k", TS) == 0


def test_numbers_that_cannot_be_read_back_are_not_guessed(name: str) -> None:
    log = MemoryLog()
    with Publisher(log, "venue", namespace=f"{name}.") as publisher:
        publisher.publish(b"x", b"k", TS)
    log.truncate(publisher.topic, 0, 1)
    with pytest.raises(SnapshotError, match="cannot be read back"):
        Publisher(log, "venue", namespace=f"{name}.")


@pytest.mark.parametrize("source", ["", "a.b", "a b", "ä", "<source>"])
def test_a_source_that_is_no_topic_name_is_refused(source: str) -> None:
    with pytest.raises(ConfigError, match="not a source name"):
        Publisher(MemoryLog(), source)


class FailingLog(MemoryLog):
    """Loses the acknowledgement of the fifth record and everything after it."""

    def appender(self) -> Any:
        return FailingAppender(self)


class FailingAppender(MemoryAppender):
    def __init__(self, log: MemoryLog) -> None:
        super().__init__(log)
        self._sent = 0

    def append(
        self, topic: str, partition: int, key: bytes | None, value: bytes, header: bytes | None,
        acknowledged: Acknowledged | None = None, extra: Sequence[tuple[str, bytes]] = (),
    ) -> None:  # fmt: skip
        self._sent += 1
        if self._sent == 6:
            raise DeliveryError("a record was not acknowledged")
        super().append(topic, partition, key, value, header, acknowledged if self._sent < 5 else None, extra)

    def flush(self, timeout_s: float) -> int:
        super().flush(timeout_s)
        return 1 if self._sent >= 5 else 0


def test_after_a_failure_the_publisher_is_over_and_a_new_one_reads_back_what_was_durable() -> None:
    log, ledger = FailingLog(), list[int]()
    publisher = Publisher(log, "venue", on_ack=ledger.append)
    for _ in range(5):
        publisher.publish(b"x", b"k", TS)
    for _ in range(2):
        with pytest.raises(DeliveryError, match="not acknowledged"):
            publisher.publish(b"x", b"k", TS)
    publisher.close()
    assert ledger == [0, 1, 2, 3]
    assert Publisher(log, "venue").next_seq == 5


def test_what_stays_unacknowledged_is_said_when_the_publisher_closes() -> None:
    publisher = Publisher(FailingLog(), "venue")
    for _ in range(5):
        publisher.publish(b"x", b"k", TS)
    with pytest.raises(DeliveryError, match="1 payloads are not acknowledged"):
        publisher.close()


def test_a_publisher_whose_broker_goes_away_waits_within_its_bound_and_says_so(
    kafka: Any, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams.kafka_writer, "APPEND_S_MAX", 0.5)
    log = KafkaLog(kafka.bootstrap)
    log.create([TopicSpec(f"{name}.raw.venue")])
    appender_log = KafkaLog("127.0.0.1:1")
    monkeypatch.setattr(log, "appender", appender_log.appender)
    publisher = Publisher(log, "venue", namespace=f"{name}.")
    publisher.publish(b"x", b"k", TS)
    with pytest.raises(DeliveryError, match="broker away"):
        publisher.flush()
    with pytest.raises(DeliveryError, match="broker away"):
        publisher.publish(b"y", b"k", TS)
    publisher.close()
    assert Publisher(KafkaLog(kafka.bootstrap), "venue", namespace=f"{name}.").next_seq == 0
    log.close()
    appender_log.close()


def test_a_header_of_another_writer_is_not_counted(log: Log, name: str) -> None:
    log.create([TopicSpec(f"{name}.raw.venue")])
    appender = log.appender()
    other = pack(Header(schema=RAW.number, version=RAW.version, seq=99, time=TS, writer="other"))
    appender.append(f"{name}.raw.venue", 0, b"k", b"x", other)
    appender.flush(10)
    assert Publisher(log, "venue", namespace=f"{name}.").next_seq == 0
