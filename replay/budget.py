"""The latency budget: ``latency.toml`` says of each interval who owns it, what is allowed, and what to do beyond it.

::

    [tick_to_order]
    owner = "execution desk"
    p50 = "20 ms"
    p99 = "150 ms"
    mitigation = "fewer instruments a partition; see docs/performance.md"
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from replay.hops import INTERVALS, HopSummary
from schemas.errors import ConfigError

FILE = "latency.toml"
PERCENTILES = {"p50": "p50_us", "p95": "p95_us", "p99": "p99_us", "p99.9": "p999_us", "max": "max_us"}
"""Keys that bound a latency, and the summary's figure of each."""
WORDS = ("owner", "mitigation")
UNITS_US = {"ns": 0.001, "us": 1.0, "ms": 1_000.0, "s": 1_000_000.0}
BYTES_MAX = 65_536
_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(ns|us|ms|s)")


@dataclass(frozen=True, slots=True)
class Budget:
    """Of one interval: the largest latencies allowed, us, by percentile as in ``PERCENTILES``."""

    hop: str
    owner: str = ""
    mitigation: str = ""
    bounds_us: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Verdict:
    """One bound, and what was measured; None where nothing was, which passes nothing."""

    hop: str
    percentile: str
    bound_us: float
    got_us: float | None
    owner: str
    mitigation: str

    @property
    def passed(self) -> bool:
        """Within the bound."""
        return self.got_us is not None and self.got_us <= self.bound_us


def read(path: Path) -> dict[str, Budget]:
    """Budgets by interval.

    Raises:
        ConfigError: The file cannot be read, or is no budget; names the key.
    """
    try:
        with path.open("rb") as file:
            data = file.read(BYTES_MAX + 1)
        found = tomllib.loads(data.decode())
    except OSError as error:
        raise ConfigError("a latency budget cannot be read", kind="file_unreadable",
                          got=error.strerror or str(error), where=str(path)) from error  # fmt: skip
    except (ValueError, RecursionError) as error:
        raise ConfigError("a latency budget is no TOML", kind="not_toml", got=str(error), where=str(path)) from error
    return {hop: _budget(hop, table, str(path)) for hop, table in found.items()}


def judge(budgets: Mapping[str, Budget], summary: Mapping[str, HopSummary]) -> list[Verdict]:
    """Every bound against what was measured. What the run cannot have (a gap within a fused task) is left out."""
    return [
        Verdict(hop, percentile, bound, summary[hop][PERCENTILES[percentile]], budget.owner, budget.mitigation)  # type: ignore[literal-required]
        for hop, budget in budgets.items()
        if hop in summary
        for percentile, bound in budget.bounds_us.items()
    ]


def _budget(hop: str, table: Any, where: str) -> Budget:
    known = [interval.name for interval in INTERVALS]
    if hop not in known:
        raise _refused(hop, "an unknown interval", ", ".join(known), where)
    if not isinstance(table, dict):
        raise _refused(hop, type(table).__name__, f"a table: [{hop}]", where)
    for key, value in table.items():
        if key not in WORDS and key not in PERCENTILES:
            raise _refused(f"{hop}.{key}", "an unknown key", ", ".join((*WORDS, *PERCENTILES)), where)
        if not isinstance(value, str):
            raise _refused(f"{hop}.{key}", repr(value), 'text, e.g. "20 ms"', where)
    bounds = {key: _us(f"{hop}.{key}", table[key], where) for key in PERCENTILES if key in table}
    if not bounds:
        raise _refused(hop, "no bound", f"at least one of {', '.join(PERCENTILES)}", where)
    return Budget(hop, table.get("owner", ""), table.get("mitigation", ""), bounds)


def _us(key: str, text: str, where: str) -> float:
    match = _DURATION.fullmatch(text.strip())
    if match is None:
        raise _refused(key, text, f'a number and a unit ({", ".join(UNITS_US)}), e.g. "20 ms"', where)
    return float(match[1]) * UNITS_US[match[2]]


def _refused(key: str, got: str, allowed: str, where: str) -> ConfigError:
    return ConfigError("a latency budget is refused", kind="bad_budget", got=got, allowed=allowed,
                       where=f"{where}: {key}")  # fmt: skip
