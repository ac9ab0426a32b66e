"""README.md is true: its commands run word for word, and its tables list what there is."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from console.main import INTERRUPTED_EXIT
from feeds.check import REPORTED
from replay.hops import INTERVALS
from schemas import errors
from streams.crash import CRASH_EXIT
from tests.readme_blocks import README, REPOSITORY, Block, blocks, run, table

DEMO = "## What `demo --json` says"
FEED_CHECK = "## What `feed check --json` says"


def printed(block: Block, folder: Path, data_dir: Path | None) -> Any:
    """Runs a block; the JSON object that is its last line, where it is one."""
    output = run(block, folder, {} if data_dir is None else {"TAPEDECK_DATA": str(data_dir)})
    last = output.strip().splitlines()[-1]
    return json.loads(last) if last.startswith("{") else None


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


@pytest.mark.parametrize("block", blocks("sh", ""), ids=str)
def test_each_command_that_needs_no_broker_runs_word_for_word(
    block: Block, folder: Path, request: pytest.FixtureRequest
) -> None:
    data_dir = request.getfixturevalue("data_dir") if "$TAPEDECK_DATA" in block.text else None
    answer = printed(block, folder, data_dir)
    if "--json" not in block.text:
        return
    if " demo " in block.text:
        assert (answer["lost"], answer["duplicated"]) == (0, 0)
        assert set(answer) == set(table(DEMO)), "the summary's keys are not those of README's table"
    else:
        assert answer["rejected"] == 0
        assert sum(found["bbo_compared"] for found in answer["instruments"].values()) > 0


def test_the_two_commands_of_a_bare_machine_stand_in_it() -> None:
    assert [block.text for block in blocks("sh", "headline")] == [
        "python3 -m pip install uv && uv run tapedeck demo\n",
        "python3 -m pip install uv && uv run pytest\n",
    ]


def test_every_block_is_of_a_kind_that_some_test_runs() -> None:
    run_somewhere = [block for kind in (("sh", ""), ("sh", "headline"), ("sh", "kafka"), ("python", "kafka"))
                     for block in blocks(*kind)]  # fmt: skip
    openings = re.findall(r"^```(\w+.*)$", README.read_text(encoding="utf-8"), re.MULTILINE)
    assert len(run_somewhere) == len([opening for opening in openings if opening != "text"])


def test_the_flags_of_demo_are_those_of_the_command(folder: Path) -> None:
    shown = run(Block("sh", "", "COLUMNS=200 tapedeck demo --help", 0), folder, {})
    offered = set(re.findall(r"^ +(--[a-z-]+)", shown, re.MULTILINE)) - {"--help"}
    named = {word for cell in table("### Play a session") for word in re.findall(r"--[a-z-]+", cell)}
    assert named == offered


def test_the_latencies_are_those_that_are_measured() -> None:
    assert table("**`hops`** holds") == [interval.name for interval in INTERVALS]


def test_the_figures_of_a_feed_check_are_those_that_are_counted() -> None:
    assert table(FEED_CHECK) == [*REPORTED, "depth_synchronised", "lifecycles"]


def test_the_exit_codes_are_those_of_the_program() -> None:
    raised = {
        error.exit_code
        for error in vars(errors).values()
        if isinstance(error, type) and issubclass(error, errors.TapedeckError)
    }
    assert {int(code) for code in table("## Exit codes")} == {0, *raised, CRASH_EXIT, INTERRUPTED_EXIT}


def test_the_way_is_drawn_as_in_the_topology() -> None:
    topology = (REPOSITORY / "agents" / "topology.py").read_text(encoding="utf-8")
    drawn = re.search(r"^```text\n(.*?)^```$", README.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    assert drawn is not None
    assert [line.strip() for line in drawn[1].splitlines()] == [
        line.strip() for line in topology.split("::\n\n", 1)[1].split("\n\n", 1)[0].splitlines()
    ]
