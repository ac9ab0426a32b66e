"""How long ``tapedeck --help`` takes, beside a Python that does nothing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from benchmarks.declare import Found, Series
from benchmarks.harness import Harness
from benchmarks.processes import REPOSITORY
from benchmarks.spread import ratios, significant
from schemas.errors import TaskFailed
from streams.clock import monotonic_s

TAPEDECK = Path(sys.executable).with_name("tapedeck")
COMMANDS = {"help": [str(TAPEDECK), "--help"], "python": [sys.executable, "-c", "pass"]}


def run(harness: Harness) -> Found:
    """Alternating pairs, after one of each that is not counted."""
    for command in COMMANDS.values():
        seconds(command)
    taken: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for _ in range(harness.pairs):
        for name, command in COMMANDS.items():
            taken[name].append(significant(seconds(command)))
    return Found(
        {"help": Series(taken["help"]), "help to python": Series(ratios(taken["help"], taken["python"]), taken)}
    )


def seconds(command: list[str]) -> float:
    """Wall time of a command.

    Raises:
        TaskFailed: It fails.
    """
    began = monotonic_s()
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, check=False)
    taken = monotonic_s() - began
    if done.returncode:
        raise TaskFailed(f"{command[0]} failed", got=done.stderr.decode(errors="replace")[-300:])
    return taken
