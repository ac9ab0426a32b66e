"""The simulation: hundreds of schedules under every fault are sound, each planted bug is caught, a seed repeats all."""

from __future__ import annotations

import pytest

from chaos.plants import PLANTS, planted
from chaos.sim_faults import KINDS
from chaos.simulation import Simulated, run_schedule, simulate
from schemas.errors import ConfigError

SCHEDULES = 300
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


def test_a_plant_is_undone_when_its_block_ends() -> None:
    with planted("loss"):
        pass
    assert run_schedule(5).sound


def test_an_unknown_plant_is_refused() -> None:
    with pytest.raises(ConfigError, match="no such plant"), planted("weed"):
        raise AssertionError("never reached")


def test_processes_share_schedules_and_find_the_same() -> None:
    assert simulate(60, 31, processes=2).acknowledged == simulate(60, 31).acknowledged
