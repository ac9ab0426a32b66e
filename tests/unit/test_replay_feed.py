"""A replay's feed that dies and comes back, and what it is asked to do."""

from __future__ import annotations

from typing import Any

import pytest

from replay.plan import PlayPlan
from replay.recording import RAW_TOPIC, Recording
from replay.replay_feed import ReplayFeed, merged
from replay.replay_what import time_ns
from replay.stress import Injected, Stress, check_line
from schemas.catalog import END, RAW
from schemas.errors import ConfigError, DeliveryError
from schemas.header import Header, pack, unpack
from streams.log import TopicSpec
from streams.memory import MemoryAppender, MemoryLog

COUNT = 100
TOPIC = "replay.x.raw.simulator"


def recording() -> Recording:
    """Two partitions that were fed in turns."""
    log = MemoryLog()
    log.create([TopicSpec("raw.simulator", 2), TopicSpec(TOPIC, 2)])
    for n in range(2 * COUNT):
        header = Header(schema=RAW.number, version=1, seq=n // 2, time=10**18 + n, writer="simulator")
        log.appender().append("raw.simulator", n % 2, b"", b"%d" % n, pack(header))
    return Recording(log, "", PlayPlan(run="r").opening(), (), {0: 0, 1: 0}, {0: COUNT, 1: COUNT}, {})


def feed_of(one: Recording) -> ReplayFeed:
    return ReplayFeed(one.log, one, "replay.x.", RAW_TOPIC, run="x", speed=0.0, origin_ns=0)


def sent(one: Recording, **taken: int) -> None:
    """What the broker had taken, by partition, when the first life was killed."""
    for due in merged(one, RAW_TOPIC):
        if taken[f"p{due.partition}"]:
            taken[f"p{due.partition}"] -= 1
            one.log.appender().append(TOPIC, due.partition, b"", due.record.value, due.record.header)


def numbers(one: Recording, partition: int) -> tuple[list[int], list[int]]:
    """Numbers of the payloads, and of the end records."""
    headers = [unpack(r.header) for r in one.log.scan(TOPIC, partition, 0, committed=True) if r.header]
    return [h.seq for h in headers if h.schema != END.number], [h.seq for h in headers if h.schema == END.number]


@pytest.mark.parametrize(("p0", "p1"), [(50, 30), (0, 100), (100, 100), (3, 0), (0, 0)])
def test_a_feed_that_was_killed_goes_on_in_each_partition_where_it_stopped(p0: int, p1: int) -> None:
    one = recording()
    sent(one, p0=p0, p1=p1)
    feed = feed_of(one)
    while not feed.done:
        feed.turn(0.0)
    assert [numbers(one, p) for p in (0, 1)] == [(list(range(COUNT)), [COUNT])] * 2
    assert feed.sent == 2 * COUNT


def test_a_feed_that_comes_back_and_is_stopped_counts_all_that_is_there() -> None:
    one = recording()
    sent(one, p0=10, p1=40)
    feed = feed_of(one)
    feed.stop()
    feed.turn(0.0)
    assert [numbers(one, p) for p in (0, 1)] == [(list(range(10)), [10]), (list(range(40)), [40])]
    assert feed.sent == 50


def test_a_feed_whose_records_are_not_acknowledged_is_not_done(monkeypatch: pytest.MonkeyPatch) -> None:
    feed = feed_of(recording())

    def left(*_: Any) -> int:
        return 3

    monkeypatch.setattr(MemoryAppender, "flush", left)
    feed.stop()
    with pytest.raises(DeliveryError, match="3 records are not acknowledged") as refused:
        feed.turn(0.0)
    assert refused.value.kind == "delivery.unacknowledged"
    assert not feed.done


def test_frames_of_ticks_are_not_put_under_one_anothers_headers() -> None:
    check_line(Stress((Injected("reorder", 0),)), "raw")
    check_line(Stress((Injected("gap", 0),)), "ticks")
    with pytest.raises(ConfigError, match="cannot come in another order"):
        check_line(Stress((Injected("reorder", 0),)), "ticks")


@pytest.mark.parametrize("millis", [0, 1, 400, 500, 700, 999])
def test_a_fraction_of_a_second_stays_within_it(millis: int) -> None:
    whole, part = time_ns("2026-11-23T14:30:00", "--from"), time_ns(f"2026-11-23T14:30:00.{millis:03}", "--from")
    assert whole is not None
    assert part == whole + millis * 1_000_000
