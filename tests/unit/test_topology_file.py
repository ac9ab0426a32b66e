"""A topology file: every key checked before anything starts, and the desk's own code loaded and held to its hash."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from agents.context import context_of
from agents.live_plan import LivePlan, load_topology
from agents.plugins import strategy_of, view_of
from agents.strategy import Strategy
from agents.touch_pressure import STRATEGY
from agents.warm import warm
from console.main import main
from features.view import DEFAULT_VIEW
from feeds.definitions import BY_INSTRUMENT
from operations.instruments import read_instruments
from schemas.errors import ConfigError
from schemas.tick import TICK


@pytest.fixture
def project(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    """What ``tapedeck init`` writes."""
    assert main(["init", str(tmp_path / "mine")]) == 0
    capsys.readouterr()
    return tmp_path / "mine"


def changed(project: Path, file: str, before: str, after: str) -> LivePlan:
    path = project / file
    text = path.read_text()
    assert before in text
    path.write_text(text.replace(before, after))
    return load_topology(project / "topology.toml")


def test_what_ships_is_a_topology_too() -> None:
    plan = load_topology(None)
    opened = plan.opening("r")
    assert (opened.mode, opened.strategy, opened.source) == ("live", STRATEGY.name, "simulator")
    assert plan.view is DEFAULT_VIEW
    assert plan.names == ("clock", "normalise", "hot", "risk", "venue", "feed")


def test_a_fresh_project_loads_and_says_what_it_is_made_of(project: Path) -> None:
    plan = load_topology(project / "topology.toml")
    opened = plan.opening("r")
    assert opened.strategy == "mine"
    assert opened.parameters["position_max"]["spot:BTCUSDT"] == 20_000, "0.2 BTC in units of 0.00001"
    assert [(c["kind"], c["load"]) for c in opened.code] == [
        ("strategy", "strategy.py:STRATEGY"), ("feature", "families.py:TOUCH_DEPTH")
    ]  # fmt: skip
    assert opened.model["view"] == plan.view.hash != DEFAULT_VIEW.hash
    assert plan.view.names[-2:] == ("volatility_1m", "touch_depth")


def test_a_run_is_built_from_its_opening_record_alone(project: Path) -> None:
    plan = load_topology(project / "topology.toml")
    context = context_of(plan.opening("r"), plan.definitions, project)
    assert view_of(context).hash == plan.view.hash
    assert strategy_of(context).name == "mine"
    hot = next(task for task in plan.tasks if task.name == "hot")
    warm(hot.build(context), context)


def test_code_that_was_changed_since_the_run_was_opened_is_refused(project: Path) -> None:
    plan = load_topology(project / "topology.toml")
    context = context_of(plan.opening("r"), plan.definitions, project)
    with (project / "strategy.py").open("a") as file:
        file.write("# a remark\n")
    with pytest.raises(
        ConfigError, match=r"not what the run was opened with.*strategy\.py:STRATEGY|strategy\.py"
    ) as told:
        strategy_of(context)
    assert told.value.kind == "config.code_changed"


def test_a_family_of_its_own_fills_its_column_and_remembers(project: Path) -> None:
    view = load_topology(project / "topology.toml").view
    rows = np.zeros(3, dtype=TICK)
    rows["ts_log"], rows["bid_price"], rows["ask_price"] = [1, 2, 3], 99, 101
    rows["bid_size"], rows["ask_size"] = [3, 0, 5], [4, 4, 6]
    column = view.names.index("touch_depth")
    whole, slots = np.empty((3, len(view.names))), np.zeros(3, dtype=np.int32)
    view.start(1).compute(rows, slots, whole)
    assert whole[:, column].tolist() == [7.0, 7.0, 11.0]
    parts, state = np.empty((3, len(view.names))), view.start(1)
    for i in range(3):
        state.compute(rows[i : i + 1], slots[i : i + 1], parts[i : i + 1])
        state = view.restore({name: array.copy() for name, array in state.arrays().items()})
    assert parts.tobytes() == whole.tobytes(), "cut anywhere and restored, the bits are the same"


WRONG: dict[str, tuple[str, str, str, str, str]] = {
    "an unknown table": ("topology.toml", "[venue]", "[venues]", "bad_key", "venues"),
    "an unknown key": ("topology.toml", "latency_ms", "latency", "bad_key", "venue"),
    "a negative latency": ("topology.toml", "latency_ms = 50", "latency_ms = -1", "bad_key", "venue.latency_ms"),
    "a latency in words": ("topology.toml", "latency_ms = 50", 'latency_ms = "x"', "bad_key", "venue.latency_ms"),
    "no instruments": ("topology.toml", "instruments = 3", "instruments = 0", "bad_key", "feed.instruments"),
    "an unknown feed": ("topology.toml", '"simulator"  ', '"socket"  ', "bad_key", "feed.kind"),
    "captures without files": ("topology.toml", '"simulator"  ', '"captures"  ', "feed_conflict", "feed.captures"),
    "a stranger's feed without a name": ("topology.toml", '"simulator"  ', '"none"  ', "feed_conflict", "feed.source"),
    "no such strategy file": ("topology.toml", "strategy.py:", "missing.py:", "plugin_missing", "strategy.load"),
    "no such name": ("topology.toml", ":STRATEGY", ":STRATEGIES", "plugin_missing", "STRATEGY"),
    "no such entry point": ("topology.toml", "strategy.py:STRATEGY", "nobody", "plugin_missing", "tapedeck.strategies"),
    "another thing than a strategy": ("topology.toml", ":STRATEGY", ":STEPS", "plugin_type", "Target"),
    "an unknown parameter": ("topology.toml", "full_bps", "fullness", "no_parameter", "full_bps"),
    "an instrument that is none": ("topology.toml", '"spot:BTCUSDT"', '"XYZ"', "no_instrument", "spot:BTCUSDT"),
    "one that is not simulated": ("topology.toml", '"spot:BTCUSDT"', '"spot:SIM0999USDT"', "no_instrument", "SIM0999"),
    "a position in words": ("topology.toml", '"0.2"', '"much"', "bad_size", "strategy.position_max"),
    "a missing view": ("topology.toml", '"view.toml"', '"nowhere.toml"', "file_unreadable", "nowhere.toml"),
    "an unknown family": ("view.toml", '"spread"', '"spraed"', "bad_view", "spraed"),
    "a half-life too many": ("view.toml", "\"spread\"", "\"spread\"\nhalf_life_s = 1", "bad_view", "spread"),
    "a weight of nothing": ("model.toml", "touch_imbalance", "touch_balance", "no_column", "touch_balance"),
    "a model that is no TOML": ("model.toml", "[weights]", "[weights", "not_toml", "model.toml"),
    "limits with an unknown key": ("limits.toml", "notional_max", "notional", "unknown_key", "limits.toml"),
    "a file that raises": ("strategy.py", "STEPS = 4", "STEPS = 1 / 0", "plugin_import", "strategy.py:"),
    "a kernel that is not compiled": ("strategy.py", "@kernel\n", "", "plugin_import", "kernel"),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_named_with_its_place(name: str, project: Path) -> None:
    file, before, after, kind, place = WRONG[name]
    with pytest.raises(ConfigError) as told:
        changed(project, file, before, after)
    assert told.value.kind == f"config.{kind}"
    assert place in str(told.value)
    assert "\n" not in str(told.value)


def test_a_kernel_that_numba_cannot_compile_is_said_in_one_line(project: Path) -> None:
    plan = changed(project, "strategy.py", "share = min(", "share = open('x') or min(")
    context = context_of(plan.opening("r"), plan.definitions, project)
    with pytest.raises(ConfigError, match="cannot be compiled") as told:
        warm([Strategy(context)], context)
    assert told.value.kind == "config.plugin_compile"
    assert "\n" not in str(told.value)


def test_nothing_is_overwritten(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = {path.name: path.read_bytes() for path in project.iterdir()}
    assert main(["init", str(project)]) == 2
    assert "not empty" in capsys.readouterr().err
    assert {path.name: path.read_bytes() for path in project.iterdir()} == before


@pytest.mark.parametrize("name", ["", "9lives", "a b", "../..", "x" * 65])
def test_a_name_that_cannot_name_a_strategy_is_refused(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["init", name]) == 2
    assert "not a name" in capsys.readouterr().err


def test_a_target_beyond_the_largest_position_is_cut_to_it(project: Path) -> None:
    plan: Any = changed(project, "strategy.py", "return int(share * STEPS) * (position_max // STEPS)",
                        "return 1000 * position_max if share > 0 else -1000 * position_max")  # fmt: skip
    from agents.target_scan import WANT_INTENT, scan_of
    from schemas.score import SCORE

    row = np.zeros(1, dtype=SCORE)
    row["instrument_id"], row["score"], row["bid_price"], row["ask_price"] = 1, 5.0, 99, 101
    row.flags.writeable = False
    context = context_of(plan.opening("r"), plan.definitions, project)
    target = strategy_of(context)
    slots, zeros = context.slots, np.zeros(len(plan.definitions), dtype=np.int64)
    most = zeros + 40
    memory = np.zeros((len(zeros), target.memory))
    found = scan_of(target)(
        row, 0, slots, zeros, most, zeros, zeros, zeros + 2**62, 2**63 - 1, np.array(target.values({})), memory
    )
    assert found == (0, 40, WANT_INTENT)
    assert BY_INSTRUMENT["spot:BTCUSDT"].instrument_id == 1


def test_a_monitor_of_the_feeds_is_a_process_of_the_run_and_no_part_of_what_the_run_is(tmp_path: Path) -> None:
    (file := tmp_path / "topology.toml").write_text("[monitoring]\nfeed_health = true\nwindow_s = 5\n")
    watched, plain = load_topology(file), load_topology(None)
    assert watched.names == (*plain.names, "health")
    assert "health" in watched.names_of([0])
    assert "health" not in watched.names_of([1])
    assert watched.opening("r") == plain.opening("r"), "the release's id is of the opening"
    file.write_text("[monitoring]\nfeed_health = true\nwindow_s = 0\n")
    with pytest.raises(ConfigError, match=r"monitoring\.window_s"):
        load_topology(file)


def test_a_wrong_value_is_not_told_as_a_wrong_key_and_an_item_s_keys_are_its_own(tmp_path: Path) -> None:
    (file := tmp_path / "acme.toml").write_text('[[instrument]]\ninstrument = "ACME"\n')
    with pytest.raises(ConfigError) as told:
        read_instruments(file)
    assert (told.value.where, told.value.allowed) == (f"{file}: instrument[0].instrument", "")
    file.write_text('[[instrument]]\ninstrument = "spot:ACME"\nprise_increment = "1"\n')
    with pytest.raises(ConfigError) as told:
        read_instruments(file)
    assert "price_increment" in told.value.allowed
    file.write_text("= =")
    with pytest.raises(ConfigError) as told:
        read_instruments(file)
    assert told.value.fix == "", "tapedeck init writes no such file"
