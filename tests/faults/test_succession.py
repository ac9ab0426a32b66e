"""A task leaves for another run, and that run's takes over: its state goes on, migrates, is re-warmed, or refused."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from schemas.catalog import TICK_SCHEMA
from schemas.errors import SnapshotError
from streams.agent import Batch, Out
from streams.inputs import Input
from streams.memory import MemoryLog
from streams.runner import Task
from streams.scheduler import SimulatedCrash
from streams.state_bytes import dump, load
from streams.succession import Migration, Succession, rewarm
from streams.task_plan import TaskPlan
from tests.faults.test_runner_recovery import Summing, committed, log_with_ticks, plan

TURNS = 20


class Renamed(Summing):
    """The same, under another kind: what the one before left means nothing to it."""

    def snapshot(self, state: dict[str, int]) -> bytes:
        return dump("summing/3", {}, state)

    def restore(self, data: bytes) -> dict[str, int]:
        return load("summing/3", data)[1]


class Migrated(Renamed):
    """Reads the first two kinds, one step after the other."""

    @property
    def migrations(self) -> Mapping[str, Migration]:
        return {
            "summing/1": lambda data: dump("summing/2", {}, {"sum": load("summing/1", data)[1]["total"]}),
            "summing/2": lambda data: dump("summing/3", {}, {"total": load("summing/2", data)[1]["sum"], "factor": 1}),
        }


class Circling(Renamed):
    @property
    def migrations(self) -> Mapping[str, Migration]:
        return {"summing/1": lambda data: data}


class Rebuilt(Renamed):
    """Made of its input alone."""

    rebuildable = True

    def __init__(self) -> None:
        super().__init__()
        self.warmed: list[int] = []

    def rewarm(self, state: dict[str, int], batch: Batch) -> Out:
        rows: Any = batch.items
        self.warmed += rows["size"].tolist()
        return self.step(state, batch)


def task(log: MemoryLog, agent: Summing, run: str = "r", build: str = "a", **more: Any) -> Task:
    return Task(planned(run, build), [agent], log, wall=lambda: 0, **more)


def planned(run: str, build: str) -> TaskPlan:
    return replace(plan(), run=run, build=build, writers={"ticks.<source>": "feed"})


def left(log: MemoryLog) -> Task:
    """The first run's task, which has left in the middle of its input."""
    first = task(log, Summing())
    for _ in range(TURNS):
        first.turn(0.0)
    assert first.leave("r2")
    assert first.done
    return first


def finished(log: MemoryLog, agent: Summing, run: str = "r2", build: str = "b") -> Task:
    second = task(log, agent, run, build)
    while not second.done:
        second.turn(0.0)
    return second


def undisturbed() -> list[int]:
    log = log_with_ticks(1)
    finished(log, Summing(), "r", "a")
    return committed(log)


@pytest.mark.parametrize("agent", [Summing, Migrated, Rebuilt])
def test_what_was_known_goes_on_as_it_is_migrated_or_rewarmed(agent: type[Summing]) -> None:
    log = log_with_ticks(1)
    first = left(log)
    already = committed(log)
    second = finished(log, agent())
    assert committed(log) == undisturbed()
    assert committed(log)[: len(already)] == already
    succession = second.succession
    assert succession is not None
    assert (succession.run, succession.build) == ("r", "a")
    assert succession.migrated == ({"risk": "summing/1"} if agent is Migrated else {})
    assert succession.rewarmed == (["risk"] if agent is Rebuilt else [])
    assert succession.rows == (first.inputs if agent is Rebuilt else 0)


@pytest.mark.parametrize("inputs", range(1, 25))
def test_the_stretch_ends_at_the_row_where_the_cut_does_in_the_middle_of_a_frame_or_not(inputs: int) -> None:
    log, agent = log_with_ticks(2), Rebuilt()
    at = Input(log, "ticks.test", 0, accepts=(TICK_SCHEMA,), writer="feed")
    while at.ordinal < inputs:
        at.fill(0.0)
        at.take(1)
    succession = Succession("r", "a", rewarmed=["risk"])
    source = Input(log, "ticks.test", 0, accepts=(TICK_SCHEMA,), writer="feed")
    rewarm(log, planned("r2", "b"), source, [agent], [agent.start()], succession, at)
    assert agent.warmed == list(range(inputs))
    assert succession.stretch is not None
    assert succession.stretch[0] == 0
    assert succession.rows == inputs


@pytest.mark.parametrize(("agent", "kind"), [(Renamed, "snapshot.not_carried"), (Circling, "snapshot.foreign")])
def test_what_cannot_be_carried_over_is_never_begun_afresh(agent: type[Summing], kind: str) -> None:
    log = log_with_ticks(1)
    left(log)
    before = committed(log)
    with pytest.raises(SnapshotError) as raised:
        task(log, agent(), "r2", "b")
    assert raised.value.kind == kind
    assert committed(log) == before
    finished(log, Summing(), "r2", "c")
    assert committed(log) == undisturbed(), "mended, it goes on where the first one left"


def test_a_task_that_has_left_is_done_whenever_it_is_started_again() -> None:
    log = log_with_ticks(1)
    left(log)
    log.truncate("ticks.test", 0, 3)
    again = task(log, Summing())
    assert again.done
    assert again.left_to == "r2"


def test_a_task_that_recovers_does_not_leave_before_it_has_regenerated_what_readers_saw() -> None:
    log = log_with_ticks(1)
    first = task(log, Summing())
    for _ in range(TURNS):
        first.turn(0.0)
    second = task(log, Summing())
    assert not second.leave("r2")
    while not second.leave("r2"):
        second.turn(0.0)
    assert second.inputs > 0
    finished(log, Summing())
    assert committed(log) == undisturbed()


def test_what_a_run_left_uncommitted_is_not_taken_over_by_other_code() -> None:
    log = log_with_ticks(1)
    first = task(log, Summing())
    for _ in range(TURNS):
        first.turn(0.0)
    first.commit()
    for _ in range(TURNS):
        first.turn(0.0)
    with pytest.raises(SnapshotError) as raised:
        task(log, Summing(), "r2", "b")
    assert raised.value.kind == "snapshot.other_code"


def test_within_a_run_no_other_build_goes_on() -> None:
    log = log_with_ticks(1)
    first = task(log, Summing())
    for _ in range(TURNS):
        first.turn(0.0)
    first.commit()
    with pytest.raises(SnapshotError) as raised:
        task(log, Summing(), "r", "b")
    assert raised.value.kind == "snapshot.other_build"


def test_one_that_dies_as_it_takes_over_has_written_nothing_or_its_whole_beginning() -> None:
    for point in ("takeover", "recovering", "recovered", "snapshot", "committing", "committed"):
        log = log_with_ticks(1)
        left(log)

        def die(here: str, _inputs: int, at: str = point) -> None:
            if here == at:
                raise SimulatedCrash(at)

        with pytest.raises(SimulatedCrash):
            task(log, Rebuilt(), "r2", "b", failpoint=die)
        finished(log, Rebuilt())
        assert committed(log) == undisturbed()
