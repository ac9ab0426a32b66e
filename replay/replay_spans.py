"""A replay of several spans: one report of them all, with each span's own beside it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from typing import Any

_SPAN = re.compile(r"-span[1-9][0-9]*$")


def run_of(run: str, number: int) -> str:
    """Run id of a span of a replay; the first bears the replay's own.

    >>> run_of("20261125t074501-ab12", 0), run_of("20261125t074501-ab12", 1)
    ('20261125t074501-ab12', '20261125t074501-ab12-span2')
    """
    return run if number == 0 else f"{run}-span{number + 1}"


def replay_of(run: str) -> str:
    """Run id of the replay that a span is of.

    >>> replay_of("20261125t074501-ab12-span2"), replay_of("20261125t074501-ab12")
    ('20261125t074501-ab12', '20261125t074501-ab12')
    """
    return _SPAN.sub("", run)


def combined(reports: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """One report of all spans, in their order.

    Counts are added up, differences follow each other; hops are those of the last report, whose histograms hold all
    before it (``replay_report.reported``).
    """
    first, last = reports[0], reports[-1]
    if len(reports) == 1:
        return first
    compared: Counter[str] = Counter()
    differing: list[dict[str, Any]] = []
    for report in reports:
        compared.update(report["compared"])
        found = report["first_divergence"]
        differing += [] if found is None else [{**d, "span": report["run"]} for d in (found, *report["differing"])]
    elapsed_s = sum(report["elapsed_s"] for report in reports)
    ticks = sum(report["ticks"] for report in reports)
    behind = [report["behind"]["since_ns"] for report in reports if report["behind"]["since_ns"]]
    return {
        **last, "run": first["run"], "compared": dict(compared), "digest": [report["digest"] for report in reports],
        "recorded": {**last["recorded"], "run": ", ".join(report["recorded"]["run"] for report in reports)},
        "whole": all(report["whole"] for report in reports),
        "latencies_comparable": all(report["latencies_comparable"] for report in reports),
        "behind": {
            "since_ns": min(behind, default=None), "most_ms": max(report["behind"]["most_ms"] for report in reports),
        },
        "stress": _stress([report["stress"] for report in reports]),
        "elapsed_s": round(elapsed_s, 3), "ticks": ticks,
        "ticks_per_s": round(ticks / elapsed_s) if elapsed_s else None,
        "orders": sum(report["orders"] for report in reports),
        "identical": all(report["identical"] for report in reports),
        "first_divergence": differing[0] if differing else None, "differing": differing[1:],
        "spans": [
            {"run": r["run"], "recorded": r["recorded"]["run"], "build": r["build"], "identical": r["identical"],
             "ticks": r["ticks"], "orders": r["orders"]} for r in reports
        ],
    }  # fmt: skip


def _stress(told: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Of all spans: what each fault struck in any of them."""
    struck = zip(*(stress["struck"] for stress in told), strict=True)
    return {
        **told[0], "struck": [None if counts[0] is None else sum(counts) for counts in struck],
        "loses_input": any(stress["loses_input"] for stress in told),
    }  # fmt: skip
