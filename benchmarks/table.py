"""Results as people read them: one line a figure, 100 columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.declare import Benchmark
from benchmarks.results import against
from benchmarks.verdicts import BROKEN, HELD, MET, MISSED

COLOURS = {HELD: "green", BROKEN: "bold red", MET: "green", MISSED: "yellow"}
WIDTH_PIPED = 120


def console() -> Console:
    """Where tables go: standard error where it is a terminal or not, so that standard output stays JSON alone."""
    found = Console(stderr=True)
    return found if found.is_terminal else Console(stderr=True, width=WIDTH_PIPED)


def show_list(benchmarks: Sequence[Benchmark]) -> None:
    """Every benchmark: name, kind, budget, what it measures, and the bounds it must keep."""
    table = Table(box=None, pad_edge=False)
    for heading in ("benchmark", "kind", "s", "measures", "bounds and goals"):
        table.add_column(heading, overflow="fold", justify="right" if heading == "s" else "left")
    for benchmark in benchmarks:
        bounds = [
            f"{f.name} {f.bound}" if f.bound else f"{f.name} (goal {f.goal})"
            for f in benchmark.figures
            if f.bound or f.goal
        ]
        table.add_row(
            benchmark.name, benchmark.kind, f"{benchmark.budget_s:g}", benchmark.measures, "\n".join(bounds)
        )  # fmt: skip
    console().print(table)


def show_results(results: Mapping[str, Any], baseline: Mapping[str, Any] | None, *, gates_only: bool = False) -> None:
    """Figures with median, range, bound, verdict, and their place beside the baseline."""
    table = Table(box=None, pad_edge=False)
    for heading in ("benchmark", "figure", "median", "range", "unit", "bound (goal)", "verdict", "of baseline"):
        table.add_column(heading, justify="right" if heading in ("median", "range", "of baseline") else "left")
    for name, result in results["benchmarks"].items():
        first = True
        for figure in result["figures"]:
            if gates_only and figure["kind"] != "gate" and "goal" not in figure:
                continue
            table.add_row(name if first else "", *_cells(name, figure, baseline))
            first = False
        if result.get("error"):
            table.add_row(name if first else "", f"[bold red]{result['error']}[/]")
    console().print(table)


def _cells(benchmark: str, figure: Mapping[str, Any], baseline: Mapping[str, Any] | None) -> list[str]:
    middle = number(figure.get("median"))
    between = f"{number(figure.get('min'))} .. {number(figure.get('max'))}" if "min" in figure else ""
    verdict = figure["verdict"]
    colour = COLOURS.get(verdict)
    return [
        figure["name"], middle, between, figure["unit"], _limit(figure),
        f"[{colour}]{verdict}[/]" if colour else verdict, against(baseline, benchmark, figure),
    ]  # fmt: skip


def number(value: float | None) -> str:
    """A value with as many digits as tell something.

    >>> [number(v) for v in (0.04213, 1.2345, 56.78, 12345.6, None)]
    ['0.0421', '1.23', '56.8', '12,346', '-']
    """
    if value is None:
        return "-"
    if value == int(value) and abs(value) < 1_000:
        return str(int(value))
    return f"{value:,.0f}" if abs(value) >= 1_000 else f"{value:.3g}"


def _limit(figure: Mapping[str, Any]) -> str:
    limit = figure.get("bound") or figure.get("goal")
    if not limit:
        return ""
    text = f">= {number(limit['at_least'])}" if limit["at_least"] is not None else f"<= {number(limit['at_most'])}"
    return text if "bound" in figure else f"({text})"
