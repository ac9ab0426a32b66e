"""A report on runs: what each was, how fast each hop was against its budget, and where their orders differ."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

from replay.budget import Budget, Verdict, judge
from replay.diff import compare
from replay.difference import Difference
from replay.measured import Measured, measure
from replay.shape import Shape
from schemas.errors import ConfigError
from streams.clock import wall_ns
from streams.log import Log

OnProgress = Callable[[str, int], None]


@dataclass(frozen=True, slots=True)
class Reported:
    """One run of a report.

    Attributes:
        label: What it stands for: an environment, a condition; the run's id where none is given.
        shape: The run.
        measured: Its latencies.
        difference: Its orders and all else against the first run's; None for the first, or where not asked for.
        why: Why there is no difference though it was asked for.
    """

    label: str
    shape: Shape
    measured: Measured
    difference: Difference | None = None
    why: str = ""


@dataclass(frozen=True)
class Report:
    """All that a page shows.

    Attributes:
        runs: The one reported on first; further ones beside it.
        budgets: By interval; empty: nothing was budgeted.
        verdicts: Each bound against the first run.
        environment: Label of where it ran, such as production or staging; empty where none was given.
        machine: Where the report was made.
        made_ns: When, wall ns.
    """

    runs: Sequence[Reported]
    budgets: dict[str, Budget] = field(default_factory=dict)
    verdicts: Sequence[Verdict] = ()
    environment: str = ""
    machine: dict[str, str] = field(default_factory=dict)
    made_ns: int = 0

    @property
    def passed(self) -> bool:
        """No bound is broken."""
        return all(verdict.passed for verdict in self.verdicts)

    def document(self) -> dict[str, Any]:
        """As one JSON-able object."""
        return {
            "passed": self.passed, "environment": self.environment, "machine": self.machine,
            "verdicts": [
                {"hop": v.hop, "percentile": v.percentile, "bound_us": v.bound_us, "got_us": v.got_us,
                 "owner": v.owner, "mitigation": v.mitigation, "passed": v.passed}
                for v in self.verdicts
            ],
            "runs": [
                {
                    "run": r.shape.watched.run, "label": r.label, "hops": r.measured.summary(),
                    "classes": {name: hops.summary() for name, hops in r.measured.classes.items()},
                    "bursts": sum(r.measured.bursts), "spikes": len(r.measured.spikes()),
                    "anomalies": r.measured.hops.anomalies(),
                    "difference": None if r.difference is None else r.difference.document(),
                }
                for r in self.runs
            ],
        }  # fmt: skip


def report(
    runs: Sequence[tuple[str, Log, Shape]], *, budgets: dict[str, Budget] | None = None, environment: str = "",
    hlog: Path | None = None, differences: bool = True, on_progress: OnProgress = lambda _what, _n: None,
) -> Report:  # fmt: skip
    """Read the runs' topics.

    Args:
        runs: (label, log, run); the first is the one that is judged.
        budgets: As ``budget.read`` gave them.
        environment: Label of where it ran.
        hlog: Folder for ``.hlog`` files of the first run; None: none are written.
        differences: Whether further runs are compared with the first.
        on_progress: Hears what is read.

    Raises:
        BrokerError: A log cannot be read.
        OSError: The folder cannot be written.
    """
    reported: list[Reported] = []
    for i, (label, log, shape) in enumerate(runs):
        measured = measure(log, shape, hlog if i == 0 else None, on_progress)
        difference, why = None, ""
        if i and differences:
            try:
                difference = compare(runs[0][1], runs[0][2], log, shape, on_progress=on_progress)
            except ConfigError as error:  # of other partitions: latencies can be compared all the same
                why = error.told
        reported.append(Reported(label, shape, measured, difference, why))
    budgets = budgets or {}
    return Report(reported, budgets, judge(budgets, reported[0].measured.summary()), environment, machine(), wall_ns())


def machine() -> dict[str, str]:
    """The machine that this process runs on."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return {
        "processor": f"{_processor()}, {os.cpu_count()} cores", "memory": f"{memory:.1f} GiB",
        "system": f"{platform.system()} {platform.release()}", "python": platform.python_version(),
        "tapedeck": version("tapedeck"),
    }  # fmt: skip


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
