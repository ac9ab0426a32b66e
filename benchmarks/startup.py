"""How long ``tapedeck --help`` takes, beside a Python that does nothing: by the wall, and by CPU time for the ratio."""

from __future__ import annotations

import resource
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
    wall: dict[str, list[float]] = {name: [] for name in COMMANDS}
    cpu: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for _ in range(harness.pairs):
        for name, command in COMMANDS.items():
            elapsed_s, used_s = seconds(command)
            wall[name].append(significant(elapsed_s))
            cpu[name].append(significant(used_s))
    return Found({"help": Series(wall["help"]), "help to python": Series(ratios(cpu["help"], cpu["python"]), cpu)})


def seconds(command: list[str]) -> tuple[float, float]:
    """Wall and CPU seconds of a command.

    Raises:
        TaskFailed: It fails.
    """
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), monotonic_s()
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, check=False)
    elapsed_s, after = monotonic_s() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        raise TaskFailed(f"{command[0]} failed", got=done.stderr.decode(errors="replace")[-300:])
    return elapsed_s, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
