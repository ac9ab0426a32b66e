"""Benchmarks: the statistics, the verdicts, the file, and what the command returns. No test asserts a time."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks import __main__ as command
from benchmarks import results as files
from benchmarks import table
from benchmarks.declare import Benchmark, Figure, Found, Limit, Series
from benchmarks.environment import environment
from benchmarks.harness import Harness
from benchmarks.registry import BENCHMARKS
from benchmarks.spread import curve_us, percentiles_us, ratios, spread
from benchmarks.verdicts import BROKEN, HELD, MET, MISSED, broken, judged
from schemas.errors import TaskFailed

GATE = Figure("ratio", "ratio", bound=Limit(at_least=0.6))


def planted(*figures: Figure, **more: Any) -> Benchmark:
    return Benchmark(
        "planted", "what a test planted", "tests.unit.test_benchmark_verdicts", 1, figures or (GATE,), **more
    )


def found(values: list[float], name: str = "ratio") -> Found:
    return Found({name: Series(values, {"a": values, "b": [1.0] * len(values)})})


def run(harness: Harness, *, values: list[float]) -> Found:
    """What the command imports: this module stands in for a benchmark's."""
    if not values:
        raise TaskFailed("planted to fail")
    return found(values)


# ---- statistics ---------------------------------------------------------------------------------------------------


def test_the_median_and_the_range_of_five_pairs() -> None:
    assert spread([0.5, 0.9, 0.7, 0.6, 0.8]) == {"median": 0.7, "min": 0.5, "max": 0.9}


def test_ratios_are_taken_pair_by_pair() -> None:
    # A machine that slows down by half between pairs moves both sides, and no ratio.
    assert ratios([10.0, 5.0], [20.0, 10.0]) == [0.5, 0.5]
    with pytest.raises(ValueError, match="shorter"):
        ratios([1.0, 2.0], [1.0])


def test_percentiles_are_those_of_the_values_to_three_digits() -> None:
    values = np.arange(1, 100_001, dtype=np.int64) * 1_000
    got = percentiles_us(values)
    assert got["count"] == 100_000
    for name, exact in (("p50", 50_000), ("p99", 99_000), ("p999", 99_900), ("max", 100_000)):
        assert got[name] == pytest.approx(exact, rel=2e-3)
    curve = curve_us(values)
    assert next(p for p, _ in curve) == 0
    assert [us for _, us in curve] == sorted(us for _, us in curve)


def test_percentiles_of_nothing_say_that_there_was_nothing() -> None:
    assert percentiles_us(np.empty(0, dtype=np.int64)) == {"count": 0}


# ---- verdicts -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("figure", "values", "verdict"),
    [
        (GATE, [0.6, 0.6, 0.6], HELD),
        (GATE, [0.9, 0.5, 0.59], BROKEN),
        (Figure("ratio", "ratio", bound=Limit(at_most=1.3)), [1.0, 9.0, 1.3], HELD),
        (Figure("ratio", "ratio", bound=Limit(at_most=0)), [1.0], BROKEN),
        (Figure("ratio", "s", goal=Limit(at_most=0.4)), [0.3], MET),
        (Figure("ratio", "s", goal=Limit(at_most=0.4)), [0.5], MISSED),
        (Figure("ratio", "s"), [0.5], ""),
    ],
)
def test_the_median_is_held_against_the_bound(figure: Figure, values: list[float], verdict: str) -> None:
    (entry,) = judged(planted(figure), found(values))
    assert entry["verdict"] == verdict
    assert entry["kind"] == ("gate" if figure.bound else "informational")


def test_a_gate_that_was_not_measured_is_broken() -> None:
    (entry,) = judged(planted(), Found({}))
    assert entry["verdict"] == BROKEN


def test_a_value_that_is_no_number_holds_no_bound() -> None:
    assert not Limit(at_least=0.0).holds(math.nan)
    assert not Limit(at_most=1.0).holds(math.nan)


def test_a_figure_that_is_not_declared_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="does not declare"):
        judged(planted(), found([1.0], "another"))


def test_a_limit_has_exactly_one_side() -> None:
    for sides in ({}, {"at_least": 1.0, "at_most": 2.0}):
        with pytest.raises(ValueError, match="one side"):
            Limit(**sides)


# ---- the command --------------------------------------------------------------------------------------------------


def go(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, values: list[float], *flags: str
) -> tuple[int, dict[str, Any]]:  # fmt: skip
    monkeypatch.setattr(command, "BENCHMARKS", (planted(arguments={"values": values}),))
    monkeypatch.setattr(command.chosen, "__defaults__", ((planted(arguments={"values": values}),),))
    path = tmp_path / "results.json"
    code = command.main(["--gate", "--json", str(path), "--commit", "abc", *flags])
    return code, json.loads(path.read_text())


