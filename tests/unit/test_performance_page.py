"""docs/performance.md says what the committed baseline says."""

from __future__ import annotations

import re
from typing import Any

import pytest

from benchmarks.pages import PAGE, PLACE, TABLES, rewritten
from benchmarks.registry import BENCHMARKS
from benchmarks.results import BASELINE, read

PLOT_BYTES_MAX = 150_000
COMMAND = "run: just bench-baseline, or python -m benchmarks --docs"


@pytest.fixture(scope="module")
def baseline() -> dict[str, Any]:
    found = read(BASELINE)
    assert found is not None, COMMAND
    return found


def test_every_figure_on_the_page_is_the_baselines(baseline: dict[str, Any]) -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert rewritten(text, baseline) == text, COMMAND


def test_every_table_has_its_place_and_is_filled() -> None:
    places = {match[2]: match[0] for match in PLACE.finditer(PAGE.read_text(encoding="utf-8"))}
    assert set(places) == set(TABLES)
    assert not [name for name, table in places.items() if table.count("\n|") < 3]


def test_a_figure_that_was_changed_by_hand_is_found(baseline: dict[str, Any]) -> None:
    text = PAGE.read_text(encoding="utf-8")
    forged = re.sub(r"\| (\d)", r"| 9\1", text, count=1)
    assert forged != text
    assert rewritten(forged, baseline) == text


def test_the_baseline_is_of_full_runs_and_of_every_benchmark(baseline: dict[str, Any]) -> None:
    assert not baseline["quick"]
    assert baseline["pairs"] >= 5
    assert set(baseline["benchmarks"]) >= {b.name for b in BENCHMARKS if not b.slow}
    declared = {b.name: {f.name for f in b.figures} for b in BENCHMARKS}
    for name, benchmark in baseline["benchmarks"].items():
        assert {f["name"] for f in benchmark["figures"]} == declared[name], name


def test_every_plot_is_there_and_small() -> None:
    plots = re.findall(r"\]\((performance/[\w-]+\.png)\)", PAGE.read_text(encoding="utf-8"))
    assert len(plots) == 3
    for plot in plots:
        assert 5_000 < (PAGE.parent / plot).stat().st_size < PLOT_BYTES_MAX
