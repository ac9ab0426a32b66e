"""The schedule of faults: from a seed alone, enough of them, and only what fits the run."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from chaos.faults import RUN
from chaos.kinds import KINDS, LONG_S, OUTAGE_S, TASKS, kinds_for
from chaos.plan import BRINGS_OUT, plan_of
from chaos.plants import PLANTS
from chaos.schedule import FAULTS_MIN, schedule
from schemas.errors import ConfigError
from streams.failpoints import FAILPOINTS

REPOSITORY = Path(__file__).resolve().parents[2]
ALL = kinds_for((), 120.0, 1, live=True)


def test_the_seed_alone_makes_the_schedule() -> None:
    assert schedule(3, 120.0, ALL) == schedule(3, 120.0, ALL)
    assert schedule(3, 120.0, ALL) != schedule(4, 120.0, ALL)


@pytest.mark.parametrize("seconds", [30.0, 31.5, 45.0, 60.0, 90.0, 180.0, 3_600.0])
def test_any_length_gives_at_least_five_faults_all_within_the_run(seconds: float) -> None:
    for seed in range(20):
        planned = schedule(seed, seconds, kinds_for((), seconds, 1, live=True))
        assert len(planned) >= FAULTS_MIN == 5
        assert [fault.at_s for fault in planned] == sorted(fault.at_s for fault in planned)
        assert planned[0].at_s > 0
        assert planned[-1].at_s < seconds


def test_one_kind_alone_is_drawn_five_times() -> None:
    for kind in KINDS.values():
        assert len(schedule(1, 30.0, (kind,))) == FAULTS_MIN


def test_the_five_runs_of_the_gate_have_every_kind() -> None:
    line = re.search(r"^chaos_runs=\((.*)\)$", (REPOSITORY / ".ci" / "chaos").read_text(), re.MULTILINE)
    assert line is not None
    seen: set[str] = set()
    runs = re.findall(r"--seed (\d+)(?: --brokers (\d))?", line[1])
    assert len(runs) == 5
    for seed, brokers in runs:
        kinds = kinds_for((), 120.0, int(brokers or 1), live=True)
        seen |= {fault.kind for fault in schedule(int(seed), 120.0, kinds)}
    assert seen == set(KINDS)


def test_an_outage_lasts_a_minute_in_a_long_run_and_a_fifth_of_a_short_one() -> None:
    outage = (KINDS["outage"],)
    assert schedule(1, LONG_S, outage)[0].arguments["for_s"] == OUTAGE_S == 60.0
    assert schedule(1, 50.0, outage)[0].arguments["for_s"] == 10.0


def test_where_workers_share_a_topology_each_fault_strikes_one_partitions_tasks() -> None:
    alone, shared = (plan_of(60.0, 1, kinds, 1, (), "") for kinds in (("kill", "outage"), ("kill", "rebalance")))
    assert (alone.partitions, shared.partitions) == (1, 2)
    assert {fault.arguments["task"] for fault in alone.planned if fault.kind == "kill"} <= {*TASKS, "clock"}
    struck = {fault.arguments["task"] for fault in shared.planned if fault.kind == "kill"}
    assert struck <= {"clock", "risk", *(f"{task}@{p}" for task in TASKS for p in range(2))}
    assert [fault.at_s for fault in shared.planned] == [fault.at_s for fault in shared._drawn]


def test_rebalances_strike_transactions_and_recoveries_and_end_either_way() -> None:
    drawn = [fault.arguments for fault in schedule(1, 3_600.0, (KINDS["rebalance"],))]
    assert {(a["during"], a["leaves"]) for a in drawn} == {
        (during, leaves) for during in ("transaction", "recovery") for leaves in ("in order", "killed")
    }


def test_every_failpoint_is_drawn() -> None:
    planned = schedule(1, 3_600.0, (KINDS["failpoint"],))
    assert {fault.arguments["point"] for fault in planned} == set(FAILPOINTS)


def test_every_kind_has_what_carries_it_out() -> None:
    assert set(RUN) == set(KINDS)


def test_a_kind_whose_means_are_not_there_is_not_drawn() -> None:
    assert "broker-loss" not in {kind.name for kind in ALL}
    assert "broker-loss" in {kind.name for kind in kinds_for((), 60.0, 3, live=True)}
    assert "halt" not in {kind.name for kind in kinds_for((), 60.0, 1, live=False)}


def test_a_kind_that_is_asked_for_and_does_not_fit_is_refused() -> None:
    with pytest.raises(ConfigError, match="with --brokers 3"):
        kinds_for(("broker-loss",), 60.0, 1, live=True)
    with pytest.raises(ConfigError, match="without --capture"):
        kinds_for(("halt",), 60.0, 1, live=False)
    with pytest.raises(ConfigError, match="no such kind of fault"):
        kinds_for(("kil",), 60.0, 1, live=True)


@pytest.mark.parametrize("plant", PLANTS)
@pytest.mark.parametrize("seed", range(5))
def test_a_planted_bug_meets_the_faults_that_bring_it_out_unless_others_are_asked_for(plant: str, seed: int) -> None:
    drawn = {fault.kind for fault in plan_of(30.0, seed, (), 1, (), plant).planned}
    needed = BRINGS_OUT.get(plant)
    assert needed is None or drawn == set(needed)
    asked = plan_of(30.0, seed, ("network",), 1, (), plant)
    assert {fault.kind for fault in asked.planned} == {"network"}


def test_a_plant_that_a_play_run_cannot_show_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("feeds.captures.open_captures", lambda _paths: None)
    with pytest.raises(ConfigError, match="without --capture"):
        plan_of(60.0, 1, (), 1, (Path(__file__),), "lost-side")


@pytest.mark.parametrize(("seconds", "seed", "brokers"), [(29.9, 1, 1), (60.0, -1, 1), (60.0, 1, 2)])
def test_a_plan_out_of_range_is_refused(seconds: float, seed: int, brokers: int) -> None:
    with pytest.raises(ConfigError, match="out of range"):
        plan_of(seconds, seed, (), brokers, (), "")
