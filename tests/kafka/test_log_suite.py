"""One suite for both logs: what the runner may rely on, wherever it runs."""

from __future__ import annotations

import time
from collections.abc import Sequence

import pytest

from schemas.errors import BrokerError, DeliveryError, Fenced
from streams.kafka import KafkaLog
from streams.log import Log, Reader, Record, TopicSpec

READ_S_MAX = 10.0
QUIET_S = 0.4
"""A record that is to come comes within milliseconds; what has not come by then is not coming."""


@pytest.fixture
def topic(log: Log, name: str) -> str:
    log.create([TopicSpec(name)])
    return name


def read(reader: Reader, n: int, records_max: int = 1000) -> list[Record]:
    """The next ``n`` records, and a failure when there are more or fewer."""
    records: list[Record] = []
    deadline = time.monotonic() + READ_S_MAX
    while len(records) < n and time.monotonic() < deadline:
        records += reader.read(min(records_max, n - len(records)), 1.0)
    assert len(records) == n
    return records


def rest(reader: Reader) -> list[bytes]:
    """Values of whatever still comes."""
    values: list[bytes] = []
    while records := reader.read(1000, QUIET_S):
        values += [r.value for r in records]
    return values


def values(records: Sequence[Record]) -> list[bytes]:
    return [r.value for r in records]


def start(*topics: str) -> dict[tuple[str, int], int]:
    return {(topic, 0): 0 for topic in topics}


# ---- topics ---------------------------------------------------------------------------------------------------------


def test_created_topics_are_listed_sorted_and_creating_them_again_changes_nothing(log: Log, name: str) -> None:
    log.create([TopicSpec(f"{name}.b", partitions=3), TopicSpec(f"{name}.a", compacted=True)])
    log.create([TopicSpec(f"{name}.b", partitions=1)])
    assert log.names(name) == [f"{name}.a", f"{name}.b"]
    assert (log.partitions(f"{name}.b"), log.partitions(f"{name}.a"), log.partitions(f"{name}.c")) == (3, 1, 0)


def test_a_new_partition_is_empty(log: Log, topic: str) -> None:
    assert log.bounds(topic, 0) == (0, 0)
    assert log.reader(start(topic)).read(10, 0.05) == []
    assert list(log.scan(topic, 0, 0, committed=False)) == []


def test_a_topic_or_partition_that_is_not_there_is_refused(log: Log, topic: str) -> None:
    for place in ((topic, 1), (f"{topic}.no", 0)):
        with pytest.raises(BrokerError, match="no such topic or partition"):
            log.bounds(*place)
        with pytest.raises(BrokerError, match="no such topic or partition"):
            log.reader({place: 0})


# ---- what is appended comes back ------------------------------------------------------------------------------------


def test_records_come_back_in_order_with_key_value_and_header(log: Log, topic: str) -> None:
    appender = log.appender()
    for i in range(3):
        appender.append(topic, 0, b"k%d" % i, b"v%d" % i, b"h%d" % i)
    assert appender.flush(READ_S_MAX) == 0
    records = read(log.reader(start(topic)), 3)
    assert [(r.topic, r.partition, r.offset, r.key, r.value, r.header) for r in records] == [
        (topic, 0, i, b"k%d" % i, b"v%d" % i, b"h%d" % i) for i in range(3)
    ]


def test_a_record_may_lack_key_and_header_and_be_empty(log: Log, topic: str) -> None:
    appender = log.appender()
    appender.append(topic, 0, None, b"", None)
    appender.append(topic, 0, b"", b"x", None, extra=[("traceparent", b"00-1-2-01")])
    appender.flush(READ_S_MAX)
    records = read(log.reader(start(topic)), 2)
    assert [(r.key, r.value, r.header) for r in records] == [(None, b"", None), (b"", b"x", None)]


def test_a_record_of_five_megabytes_comes_whole(log: Log, topic: str) -> None:
    value = bytes(range(256)) * 20_480
    appender, writer = log.appender(), log.writer(topic)
    appender.append(topic, 0, None, value, b"h")
    assert appender.flush(READ_S_MAX) == 0
    writer.begin()
    writer.append(topic, 0, None, value, b"h")
    writer.commit()
    assert [r.value == value for r in read(log.reader(start(topic), committed=True), 2)] == [True, True]


def test_a_read_returns_what_is_there_and_does_not_wait_for_more(log: Log, topic: str) -> None:
    appender, reader = log.appender(), log.reader(start(topic))
    appender.append(topic, 0, None, b"first", b"")
    appender.flush(READ_S_MAX)
    read(reader, 1)
    appender.append(topic, 0, None, b"second", b"")
    appender.flush(READ_S_MAX)
    began = time.monotonic()
    assert values(reader.read(1000, READ_S_MAX)) == [b"second"]
    assert time.monotonic() - began < READ_S_MAX / 2


