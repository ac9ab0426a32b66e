"""What two connections bring becomes one sequence, however they interleave: numbered, unnumbered, and all else."""

from __future__ import annotations

import random
from collections.abc import Sequence

import pytest

from feeds.echoes import ECHO_S, Echoes
from feeds.frames import Frame, Tally
from feeds.numbered import HOLD_S, Item, Numbered, Sort
from feeds.unnumbered import Unnumbered
from feeds.window import NUMBERS_MAX

SEEDS = range(40)
COUNT = 60


def tallies() -> list[Tally]:
    return [Tally(), Tally()]


def frame(line: int, said: int | str) -> Frame:
    return Frame(line, 0, b"k", str(said).encode())


def step(line: int, number: int, at_s: float = 0.0, sort: Sort = Sort.STEP) -> Item:
    return Item(sort, number, number, -1, frame(line, f"{sort.name} {number}"), at_s)


def said(frames: Sequence[Frame]) -> list[str]:
    return [f.payload.decode() for f in frames]


def steps(*numbers: int) -> list[str]:
    return [f"STEP {number}" for number in numbers]


def counting() -> Numbered:
    return Numbered(tallies(), counts_on=True, chained=False)


def interleaved(seed: int, one: Sequence[int], other: Sequence[int]) -> list[tuple[int, int]]:
    """(connection, number) in some order that keeps each connection's own."""
    draw, queues = random.Random(seed), [list(one), list(other)]
    order = []
    while any(queues):
        line = draw.choice([i for i, queue in enumerate(queues) if queue])
        order += [(line, queues[line].pop(0)) for _ in range(min(draw.randrange(1, 9), len(queues[line])))]
    return order


@pytest.mark.parametrize("seed", SEEDS)
def test_numbers_leave_once_and_in_order_while_either_connection_brings_them(seed: int) -> None:
    draw, stream = random.Random(seed), counting()
    dropped = [set(draw.sample(range(1, COUNT), 12)) for _ in range(2)]
    dropped[1] -= dropped[0]
    queues = [[n for n in range(COUNT) if n not in gone] for gone in dropped]
    leaving: list[str] = []
    for line, number in interleaved(seed, *queues):
        leaving += said(stream.take(step(line, number), alone=False))
    assert leaving == steps(*range(COUNT))
    assert not stream.waiting


