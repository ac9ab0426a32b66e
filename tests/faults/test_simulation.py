"""The simulation: hundreds of schedules under every fault are sound, each planted bug is caught, a seed repeats all."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace

import msgspec
import pytest

from agents.context import context_of
from chaos.checks import check
from chaos.plants import PLANTS, planted
from chaos.sim_faults import KINDS, Faults
from chaos.sim_world import NANOS, session, world
from chaos.simulation import Simulated, run_schedule, simulate
from chaos.tape import Shape
from schemas.errors import ConfigError
from streams.agent import Agent
from streams.memory import MemoryLog

SCHEDULES = 200
CAUGHT_WITHIN = 40
"""Schedules within which each planted bug must be caught: what one seed draws may not touch it."""


@pytest.fixture(scope="module")
def sound() -> Simulated:
    return simulate(SCHEDULES, seed=1)


def test_hundreds_of_schedules_under_faults_lose_double_and_change_nothing(sound: Simulated) -> None:
    assert sound.failures == []
    assert sound.sound
    assert sound.schedules == SCHEDULES
    assert sum(sound.findings.values()) == 0


def test_every_kind_of_fault_happens_and_orders_leave_all_the_same(sound: Simulated) -> None:
    brokers = {"delivery", "commit", "takeover", "read", "slow"}
    assert all(sound.faults[kind] > SCHEDULES // 20 for kind in (*(set(KINDS) - brokers), "broker"))
    assert sound.deaths > SCHEDULES
    assert sound.fenced > SCHEDULES // 5
    assert sound.orders > SCHEDULES
    assert sound.acknowledged > 40 * SCHEDULES


@pytest.mark.parametrize("plant", PLANTS)
def test_each_planted_bug_is_caught(plant: str) -> None:
    told: list[int] = []
    found = simulate(CAUGHT_WITHIN, 1, plant, lambda so_far: told.append(so_far.schedules))
    assert len(found.failures) >= 2, "once is luck"
    assert told[-1] <= CAUGHT_WITHIN
    assert all(failure.messages and failure.step > 0 for failure in found.failures)


def test_a_failing_schedule_repeats_from_its_seed_to_the_step_and_the_word() -> None:
    for plant in ("reorder", "zombie"):
        failure = simulate(CAUGHT_WITHIN, 11, plant).failures[0]
        again = simulate(1, failure.seed, plant).failures
        assert again == [failure]
        assert str(failure).startswith(f"seed {failure.seed} step {failure.step}: ")
        assert simulate(1, failure.seed).sound, "and without the bug nothing is wrong with it"


def test_a_run_that_is_opened_anew_goes_on_in_a_span_of_its_own() -> None:
    """Another strategy's parameters from one input on: each span is held against what was in force in it."""
    before = world("live", False)
    parameters = {**before.opening.parameters, "score_full_bps": 2.0}
    opening = msgspec.structs.replace(before.opening, run="r2", parameters=parameters)
    context = context_of(opening, before.definitions)
    stages: dict[str, Sequence[Agent]] = {hops.name: hops.build(context) for hops in before.tasks}
    after = replace(before, opening=opening, context=context, stages=stages)
    events = (*session(0), *session(1))
    log = MemoryLog()
    acknowledged = set()
    for part, sent in ((before, events[: len(session(0))]), (after, events)):
        run = Faults(log, part, sent, [], random.Random(3))
        run.desk.jump_ns = NANOS * (part is after)
        run.run()
        assert run.settle(5, 0.06, 800)
        acknowledged |= run.acknowledged
    shape = Shape(source=opening.source)
    assert check(log, shape, acknowledged, starts=20).messages == []
    assert check(log, shape, acknowledged, starts=0, context=before.context).breaches > 0, "not by the old parameters"


def test_a_plant_is_undone_when_its_block_ends() -> None:
    with planted("loss"):
        pass
    assert run_schedule(5).sound


def test_an_unknown_plant_is_refused() -> None:
    with pytest.raises(ConfigError, match="no such plant"), planted("weed"):
        raise AssertionError("never reached")


def test_processes_share_schedules_and_find_the_same() -> None:
    assert simulate(30, 31, processes=2).acknowledged == simulate(30, 31).acknowledged


@pytest.mark.parametrize("seed", [1_713, 5_596])
def test_schedules_that_once_broke_something_hold(seed: int) -> None:
    """A stop of the clock that no record told; one that a snapshot told, and a record at the same place took back."""
    assert run_schedule(seed).sound
