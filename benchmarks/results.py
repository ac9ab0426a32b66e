"""The results file: what was measured, where, and how it stands to the committed baseline."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.declare import Benchmark

FORMAT = 1
BASELINE = Path(__file__).parent / "baseline.json"


def entry(
    benchmark: Benchmark, figures: list[dict[str, Any]], detail: Mapping[str, Any], seconds: float
) -> dict[str, Any]:
    """A benchmark's part of the file, with the load of the machine in its last minute, its own included."""
    return {
        "kind": benchmark.kind,
        "measures": benchmark.measures,
        "budget_s": benchmark.budget_s,
        "seconds": round(seconds, 1),
        "load": round(os.getloadavg()[0], 2),
        "figures": figures,
        "detail": dict(detail),
    }


def document(
    environment: Mapping[str, Any], benchmarks: Mapping[str, Any], *, pairs: int, quick: bool
) -> dict[str, Any]:
    """The whole file."""
    return {
        "format": FORMAT,
        "environment": dict(environment),
        "pairs": pairs,
        "quick": quick,
        "seconds": round(sum(b["seconds"] for b in benchmarks.values()), 1),
        "benchmarks": dict(benchmarks),
    }


def write(path: Path, results: Mapping[str, Any]) -> None:
    """Write the file: a figure a line, so that two baselines can be compared by eye."""
    path.write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def read(path: Path) -> dict[str, Any] | None:
    """A results file; None where there is none, or one of another format."""
    try:
        results: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return results if results.get("format") == FORMAT else None


def merged(baseline: Mapping[str, Any] | None, results: Mapping[str, Any]) -> dict[str, Any]:
    """Results with those benchmarks of a former file that were not run this time.

    Where only some were run, the file goes on saying where the others were made; of each of them it stands beside it.
    """
    if baseline is None:
        return dict(results)
    partial = not baseline["benchmarks"].keys() <= results["benchmarks"].keys()
    made = {name: results["environment"].get(name) for name in ("cpu", "date", "commit")}
    run = {name: {**found, "made": made} if partial else found for name, found in results["benchmarks"].items()}
    benchmarks = {**baseline["benchmarks"], **run}
    return {
        **(baseline if partial else results),
        "seconds": round(sum(b["seconds"] for b in benchmarks.values()), 1),
        "benchmarks": benchmarks,
    }


def median_of(results: Mapping[str, Any] | None, benchmark: str, figure: str) -> float | None:
    """The median of a figure; None where it is not there."""
    if results is None:
        return None
    figures = results["benchmarks"].get(benchmark, {}).get("figures", ())
    return next((f.get("median") for f in figures if f["name"] == figure), None)


def against(baseline: Mapping[str, Any] | None, benchmark: str, figure: Mapping[str, Any]) -> str:
    """How a figure stands to the baseline, e.g. ``x1.08``; empty where there is nothing to compare."""
    before, now = median_of(baseline, benchmark, figure["name"]), figure.get("median")
    return "" if not before or now is None else f"x{now / before:.2f}"
