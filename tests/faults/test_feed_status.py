"""What became of a source's payloads, told from the log alone: whole, in parts, and of one payload by its place."""

from __future__ import annotations

from typing import Any

import pytest

from operations.feed_status import FeedStatus
from operations.record_fate import fate_of
from operations.retries import retry
from schemas.catalog import RAW as RAW_SCHEMA
from schemas.errors import ConfigError
from schemas.header import Header, pack
from tests.refused_world import RAW, SOURCE, TICKS, Life, World, events


def world_of(number: int = 60, bad: tuple[int, ...] = (3, 10, 17)) -> World:
    world = World()
    world.feed(bad, number)
    return world


def told(world: World, last: int = 0) -> dict[str, Any]:
    return FeedStatus(world.log, SOURCE, last).look()


def test_before_anybody_has_normalised_everything_waits() -> None:
    found = told(world_of())
    assert (found["received"], found["accepted"], found["rejected"], found["waiting"]) == (60, 0, 0, 60)
    assert (found["gaps"], found["skew_ms"], found["last_tick"]) == (None, None, 0)


def test_accepted_and_rejected_add_up_and_each_reason_names_its_places() -> None:
    world = world_of()
    Life(world).run()
    found = told(world)
    assert (found["received"], found["accepted"], found["rejected"], found["waiting"]) == (60, 57, 3, 0)
    assert found["by_reason"] == {
        "bad_payload.not_finite": {"count": 2, "places": [
            {"input": f"{RAW}[0]@17", "letter": "2"}, {"input": f"{RAW}[0]@3", "letter": "0"},
        ]},
        "bad_payload.other_symbol": {"count": 1, "places": [{"input": f"{RAW}[0]@10", "letter": "1"}]},
    }  # fmt: skip
    assert found["gaps"] is not None
    assert found["last_ts_recv"] == events()[59].ts_recv
    assert found["skew_ms"] is not None
    assert found["publishers"]["0"]["at_once"] == 0


def test_a_look_goes_on_where_the_last_one_ended_and_comes_to_the_same() -> None:
    world = World()
    followed = None
    for part in range(3):
        world.feed((part,), 20)
        Life(world).run()
        followed = followed or FeedStatus(world.log, SOURCE, 0)
        latest = followed.look()
    assert latest == told(world)
    assert (latest["received"], latest["rejected"]) == (60, 3)


def test_the_newest_alone_are_looked_at_where_so_many_are_asked_for() -> None:
    world = world_of()
    Life(world).run()
    found = told(world, last=45)
    assert (found["since"], found["received"], found["rejected"]) == ({"0": 15}, 45, 1)


def test_two_publishers_at_once_are_seen_and_one_after_another_are_not() -> None:
    world = world_of(4, ())
    world.feed((), 4)
    assert told(world)["publishers"]["0"] | {"newest": 0} == {"newest": 0, "seen": 2, "at_once": 0}
    for i in range(6):
        header = Header(
            schema=RAW_SCHEMA.number, version=1, seq=8 + i, time=events()[0].ts_recv, writer=SOURCE, cause=7 + i % 2
        )
        world.log.appender().append(RAW, 0, b"k", b"{}", pack(header))
    assert told(world)["publishers"]["0"] == {"newest": 8, "seen": 4, "at_once": 2}


def test_what_was_put_back_counts_again_and_is_named() -> None:
    world = world_of()
    Life(world).run()
    retry(world.log, "", world.filed, most=None, named=True, again=False, author="a", reason="r")
    Life(world).run()
    found = told(world)
    assert (found["received"], found["put_back"], found["rejected"]) == (63, 3, 6)


def test_one_payload_is_acknowledged_by_its_place() -> None:
    world = world_of()
    assert fate_of(world.log, SOURCE, 0, 5)["became"] == "waiting"
    Life(world).run()
    rejected = fate_of(world.log, SOURCE, 0, 10)
    assert (rejected["became"], rejected["letter"]) == ("rejected", "1")
    gave = {seq for seq, _ in world.ticks()}
    fates = [fate_of(world.log, SOURCE, 0, at)["became"] for at in range(60) if at not in (3, 10, 17)]
    expected = ["accepted" if at in gave else "without_ticks" for at in range(60) if at not in (3, 10, 17)]
    assert fates == expected
    assert set(expected) == {"accepted", "without_ticks"}
    assert world.log.partitions(TICKS) == 1


def test_a_source_or_payload_that_is_not_there_is_named() -> None:
    world = world_of()
    with pytest.raises(ConfigError, match="no such source"):
        FeedStatus(world.log, "acme")
    with pytest.raises(ConfigError, match="no such payload"):
        fate_of(world.log, SOURCE, 0, 60)
    with pytest.raises(ConfigError, match="no such payload"):
        fate_of(world.log, SOURCE, 1, 0)
