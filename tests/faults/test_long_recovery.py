"""A life with a long backlog: it tells how far it is, from any host, and nobody takes it for stalled."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from agents import stalls as stalls_module
from agents.recovering import TELL_EVERY_S, Telling
from agents.stalls import LOOK_S, Stalls
from agents.topology import TaskHops
from schemas.catalog import TICK_SCHEMA
from schemas.header import Header, pack
from schemas.tick import TICK
from streams.frame import encode_rows
from streams.log import TopicSpec
from streams.memory import MemoryLog
from streams.progress import Progress, progress
from streams.runner import Task
from streams.task_plan import TaskPlan
from tests.faults.test_runner_recovery import ROWS, TOPICS, Clockwork, Summing, log_with_ticks, long_ago, plan

TURN_S = 1.0
"""What a turn takes here: some fifty of them work the backlog off."""
STALL_S = 12.0
"""A bound that the whole recovery is longer than, by far."""
FIRST_LIFE = 60
WRITERS = {"ticks.<source>": "feed"}


def known(**changed: Any) -> TaskPlan:
    """The plan of those lives, with the input's writer known."""
    return replace(plan(), **{"writers": WRITERS, "clock_age_s_max": 1e12, **changed})


def empty() -> MemoryLog:
    log = MemoryLog()
    log.create([TopicSpec(name) for name in TOPICS])
    return log


class Second:
    """A second life on what a first one left: part committed, part not, and most of it never read."""

    def __init__(self, **changed: Any) -> None:
        self.log = log_with_ticks(3)
        self.clock = Clockwork()
        self.plan = known(**changed)
        first = Task(known(), [Summing()], self.log, monotonic=self.clock, wall=long_ago)
        while first.inputs < FIRST_LIFE:
            first.turn(0.0)
        first.commit()
        self.committed = first.inputs
        for _ in range(3):
            first.turn(0.0)
        self.task = Task(self.plan, [Summing()], self.log, monotonic=self.clock, wall=self.wall)

    def wall(self) -> int:
        return int(self.clock.now * 1e9)

    def turn(self) -> None:
        self.task.turn(0.0)
        self.clock.now += TURN_S

    def told(self) -> Progress:
        """What the log tells of it."""
        found = progress(self.log, state_topic="state", state_partition=0, task="summing", input_topic="ticks.test")
        assert found is not None
        return found

    def stalled(self) -> list[float]:
        """When a supervisor would have killed it, from its start until it has caught up."""
        watch = Stalls(self.log, {"summing": TaskHops("summing", ("normalise",))}, monotonic=self.clock)
        found = []
        while self.task.recovery.active:
            self.turn()
            found += [self.clock.now for _ in watch.look(lambda _name: True)]
        return found


def test_it_tells_how_far_it_is_until_it_has_caught_up() -> None:
    life = Second()
    recovery = life.task.recovery
    assert (recovery.first, recovery.last) == (life.committed, ROWS)
    assert recovery.progress.left_s is None, "nothing is known before anything was done"
    seen: list[int] = []
    while recovery.active:
        life.turn()
        found = recovery.progress
        assert found.to_do == ROWS - life.committed
        seen.append(found.done)
    assert seen == sorted(seen)
    assert seen[0] > 0
    assert seen[-1] == ROWS - life.committed
    over = recovery.progress
    assert over.left_s == 0.0
    assert over.elapsed_s == pytest.approx(TURN_S * (len(seen) - 1))
    life.clock.now += 100.0
    assert recovery.progress == over, "what it came to stands"


def test_the_time_left_is_that_of_the_speed_so_far() -> None:
    life = Second()
    for _ in range(20):
        life.turn()
    found = life.task.recovery.progress
    assert found.left_s == pytest.approx(found.elapsed_s * (found.to_do - found.done) / found.done)
    began = life.clock.now
    while life.task.recovery.active:
        life.turn()
    assert life.clock.now - began == pytest.approx(found.left_s, rel=0.3)


def test_the_log_tells_it_to_whoever_asks_and_says_when_it_is_over() -> None:
    life = Second()
    seen = []
    while life.task.recovery.active:
        life.turn()
        found = life.told()
        if found.recovery is not None and found.snapshots > 1:
            seen.append((found.recovery.done, found.recovery.to_do))
    assert len(set(seen)) > 3
    assert all(done <= of == ROWS - life.committed for done, of in seen)
    life.task.commit()
    assert life.told().recovery is None


def test_a_recovery_that_takes_longer_than_any_stall_is_not_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stalls_module, "STALL_S_MAX", STALL_S)
    life = Second()
    assert life.stalled() == []
    assert life.clock.now > 3 * STALL_S


def test_one_that_commits_nothing_while_it_recovers_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stalls_module, "STALL_S_MAX", STALL_S)
    found = Second(commit_interval_s=1e9).stalled()
    assert found
    assert STALL_S < found[0] <= STALL_S + 2 * LOOK_S


def test_a_death_in_mid_recovery_goes_on_from_the_last_commit_of_it() -> None:
    life = Second()
    for _ in range(20):
        life.turn()
    half = life.told()
    again = Task(life.plan, [Summing()], life.log, monotonic=life.clock, wall=life.wall)
    assert life.committed < half.inputs == again.recovery.first
    assert again.recovery.last == ROWS


def test_a_first_life_on_an_empty_input_recovers_nothing() -> None:
    log = empty()
    task = Task(known(), [Summing()], log, monotonic=Clockwork(), wall=long_ago)
    assert not task.recovery.active
    assert (task.recovery.progress.done, task.recovery.progress.elapsed_s) == (0, 0.0)


def test_where_nobody_numbers_the_input_records_are_counted_and_the_end_is_known_all_the_same() -> None:
    life = Second(writers={})
    assert life.task.recovery.last > life.task.recovery.first
    while life.task.recovery.active:
        life.turn()
    assert life.task.inputs == ROWS


def test_what_comes_while_it_recovers_is_ordinary_lag() -> None:
    log = empty()
    rows = np.zeros(10, dtype=TICK)
    for at in range(10):
        say(log, rows[at : at + 1], at)
    task = Task(known(), [Summing()], log, monotonic=Clockwork(), wall=long_ago)
    say(log, rows, 10)
    while task.recovery.active:
        task.turn(0.0)
    assert task.inputs == 10


def say(log: MemoryLog, rows: Any, seq: int) -> None:
    header = Header(schema=TICK_SCHEMA.number, version=1, seq=seq, time=0, writer="feed", count=len(rows))
    log.appender().append("ticks.test", 0, None, encode_rows(rows), pack(header))


def test_a_worker_says_how_far_it_is_once_a_second_and_what_it_came_to() -> None:
    life = Second()
    said: list[tuple[str, dict[str, Any]]] = []

    def say_it(event: str, **fields: Any) -> None:
        said.append((event, fields))

    telling = Telling("summing", life.task.recovery, say_it, life.clock)
    while telling.look():
        life.turn()
    names = [name for name, _ in said]
    assert names == ["recovering"] * (len(names) - 1) + ["recovered"]
    assert len(names) - 1 == pytest.approx(life.clock.now / max(TURN_S, TELL_EVERY_S), abs=2)
    done = [fields["done"] for _, fields in said]
    assert done == sorted(done)
    assert said[-1][1]["done"] == said[-1][1]["to_do"] == ROWS - life.committed
    assert said[2][1]["left_s"] > said[-2][1]["left_s"]


def test_a_worker_with_nothing_to_recover_says_nothing() -> None:
    said: list[str] = []
    assert not Telling("feed", None, lambda event, **_fields: said.append(event)).look()
    assert said == []
