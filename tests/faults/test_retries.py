"""Dead letters put back: each is processed once more, once, whoever is killed on the way; and it is on record."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from operations import retries
from operations.letters import Filed
from operations.retries import Done, deliver, read_orders, retry
from schemas.catalog import RAW as RAW_SCHEMA
from schemas.catalog import SNAPSHOT
from schemas.codec import decode_any
from schemas.errors import ConfigError
from schemas.header import Header, pack, unpack
from schemas.retry import Retried, Retry
from streams import people
from streams.admission import RETRIED_FROM, RETRY
from streams.scheduler import SimulatedCrash
from tests.refused_world import BAD, RAW, UNKNOWN, Life, World, events

GOOD = (
    b'{"stream":"btcusdt@trade","data":{"e":"trade","E":1795557600000,"s":"BTCUSDT","t":900000000001,"p":"9.01","q":"2.0",'
    b'"T":1795557600000,"m":true}}'
)
SAID: dict[str, Any] = {"author": "j.doe", "reason": "mended"}


def refused(bad_at: Sequence[int] = (3, 10, 17), number: int = 40) -> World:
    """A world in which some inputs were refused, and the task has taken note."""
    world = World()
    world.feed(bad_at, number)
    Life(world).run()
    return world


def put_back(world: World, offsets: Sequence[int] | None = None, *, again: bool = False) -> Done:
    def found() -> list[Filed]:
        return [f for f in world.filed() if offsets is None or f.offset in offsets]

    return retry(world.log, "", found, most=None, named=True, again=again, **SAID)


def copies(world: World) -> list[tuple[int, bytes, int]]:
    """(number, payload, receive time) of what was put back into the raw topic."""
    found = []
    for record in world.log.scan(RAW, 0, 0, committed=True):
        header = unpack(record.header or b"")
        if header.writer == RETRY:
            found.append((header.seq, record.value, header.time))
    return found


def said(world: World, event: type[Any]) -> list[Any]:
    documents = [decode_any(record.value) for record in world.log.scan("control", 0, 0, committed=True)]
    return [document for document in documents if isinstance(document, event)]


def test_what_is_put_back_keeps_its_bytes_and_time_and_gets_numbers_of_its_own() -> None:
    world = refused()
    letters = world.filed()
    put_back(world)
    assert copies(world) == [(RETRIED_FROM + i, f.payload, f.letter.ts) for i, f in enumerate(letters)]
    (order,), (done,) = said(world, Retry), said(world, Retried)
    assert (order.letters, order.author, order.reason, order.topic) == (
        [f.offset for f in letters],
        "j.doe",
        "mended",
        RAW,
    )
    assert (done.copies, done.gone, done.first_seq) == (3, 0, RETRIED_FROM)


def test_the_task_processes_it_and_what_is_still_bad_is_refused_again_under_its_new_number() -> None:
    world = refused()
    put_back(world)
    Life(world).run()
    filed = world.filed()
    assert [f.letter.seq for f in filed] == [3, 10, 17, *(RETRIED_FROM + i for i in range(3))]
    assert {f.letter.writer for f in filed[3:]} == {RETRY}
    assert {f.payload for f in filed} == {BAD, UNKNOWN}
    put_back(world, [f.offset for f in filed[3:]])  # a copy that was refused may be put back like any other
    assert len(copies(world)) == 6


def test_a_payload_that_has_become_good_gives_its_ticks_once(monkeypatch: pytest.MonkeyPatch) -> None:
    at = next(i for i, event in enumerate(events()) if event.key == b"spot:BTCUSDT" and i > 3)
    world = refused([at])
    (first,) = world.filed()
    monkeypatch.setattr(Filed, "payload", property(lambda _: GOOD))  # what could not be read now can
    before = len(world.ticks())
    put_back(world, [first.offset])
    Life(world, seed=2, kills={"any": 0.1}).run()
    after = world.ticks()
    assert after[before:] == [(RETRIED_FROM, 0)]


def test_a_letter_is_put_back_once_unless_it_is_said_to_be_meant_again() -> None:
    world = refused()
    put_back(world)
    with pytest.raises(ConfigError, match=r"dlq\[0\]@\d+: this letter was retried before; got by j.doe: mended"):
        put_back(world)
    assert len(copies(world)) == 3
    put_back(world, again=True)
    assert [seq for seq, *_ in copies(world)] == [RETRIED_FROM + i for i in range(6)]


def test_two_who_put_the_same_letter_back_at_once_put_it_back_once() -> None:
    world = refused()
    meant = [retries.Meant(f.partition, RAW, 0, f.offset) for f in world.filed()]
    for _ in range(2):  # both have looked before either has written
        retries.order(world.log, "", meant, again=False, **SAID)
    deliver(world.log, "")
    deliver(world.log, "")
    assert len(copies(world)) == 3
    assert [o.copies for o in said(world, Retried)] == [3, 0]


@pytest.mark.parametrize("deaths_at", range(1, 6))
def test_killed_at_any_step_the_next_retry_finishes_what_was_ordered_once(
    deaths_at: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = refused()
    steps = [0]

    def dying(inner: Callable[..., Any]) -> Callable[..., Any]:
        def step(*arguments: Any, **named: Any) -> Any:
            steps[0] += 1
            if steps[0] == deaths_at:
                raise SimulatedCrash("person")
            return inner(*arguments, **named)

        return step

    appender = world.log.appender()
    with monkeypatch.context() as patch:
        patch.setattr(retries, "append", dying(people.append))
        patch.setattr(type(appender), "append", dying(type(appender).append))
        with pytest.raises(SimulatedCrash):
            put_back(world)
    Life(world).run()  # the task has seen what was published so far
    ordered = bool(read_orders(world.log, "").orders)
    if ordered:
        with pytest.raises(ConfigError, match="retried before"):
            put_back(world)
    else:
        put_back(world)
    Life(world).run()
    processed = [f.letter.seq for f in world.filed() if f.letter.writer == RETRY]
    assert processed == [RETRIED_FROM + i for i in range(3)], "each once, in order"
    assert all(order.done for order in read_orders(world.log, "").orders)


def test_two_who_finish_the_same_order_publish_repeats_that_nobody_counts() -> None:
    world = refused()
    meant = [retries.Meant(f.partition, RAW, 0, f.offset) for f in world.filed()]
    retries.order(world.log, "", meant, again=False, **SAID)
    (due,) = read_orders(world.log, "").orders
    retries._delivered(world.log, "", due)
    for filed, (_, seq) in zip(world.filed(), due.numbered, strict=True):  # one who had stopped in mid-way goes on
        world.log.appender().append(RAW, 0, filed.key, filed.payload, retries._header(filed, seq))
    Life(world).run()
    assert [f.letter.seq for f in world.filed() if f.letter.writer == RETRY] == [RETRIED_FROM + i for i in range(3)]


def test_a_letter_that_is_gone_from_dlq_is_told_and_its_number_stays_unused() -> None:
    world = refused()
    meant = [retries.Meant(f.partition, RAW, 0, f.offset) for f in world.filed()]
    retries.order(world.log, "", meant, again=False, **SAID)
    world.log.truncate("dlq", 0, meant[1].offset)  # type: ignore[attr-defined]
    ((_, done),) = deliver(world.log, "")
    assert (done.copies, done.gone) == (2, 1)
    assert [seq for seq, *_ in copies(world)] == [RETRIED_FROM + 1, RETRIED_FROM + 2]


def test_nothing_is_ordered_where_one_of_the_letters_named_cannot_be_put_back() -> None:
    world = refused()
    world.log.appender().append(
        RAW, 0, b"k", b"{}", pack(Header(schema=RAW_SCHEMA.number, version=1, seq=0, time=1, writer="evil"))
    )
    Life(world).run()
    with pytest.raises(ConfigError, match="not a payload that the source's publisher sent"):
        put_back(world)
    assert not said(world, Retry)


def test_a_kind_is_put_back_as_far_as_it_can_be_and_the_rest_is_told() -> None:
    world = refused()
    world.log.appender().append(
        RAW, 0, b"k", b"{}", pack(Header(schema=SNAPSHOT.number, version=1, seq=0, time=1, writer="x"))
    )
    Life(world).run()
    done = retry(world.log, "", world.filed, most=None, named=False, again=False, **SAID)
    assert done.passed_over == {"config.not_retriable": 1}
    assert len(copies(world)) == 3
    done = retry(world.log, "", world.filed, most=2, named=False, again=True, **SAID)
    assert len(copies(world)) == 5


def test_numbers_of_copies_are_theirs_alone() -> None:
    """A publisher of the source, or anybody, who claims one is refused; so is a copy that claims a publisher's."""
    world = refused()
    for writer, seq in (("simulator", RETRIED_FROM + 9), (RETRY, 5)):
        header = Header(schema=RAW_SCHEMA.number, version=1, seq=seq, time=1, writer=writer)
        world.log.appender().append(RAW, 0, b"k", events()[0].payload, pack(header))
    before = world.ticks()
    Life(world).run()
    assert [f.letter.kind for f in world.filed()[3:]] == ["bad_frame.absurd_seq"] * 2
    assert world.ticks() == before
