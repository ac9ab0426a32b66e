"""What must not pass unnoticed at the door: two publishers under one name, too large a payload, a future version."""

from __future__ import annotations

import pytest

import streams.dead_letters
from operations.letters import Filed, whole
from operations.retries import Done, retry
from schemas.catalog import RAW as RAW_SCHEMA
from schemas.errors import Fenced
from schemas.header import Header, pack, unpack
from streams.admission import schemas_of
from streams.inputs import Input
from streams.kafka_client import RECORD_BYTES_MAX
from streams.log import TopicSpec
from streams.memory import MemoryLog
from streams.publisher import Publisher
from tests.refused_world import BAD, RAW, SOURCE, Life, World, events

KEY = "spot:BTCUSDT"


def put_back(world: World) -> Done:
    return retry(
        world.log, "", world.filed, most=None, named=True, again=False, author="j.doe", reason="one of them was ended"
    )


def interleaved(world: World, each: int) -> None:
    """Two publishers that number alike, as none has been told of the other yet."""
    for i, event in enumerate(events()[: 2 * each]):
        put(world, event.payload, key=event.key, seq=i // 2, session=5 + i % 2)


def put(
    world: World, value: bytes, *, version: int = RAW_SCHEMA.version, seq: int = 0, session: int = 5,
    key: bytes = KEY.encode(),
) -> None:  # fmt: skip
    header = Header(
        schema=RAW_SCHEMA.number, version=version, seq=seq, time=events()[0].ts_recv, writer=SOURCE, cause=session
    )
    world.log.appender().append(RAW, 0, key, value, pack(header))


def kinds(world: World) -> list[str]:
    return [filed.letter.kind for filed in world.filed()]


def test_of_two_publishers_under_one_name_the_later_goes_on_and_the_earlier_is_told() -> None:
    log = MemoryLog()
    first, second = Publisher(log, "acme"), Publisher(log, "acme")
    first.publish(b"1", KEY, 1)
    first.flush()
    second.publish(b"2", KEY, 1)
    first.publish(b"3", KEY, 1)
    first.flush()  # tells it that somebody has written in between
    with pytest.raises(Fenced, match="opened later writes under the same source name") as told:
        first.publish(b"4", KEY, 1)
    assert (told.value.kind, told.value.where) == ("fenced.publisher", "raw.acme[0]@1")
    with pytest.raises(Fenced):
        first.publish(b"5", KEY, 1)
    second.publish(b"6", KEY, 1)
    second.flush()
    second.publish(b"7", KEY, 1)
    second.close()
    numbers = [unpack(record.header or b"").seq for record in log.scan("raw.acme", 0, 0, committed=True)]
    assert numbers == [0, 0, 1, 1, 2]


def test_a_publisher_that_follows_another_is_no_second_one() -> None:
    log = MemoryLog()
    for value in (b"1", b"2", b"3"):
        with Publisher(log, "acme") as publisher:
            publisher.publish(value, KEY, 1)
            publisher.publish(value, KEY, 1)
    assert [unpack(r.header or b"").seq for r in log.scan("raw.acme", 0, 0, committed=True)] == list(range(6))


def test_stock_producers_beside_a_publisher_do_not_end_it() -> None:
    log = MemoryLog()
    with Publisher(log, "acme") as publisher:
        for value in (b"1", b"2", b"3"):
            publisher.publish(value, KEY, 1)
            log.appender().append("raw.acme", 0, KEY.encode(), value, None)
            publisher.flush()
    assert publisher.durable == (3,)


def test_what_both_have_numbered_alike_is_refused_whole_and_none_is_lost_when_it_is_put_back() -> None:
    world = World()
    interleaved(world, 10)
    Life(world).run()
    assert kinds(world) == ["bad_payload.second_publisher"] * 10
    letter = world.filed()[0].letter
    assert "a second publisher under one source name has used this number" in letter.reason
    assert [filed.payload for filed in world.filed()] == [event.payload for event in events()[1:20:2]]
    before = world.position()
    assert sum(put.retry.letters != [] for put, _ in put_back(world).sent) == 1
    Life(world).run()
    assert world.position() == before + 10
    assert len(world.filed()) == 10


@pytest.mark.parametrize("seed", range(6))
def test_killed_anywhere_the_same_numbers_are_refused(seed: int) -> None:
    world = World()
    interleaved(world, 30)
    Life(world, seed=seed, kills={"any": 0.1}).run()
    assert kinds(world) == ["bad_payload.second_publisher"] * 30
    assert world.letter_seqs() == list(range(30))


def test_a_repeat_by_a_publisher_that_names_no_session_is_dropped_as_ever() -> None:
    world = World()
    for _time in range(2):
        put(world, events()[0].payload, session=0)
    Life(world).run()
    assert world.filed() == []


def test_a_payload_of_a_newer_build_is_refused_in_one_line_and_can_be_put_back() -> None:
    world = World()
    put(world, BAD, version=RAW_SCHEMA.version + 1)
    Life(world).run()
    (filed,) = world.filed()
    assert filed.letter.kind == "bad_frame.schema_future"
    assert "a payload by a publisher of a newer build; got 1/2; allowed: " in filed.letter.reason
    assert put_back(world).sent
    Life(world).run()
    assert kinds(world) == ["bad_frame.schema_future", "bad_payload.not_finite"]


def test_a_payload_too_long_for_a_letter_stays_where_it_lies_and_is_put_back_whole(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert streams.dead_letters.LETTER_BYTES_MAX < RECORD_BYTES_MAX
    monkeypatch.setattr(streams.dead_letters, "LETTER_BYTES_MAX", 4_000)
    world = World()
    long = BAD + b" " * 5_000
    put(world, long)
    Life(world).run()
    (filed,) = world.filed()
    assert isinstance(filed, Filed)
    assert filed.letter.payload == ""
    assert f"its {len(long)} bytes are too many for a letter, and stay whole where they lie" in filed.letter.reason
    assert whole(world.log, filed) == long
    put_back(world)
    assert list(world.log.scan(RAW, 0, 0, committed=True))[-1].value == long


def test_in_a_play_run_a_second_feed_repeats_what_the_first_has_sent_and_is_dropped() -> None:
    log = MemoryLog()
    log.create([TopicSpec("raw.x")])
    for session in (5, 6):
        header = Header(schema=RAW_SCHEMA.number, version=1, seq=0, time=1, writer="x", cause=session)
        log.appender().append("raw.x", 0, b"k", b"{}", pack(header))
    taken = []
    for sole in (False, True):
        source = Input(log, "raw.x", 0, source="x", gapless=False, accepts=schemas_of("raw.<source>"), sole=sole)
        source.fill(0.0)
        taken.append([type(arrival).__name__ for arrival in iter(source.take, None)])
    assert taken == [["Batch"], ["Batch", "BadRecord"]]
