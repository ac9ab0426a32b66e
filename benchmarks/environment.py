"""Where the figures were made: a figure without its machine says nothing."""

from __future__ import annotations

import os
import platform
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from streams.clock import wall_ns

PACKAGES = ("confluent-kafka", "numpy", "numba", "msgspec", "orjson", "typer")
SECOND_NS = 1_000_000_000


def environment(commit: str) -> dict[str, Any]:
    """Machine, versions, load and time. ``commit`` is the caller's word: a checkout may be no repository."""
    return {
        "commit": commit,
        "date": datetime.fromtimestamp(wall_ns() // SECOND_NS, UTC).isoformat(),
        "cpu": _cpu_model(),
        "cores": os.cpu_count(),
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "versions": {name: version(name) for name in PACKAGES},
        "load_before": list(os.getloadavg()),
    }


def _cpu_model() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
