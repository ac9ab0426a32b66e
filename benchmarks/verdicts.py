"""From what was measured to what is said about it: median, range, and whether each bound holds."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from benchmarks.declare import Benchmark, Figure, Found
from benchmarks.spread import spread

HELD, BROKEN, MET, MISSED = "held", "BROKEN", "met", "missed"
NOTHING = ""


def judged(benchmark: Benchmark, found: Found) -> list[dict[str, Any]]:
    """One entry a declared figure, as it stands in the results file.

    A gate that was declared and not measured is broken; a figure that was measured and not declared is a mistake.

    Raises:
        ValueError: Such a mistake.
    """
    known = {figure.name for figure in benchmark.figures}
    if unknown := sorted(set(found.series) - known):
        raise ValueError(f"{benchmark.name} gave figures that it does not declare: {', '.join(unknown)}")
    return [_entry(figure, found) for figure in benchmark.figures]


COUNTS = ("ticks",)
"""Units of what is counted: these bounds hold on any machine, whatever else it does."""


def broken(results: Mapping[str, Any], *, counts_only: bool = False) -> list[str]:
    """``benchmark: figure`` of every gate in a results file that does not hold, and of benchmarks that failed."""
    names = []
    for name, result in results["benchmarks"].items():
        if result.get("error"):
            names.append(f"{name}: {result['error']}")
        names += [
            f"{name}: {f['name']}"
            for f in result["figures"]
            if f["verdict"] == BROKEN and (f["unit"] in COUNTS or not counts_only)
        ]
    return names


def _entry(figure: Figure, found: Found) -> dict[str, Any]:
    series = found.series.get(figure.name)
    values = [] if series is None else [float(value) for value in series.values]
    entry: dict[str, Any] = {"name": figure.name, "kind": figure.kind, "unit": figure.unit}
    limit = figure.bound or figure.goal
    if limit is not None:
        entry["bound" if figure.bound else "goal"] = {"at_least": limit.at_least, "at_most": limit.at_most}
    middle = math.nan
    if values:
        entry |= spread(values)
        middle = entry["median"]
        entry["values"] = values
        if series is not None and series.sides:
            entry["sides"] = {side: list(of_side) for side, of_side in series.sides.items()}
    entry["verdict"] = _verdict(figure, middle)
    return entry


def _verdict(figure: Figure, middle: float) -> str:
    if figure.bound is not None:
        return HELD if figure.bound.holds(middle) else BROKEN
    if figure.goal is not None and not math.isnan(middle):
        return MET if figure.goal.holds(middle) else MISSED
    return NOTHING