@pytest.mark.parametrize("records_max", [1, 7, 1000])
def test_any_batching_reads_the_same_records_without_a_gap(log: Log, topic: str, records_max: int) -> None:
    writer, n = log.writer(topic), 3000
    for i in range(n):
        if i % 1000 == 0:
            writer.begin()
        writer.append(topic, 0, None, b"%d" % i, b"")
        if i % 1000 == 999:
            writer.commit()
    records = read(log.reader(start(topic)), n, records_max)
    assert values(records) == [b"%d" % i for i in range(n)]
    offsets = [r.offset for r in records]
    assert offsets == sorted(set(offsets))


def test_a_reader_starts_at_the_offset_it_is_given(log: Log, topic: str) -> None:
    appender = log.appender()
    for i in range(10):
        appender.append(topic, 0, None, b"%d" % i, b"")
    appender.flush(READ_S_MAX)
    assert values(read(log.reader({(topic, 0): 7}), 3)) == [b"7", b"8", b"9"]
    assert log.reader({(topic, 0): 10}).read(10, 0.05) == []


def test_two_readers_do_not_disturb_each_other(log: Log, topic: str) -> None:
    appender = log.appender()
    for i in range(10):
        appender.append(topic, 0, None, b"%d" % i, b"")
    appender.flush(READ_S_MAX)
    one, other = log.reader(start(topic)), log.reader(start(topic))
    assert values(read(one, 6)) == values(read(other, 6))
    assert values(read(one, 4)) == [b"6", b"7", b"8", b"9"]
    assert values(read(other, 4)) == [b"6", b"7", b"8", b"9"]


def test_a_reader_of_several_topics_starves_none(log: Log, name: str) -> None:
    busy, quiet, empty = (f"{name}.{kind}" for kind in ("busy", "quiet", "empty"))
    log.create([TopicSpec(t) for t in (busy, quiet, empty)])
    appender = log.appender()
    for _ in range(20_000):
        appender.append(busy, 0, None, b"x" * 1000, b"")
    appender.append(quiet, 0, None, b"heard", b"")
    assert appender.flush(READ_S_MAX) == 0
    reader = log.reader(start(busy, quiet, empty))
    seen = read(reader, 500)
    while seen[-1].topic != quiet:
        seen += read(reader, 1)
    assert len(seen) < 20_000


def test_partitions_of_one_topic_keep_their_own_offsets(log: Log, name: str) -> None:
    log.create([TopicSpec(name, partitions=2)])
    appender = log.appender()
    for i in range(4):
        appender.append(name, i % 2, None, b"%d" % i, b"")
    appender.flush(READ_S_MAX)
    records = read(log.reader({(name, 0): 0, (name, 1): 1}), 3)
    assert sorted((r.partition, r.offset, r.value) for r in records) == [(0, 0, b"0"), (0, 1, b"2"), (1, 1, b"3")]


def test_the_appender_reports_where_each_record_went(log: Log, topic: str) -> None:
    appender, places = log.appender(), []
    for i in range(5):
        appender.append(topic, 0, None, b"%d" % i, b"", lambda p, o: places.append((p, o)))
    assert appender.flush(READ_S_MAX) == 0
    assert places == [(0, i) for i in range(5)]


# ---- transactions ---------------------------------------------------------------------------------------------------


def test_an_open_transaction_is_visible_to_uncommitted_readers_only(log: Log, topic: str) -> None:
    writer = log.writer(topic)
    uncommitted, committed = log.reader(start(topic)), log.reader(start(topic), committed=True)
    writer.begin()
    writer.append(topic, 0, None, b"a", b"")
    assert values(read(uncommitted, 1)) == [b"a"]
    assert rest(committed) == []
    writer.commit()
    assert values(read(committed, 1)) == [b"a"]
    assert rest(uncommitted) == []


def test_a_committed_reader_does_not_pass_an_open_transaction(log: Log, topic: str) -> None:
    writer, other = log.writer(topic), log.appender()
    committed = log.reader(start(topic), committed=True)
    other.append(topic, 0, None, b"before", b"")
    other.flush(READ_S_MAX)
    writer.begin()
    writer.append(topic, 0, None, b"open", b"")
    assert values(read(log.reader(start(topic)), 2)) == [b"before", b"open"]
    other.append(topic, 0, None, b"behind", b"")
    other.flush(READ_S_MAX)
    assert values(read(committed, 1)) == [b"before"]
    assert rest(committed) == []
    writer.commit()
    assert values(read(committed, 2)) == [b"open", b"behind"]


def test_a_transaction_over_several_topics_commits_whole(log: Log, name: str) -> None:
    one, two = f"{name}.1", f"{name}.2"
    log.create([TopicSpec(one), TopicSpec(two)])
    writer, reader = log.writer(name), log.reader(start(one, two), committed=True)
    writer.begin()
    writer.append(one, 0, None, b"a", b"")
    writer.append(two, 0, None, b"b", b"")
    assert rest(reader) == []
    writer.commit()
    assert sorted(values(read(reader, 2))) == [b"a", b"b"]


