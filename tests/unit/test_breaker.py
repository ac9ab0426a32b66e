"""The breaker: it counts by the numbers of inputs, and stays tripped until more is allowed."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from schemas.errors import TaskFailed
from streams.breaker import BAD_WINDOW, Breaker, tripped


def breaker(share_max: float = 0.5, least: int = 10) -> Breaker:
    return Breaker("normalise", "raw.x[0]", share_max, least)


def test_it_trips_at_the_input_at_which_too_many_are_refused() -> None:
    counted = breaker()
    for ordinal in range(0, 40, 2):  # every second one: half, which is allowed
        counted.refused(ordinal + 1)
    assert not counted.tripped
    counted.refused(40)
    assert counted.tripped
    with pytest.raises(TaskFailed, match=r"raw\.x\[0\] of normalise: .*got 21 bad of 41 inputs, up to input 40;"):
        counted.check()


def test_a_bad_beginning_is_no_share() -> None:
    counted = breaker()
    for ordinal in range(9):
        counted.refused(ordinal)
    assert not counted.tripped
    counted.refused(9)
    assert counted.tripped


def test_what_lies_beyond_the_window_is_forgotten() -> None:
    counted = breaker(share_max=0.02, least=2)
    for ordinal in range(0, 50 * BAD_WINDOW, BAD_WINDOW // 20):  # 20 in every window: two in a hundred
        counted.refused(ordinal + BAD_WINDOW)
    assert not counted.tripped
    assert len(counted.dump()["refused"]) == 20


def test_the_order_in_which_hops_refuse_does_not_count() -> None:
    ordinals = [*range(100, 118), 119]
    one, other = breaker(), breaker()
    for ordinal in ordinals:
        one.refused(ordinal)
    for ordinal in sorted(ordinals, key=lambda n: n % 5):
        other.refused(ordinal)
    assert one.dump() == other.dump()


def test_a_snapshot_carries_it_and_only_more_allowance_lets_it_go_on() -> None:
    counted = breaker()
    for ordinal in range(10):
        counted.refused(ordinal)
    kept: dict[str, Any] = orjson.loads(orjson.dumps(counted.dump()))
    assert tripped(kept) == (10, 10, 9)
    same, more, all_allowed, fewer = breaker(), breaker(least=11), breaker(share_max=1.0), breaker(share_max=0.2)
    for life in (same, more, all_allowed, fewer):
        life.restore(kept)
    for life in (same, fewer):
        with pytest.raises(TaskFailed, match="10 bad of 10 inputs"):
            life.check()
    for life in (more, all_allowed):
        life.check()
        assert not life.tripped


def test_an_older_snapshot_counts_from_now_on() -> None:
    counted = breaker()
    counted.restore(None)
    counted.check()
    assert tripped(None) is None
