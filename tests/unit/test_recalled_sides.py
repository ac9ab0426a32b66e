"""The recorded order of side records after a commit in mid-recovery: what the snapshot holds does not happen again."""

from __future__ import annotations

import zlib
from typing import Any

import pytest

from schemas.catalog import CLOCK
from schemas.clock import Clock
from schemas.codec import encode
from schemas.header import Header, Side, pack
from streams.log import TopicSpec
from streams.memory import MemoryLog
from streams.sides import CLOCK_STOPPED, Sides
from streams.task_plan import TaskPlan


class Listening:
    """A stage that remembers what it was told of the clock: its times, and None where it stopped."""

    name = "risk"
    sides = ("clock",)

    def offer(self, state: list[int | None], topic: str, items: Any, *, ended: bool) -> None:
        state += [None] if ended else [item.ts for item in items]


def clock_of(count: int) -> MemoryLog:
    log = MemoryLog()
    log.create([TopicSpec("clock")])
    for seq in range(count):
        header = Header(schema=CLOCK.number, version=1, seq=seq, time=seq, writer="clock")
        log.appender().append("clock", 0, None, encode(Clock(ts=seq)), pack(header))
    return log


def side(place: int, seq: int) -> Side:
    crc = 0 if seq == CLOCK_STOPPED else zlib.crc32(b"clock")
    return Side(place=place, input=0, partition=0, writer_crc=crc, seq=seq)


@pytest.mark.parametrize(
    ("stands_at", "told"),
    [
        (10, [0, None, 1]),  # before all of it: stopped at 10, gone on at 15
        (20, []),  # behind both: the clock goes, and has not stopped anew
    ],
)
def test_a_stop_of_the_clock_that_the_snapshot_holds_does_not_stop_it_again(stands_at: int, told: list[Any]) -> None:
    log = clock_of(2)
    stage: Any = Listening()
    state: list[int | None] = []
    sides = Sides(log, TaskPlan(name="risk", namespace="", source="s", run="r", mode="live"), [stage])
    if stands_at == 20:
        sides.restore({"clock": {"offset": 2, "seqs": {"clock": 2}, "ended": False}})
    order = {side(9, 0), side(10, CLOCK_STOPPED), side(15, 1)}
    sides.recall(order, cause_max=30, ordinal=stands_at)
    for ordinal in (stands_at, 25):
        sides.apply_live([stage], [state], ordinal)
    assert state == told
    assert set(sides.placed(0)) == order, "all of it is told on"
    assert sides.clock_stopped is False


def test_a_clock_that_was_heard_and_then_stopped_before_the_same_input_has_stopped() -> None:
    log = clock_of(1)
    stage: Any = Listening()
    state: list[int | None] = []
    sides = Sides(log, TaskPlan(name="risk", namespace="", source="s", run="r", mode="live"), [stage])
    sides.recall({side(4, CLOCK_STOPPED), side(4, 0)}, cause_max=4, ordinal=0)
    sides.apply_live([stage], [state], 4)
    assert state == [0, None]