@pytest.mark.parametrize("seed", SEEDS)
def test_unnumbered_differences_leave_once_and_in_order(seed: int) -> None:
    book, leaving = Unnumbered(tallies()), []
    begins = random.Random(seed).randrange(COUNT // 2)
    leaving += said(book.take_snapshot(frame(0, "snapshot")))
    late = False
    for line, number in interleaved(seed, range(COUNT), range(begins, COUNT)):
        if line == 1 and not late:
            late = True
            leaving += said(book.take_snapshot(frame(1, "another snapshot")))
        leaving += said(book.take(frame(line, number), 0.0))
    assert leaving == ["snapshot", *map(str, range(COUNT))]


def test_a_hole_is_let_go_when_nobody_has_filled_it_in_time_and_what_comes_later_still_leaves() -> None:
    stream = counting()
    for number, at_s in ((1, 0.0), (3, 0.1), (4, 0.9)):
        stream.take(step(0, number, at_s), alone=False)
    assert stream.release(0.05, 0.05 + HOLD_S) == []
    assert said(stream.release(0.1, 0.1 + HOLD_S)) == steps(3, 4)
    assert said(stream.take(step(1, 2, 2.0), alone=False)) == steps(2)
    assert said(stream.take(step(1, 5, 2.0), alone=False)) == steps(5)


def test_one_that_is_alone_waits_for_nobody() -> None:
    stream = counting()
    stream.take(step(0, 1), alone=True)
    assert said(stream.take(step(0, 5), alone=True)) == steps(5)


def test_a_snapshot_does_not_begin_a_whole_book_anew() -> None:
    stream = counting()
    assert said(stream.take(step(0, 5, sort=Sort.SNAPSHOT), alone=False)) == ["SNAPSHOT 5"]
    stream.take(step(0, 6), alone=False)
    assert stream.take(step(1, 6, sort=Sort.SNAPSHOT), alone=False) == []
    # One that is ahead waits for the differences up to it, and so does what follows it.
    assert stream.take(step(1, 8, sort=Sort.SNAPSHOT), alone=False) == []
    assert stream.take(step(1, 9), alone=False) == []
    assert said([f for n in (7, 8) for f in stream.take(step(0, n), alone=False)]) == steps(7, 8, 9)


@pytest.mark.parametrize("why", ["nobody brings what is missing", "it was asked for", "the venue counts anew"])
def test_a_snapshot_begins_a_book_anew_where_it_must(why: str) -> None:
    stream = counting()
    far = NUMBERS_MAX + 100
    stream.take(step(0, far, sort=Sort.SNAPSHOT), alone=False)
    if why == "the venue counts anew":
        place = 1
        assert said(stream.take(step(1, place, sort=Sort.SNAPSHOT), alone=False)) == ["SNAPSHOT 1"]
    elif why == "it was asked for":
        place = far - 1
        stream.want_snapshot()
        assert said(stream.take(step(1, place, sort=Sort.SNAPSHOT), alone=False)) == [f"SNAPSHOT {place}"]
    else:
        place = far + 5
        assert stream.take(step(1, place, sort=Sort.SNAPSHOT), alone=False) == []
        assert said(stream.release(0.0, HOLD_S)) == [f"SNAPSHOT {place}"]
    assert said(stream.take(step(1, place + 1), alone=False)) == steps(place + 1)


def test_a_mark_ahead_of_the_trades_waits_for_them() -> None:
    stream = counting()
    stream.take(step(0, 1), alone=False)
    assert stream.take(step(1, 3, sort=Sort.MARK), alone=False) == []
    assert said(stream.take(step(0, 2), alone=False)) == steps(2)
    assert said(stream.take(step(0, 3), alone=False)) == ["STEP 3", "MARK 3"]


def test_one_whose_place_is_not_known_stands_by_until_the_other_is_gone() -> None:
    book = Unnumbered(tallies())
    book.take_snapshot(frame(0, "snapshot"))
    book.take(frame(0, "a1"), 0.0)
    book.take_snapshot(frame(1, "other"))
    assert book.take(frame(1, "cut otherwise"), 0.0) == []
    assert not book.adrift
    assert book.close(0, 0.0) == []
    assert book.adrift
    assert book.take(frame(1, "too early"), 0.0) == []
    assert said(book.take_snapshot(frame(1, "asked for"))) == ["asked for"]
    assert said(book.take(frame(1, "goes on"), 0.0)) == ["goes on"]


def test_one_that_brings_something_else_than_it_owes_stands_by() -> None:
    book, found = Unnumbered(counted := tallies()), []
    book.take_snapshot(frame(0, "snapshot"))
    for line, what in ((0, "a"), (1, "a"), (1, "b"), (0, "not b"), (1, "c"), (0, "c"), (0, "d"), (1, "d")):
        found += said(book.take(frame(line, what), 0.0))
    assert found == ["a", "b", "c", "d"]
    assert counted[1].lost == 2


def test_a_beat_that_one_connection_repeats_is_no_echo() -> None:
    echoes = Echoes(counted := tallies())
    heard = [echoes.is_echo(frame(line, "beat"), 0.5 * i) for i, line in enumerate((0, 1, 0, 1, 1))]
    assert heard == [False, True, False, True, False]
    assert counted[1].lost == 2
    assert not echoes.is_echo(frame(0, "beat"), 10 * ECHO_S)


def test_a_tally_tells_how_far_behind() -> None:
    tally = Tally()
    for lag_s in (0.010, float("inf"), 0.030):
        tally.lose(lag_s)
    assert str(tally) == "0 won, 3 lost, 20.0 ms behind, 30.0 at most"