def test_a_gate_that_holds_exits_0(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    code, results = go(monkeypatch, tmp_path, [0.7] * 5)
    assert code == 0
    assert broken(results) == []


def test_a_gate_that_is_broken_exits_1_and_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, results = go(monkeypatch, tmp_path, [0.5] * 5)
    assert code == 1
    assert broken(results) == ["planted: ratio"]
    assert "broken: planted: ratio" in capsys.readouterr().err


def test_a_benchmark_that_fails_breaks_the_gate(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    code, results = go(monkeypatch, tmp_path, [])
    assert code == 1
    assert "planted to fail" in broken(results)[0]


def test_no_bounds_says_what_is_broken_and_exits_0(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    code, results = go(monkeypatch, tmp_path, [0.5], "--no-bounds")
    assert code == 0
    assert broken(results) == ["planted: ratio"]


def test_no_bounds_does_not_hide_a_benchmark_that_fails(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert go(monkeypatch, tmp_path, [], "--no-bounds")[0] == 1


def test_no_bounds_does_not_hide_a_count_that_is_wrong() -> None:
    benchmark = planted(Figure("ratio", "ticks", bound=Limit(at_most=0)))
    entry = files.entry(benchmark, judged(benchmark, found([1.0])), {}, 1.0)
    assert broken({"benchmarks": {"planted": entry}}, counts_only=True) == ["planted: ratio"]
    assert broken(results_of([0.1]), counts_only=True) == []


def test_a_benchmark_that_there_is_not_exits_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["nothing-of-the-kind"]) == 2
    assert "flat-kafka-256" in capsys.readouterr().err


def test_without_arguments_every_benchmark_is_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main([]) == 0
    listed = capsys.readouterr().err
    assert not [b.name for b in BENCHMARKS if b.name not in listed]


# ---- the file -----------------------------------------------------------------------------------------------------


def results_of(values: list[float]) -> dict[str, Any]:
    benchmark = planted()
    entry = files.entry(benchmark, judged(benchmark, found(values)), {"why": "a test"}, 1.25)
    return files.document(environment("abc"), {"planted": entry}, pairs=len(values), quick=False)


def test_the_file_says_what_was_measured_where_and_how(tmp_path: Path) -> None:
    results = results_of([0.5, 0.7, 0.9])
    path = tmp_path / "results.json"
    files.write(path, results)
    assert files.read(path) == results
    assert {"commit", "date", "cpu", "cores", "python", "versions", "load_before"} <= set(results["environment"])
    (figure,) = results["benchmarks"]["planted"]["figures"]
    assert figure["values"] == [0.5, 0.7, 0.9]
    assert figure["sides"] == {"a": [0.5, 0.7, 0.9], "b": [1.0, 1.0, 1.0]}
    assert (figure["median"], figure["min"], figure["max"]) == (0.7, 0.5, 0.9)
    assert figure["bound"] == {"at_least": 0.6, "at_most": None}


def test_a_figure_is_shown_beside_the_baseline() -> None:
    before, now = results_of([0.5]), results_of([0.54])
    (figure,) = now["benchmarks"]["planted"]["figures"]
    assert files.against(before, "planted", figure) == "x1.08"
    assert files.against(None, "planted", figure) == ""
    assert files.against(before, "another", figure) == ""


def test_a_new_baseline_keeps_what_was_not_run_again() -> None:
    old = results_of([0.5])
    old["benchmarks"]["other"] = old["benchmarks"]["planted"]
    assert set(files.merged(old, results_of([0.6]))["benchmarks"]) == {"planted", "other"}


def test_a_file_of_another_format_is_no_baseline(tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    path.write_text('{"format": 0}')
    assert files.read(path) is None
    assert files.read(tmp_path / "absent.json") is None


def test_a_table_is_drawn_of_any_results(capsys: pytest.CaptureFixture[str]) -> None:
    results = results_of([0.5, 0.7])
    results["benchmarks"]["failed"] = {**files.entry(planted(), [], {}, 1.0), "error": "planted"}
    table.show_results(results, None)
    shown = capsys.readouterr().err
    assert "planted" in shown
    assert "ratio" in shown


# ---- the registry -------------------------------------------------------------------------------------------------


def test_names_are_one_of_a_kind_and_the_gate_fits_its_ten_minutes() -> None:
    names = [b.name for b in BENCHMARKS]
    assert len(set(names)) == len(names)
    assert sum(b.budget_s for b in BENCHMARKS if b.kind == "gate") <= 600
    for benchmark in BENCHMARKS:
        assert len({f.name for f in benchmark.figures}) == len(benchmark.figures)


def test_no_gate_is_an_absolute_speed() -> None:
    # What has a bound is a ratio or a count; the one time that has is far from what it takes.
    allowed = {"ratio", "ticks"}
    units = {(b.name, f.name, f.unit) for b in BENCHMARKS for f in b.figures if f.bound and f.unit not in allowed}
    assert units == {("burst", "drained", "s")}