def test_commits_leave_gaps_in_the_offsets(log: Log, topic: str) -> None:
    writer = log.writer(topic)
    for value in (b"a", b"b"):
        writer.begin()
        writer.append(topic, 0, None, value, b"")
        writer.commit()
    assert [r.offset for r in read(log.reader(start(topic)), 2)] == [0, 2]
    assert log.bounds(topic, 0) == (0, 4)


def test_an_empty_transaction_commits_and_leaves_nothing(log: Log, topic: str) -> None:
    writer = log.writer(topic)
    writer.begin()
    writer.commit()
    assert log.bounds(topic, 0) == (0, 0)


def test_appending_outside_of_a_transaction_is_refused(log: Log, topic: str) -> None:
    with pytest.raises(DeliveryError):
        log.writer(topic).append(topic, 0, None, b"", b"")


def test_a_writer_knows_how_far_its_records_are_acknowledged(log: Log, topic: str) -> None:
    writer = log.writer(topic)
    assert writer.delivered(topic, 0) == -1
    writer.begin()
    for _ in range(3):
        writer.append(topic, 0, None, b"a", b"")
    writer.commit()
    assert writer.delivered(topic, 0) == 2


def test_a_failed_record_ends_the_writer(log: Log, topic: str) -> None:
    writer = log.writer(topic)
    writer.begin()
    with pytest.raises(DeliveryError):  # noqa: PT012  memory refuses the append, Kafka the commit
        writer.append(topic, 7, None, b"nowhere", b"")
        writer.commit()
    if isinstance(log, KafkaLog):
        with pytest.raises(DeliveryError):
            writer.begin()


# ---- taking over ----------------------------------------------------------------------------------------------------


def test_taking_over_aborts_what_the_former_holder_left_open(log: Log, topic: str) -> None:
    former = log.writer(topic)
    former.begin()
    former.append(topic, 0, None, b"lost", b"")
    read(log.reader(start(topic)), 1)
    successor = log.writer(topic)
    successor.begin()
    successor.append(topic, 0, None, b"kept", b"")
    successor.commit()
    assert values(read(log.reader(start(topic), committed=True), 1)) == [b"kept"]
    uncommitted = read(log.reader(start(topic)), 2)
    assert [(r.offset, r.value) for r in uncommitted] == [(0, b"lost"), (2, b"kept")]


def test_a_former_holder_is_fenced_and_nothing_it_appends_is_seen(log: Log, topic: str) -> None:
    former = log.writer(topic)
    former.begin()
    former.append(topic, 0, None, b"lost", b"")
    read(log.reader(start(topic)), 1)
    log.writer(topic)
    with pytest.raises(Fenced):  # noqa: PT012  which call is the first to hear of it is the log's affair
        former.append(topic, 0, None, b"too late", b"")
        former.commit()
    for call in (former.begin, former.serve, former.commit):
        with pytest.raises(Fenced):
            call()
    assert values(list(log.scan(topic, 0, 0, committed=False))) == [b"lost"]
    assert list(log.scan(topic, 0, 0, committed=True)) == []


def test_a_former_holder_without_an_open_transaction_is_fenced_too(log: Log, topic: str) -> None:
    former = log.writer(topic)
    log.writer(topic)
    with pytest.raises(Fenced):  # noqa: PT012  as above
        former.begin()
        former.append(topic, 0, None, b"too late", b"")
        former.commit()
    assert list(log.scan(topic, 0, 0, committed=False)) == []


def test_different_ids_write_side_by_side(log: Log, topic: str) -> None:
    one, two = log.writer(f"{topic}.1"), log.writer(f"{topic}.2")
    one.begin()
    two.begin()
    one.append(topic, 0, None, b"1", b"")
    read(log.reader(start(topic)), 1)
    two.append(topic, 0, None, b"2", b"")
    two.commit()
    committed = log.reader(start(topic), committed=True)
    assert rest(committed) == []
    one.commit()
    assert values(read(committed, 2)) == [b"1", b"2"]


def test_committed_readers_skip_many_aborted_transactions(log: Log, topic: str) -> None:
    keeper = log.writer(f"{topic}.keeper")
    for i in range(3):
        loser = log.writer(f"{topic}.loser")
        loser.begin()
        for _ in range(50):
            loser.append(topic, 0, None, b"lost", b"")
        read(log.reader({(topic, 0): i * 53}), 50)
        log.writer(f"{topic}.loser")
        keeper.begin()
        keeper.append(topic, 0, None, b"%d" % i, b"")
        keeper.commit()
    assert values(read(log.reader(start(topic), committed=True), 3)) == [b"0", b"1", b"2"]
    assert len(list(log.scan(topic, 0, 0, committed=False))) == 153
