"""Runs of a simulated session of many instruments: known, limited, traded, and sound."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from agents.limits import check_limits, default_limits, limits_of, load_limits
from agents.parameters import default_parameters
from console.demo_plan import Choices, plan_of
from feeds.definitions import DEFINITIONS
from feeds.simulated_instruments import POSITION_NOTIONAL, profiles, simulated_definitions
from replay.plan import PlayPlan
from replay.session import MemorySession
from replay.summary import summarise
from schemas.columns import PRICE_SCALE
from schemas.errors import ConfigError


def test_fifty_instruments_run_soundly_and_made_up_ones_are_traded() -> None:
    session = MemorySession(PlayPlan(run="r", seconds=5.0, instruments=50, speed=0.0))
    session.run(lambda: None)
    summary, audit = summarise(session)
    assert (summary["lost"], summary["duplicated"]) == (0, 0)
    assert summary["orders"] > 0
    assert summary["dead_letters"] == 0
    names = {d.instrument_id: d.instrument for d in session.plan.definitions}
    traded = {names[number] for number in audit.pnl.positions()}
    assert any("SIM" in name for name in traded)
    assert "USDT" in summary["pnl"]


def test_a_short_default_session_makes_orders_and_loses_nothing() -> None:
    session = MemorySession(PlayPlan(run="r", seconds=5.0, speed=0.0))
    session.run(lambda: None)
    summary, _ = summarise(session)
    assert (summary["lost"], summary["duplicated"]) == (0, 0)
    assert summary["orders"] > 0
    assert summary["executions"] > 0


def test_a_run_knows_the_shipped_instruments_and_its_made_up_ones() -> None:
    assert PlayPlan(run="r").definitions == DEFINITIONS
    plan = PlayPlan(run="r", instruments=9)
    assert plan.definitions == simulated_definitions(9)
    assert set(plan.opening().parameters["position_max"]) == {d.instrument for d in plan.definitions}


def test_made_up_instruments_have_limits_worth_what_the_shipped_ones_are() -> None:
    definitions = simulated_definitions(60)
    limits = default_limits(definitions)
    check_limits(limits, "defaults")
    positions: dict[str, Any] = default_parameters(definitions)["position_max"]
    for profile in profiles(60)[6:]:
        definition = profile.definition
        known = limits_of(limits, definition)
        assert None not in (known.position_max, known.quantity_max, known.notional_max, known.price_collar_ppm)
        price = profile.start_ticks * definition.price_increment
        worth = (known.position_max or 0) * definition.size_increment * price / PRICE_SCALE**2
        assert 0.9 * POSITION_NOTIONAL < worth <= POSITION_NOTIONAL
        assert positions[definition.instrument] == known.position_max
        assert positions[definition.instrument] >= 4, "targets move in quarters"


def test_limits_that_are_given_are_taken_as_they_are() -> None:
    plan = PlayPlan(run="r", instruments=9, limits={"account": {"message_rate_max": 5}})
    assert plan.opening().limits == {"account": {"message_rate_max": 5}}


def test_a_limits_file_may_name_made_up_instruments_and_no_unknown_ones(tmp_path: Path) -> None:
    file = tmp_path / "limits.toml"
    shipped = files("agents").joinpath("limits.toml").read_text()
    file.write_text(f'{shipped}\n[instrument."spot:SIM0001USDT"]\nquantity_max = "1"\n')
    load_limits(file)
    file.write_text(f'{shipped}\n[instrument."spot:DOGEUSDT"]\nquantity_max = "1"\n')
    load_limits(file, added=True)
    with pytest.raises(ConfigError, match="unknown key"):
        load_limits(file)


@pytest.mark.parametrize("instruments", [0, 5_001])
def test_a_number_of_instruments_out_of_range_is_refused_with_its_flag(instruments: int) -> None:
    with pytest.raises(ConfigError, match="--instruments"):
        plan_of(Choices(instruments=instruments))


def test_the_flag_is_refused_with_captures() -> None:
    with pytest.raises(ConfigError, match="captures say what they are of"):
        plan_of(Choices(instruments=4, captures=[Path("x.gz")]))


def test_the_flag_reaches_the_run() -> None:
    assert plan_of(Choices(instruments=7)).instruments == 7
    assert plan_of(Choices()).instruments == 3
