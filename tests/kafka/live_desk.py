"""A live topology in processes of its own, on a broker of its own: live topics have no prefix, so one a cluster."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from streams.broker import EmbeddedBroker
from streams.clock import monotonic_s, sleep_s
from streams.home import HOME_VARIABLE

REPOSITORY = Path(__file__).resolve().parents[2]
WAIT_S_MAX = 240.0
"""Nothing that a desk does takes longer, on whatever machine."""
_WORKER = re.compile(r"(?:agents\.worker|monitoring\.health_worker) .*\"task\":\"([\w@]+)\"")


class LiveDesk:
    """A home, its broker, and the commands given to it."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.environment = {**os.environ, HOME_VARIABLE: str(home), "TAPEDECK_BOOTSTRAP": ""}
        self._started: list[subprocess.Popen[str]] = []
        status = EmbeddedBroker(home).up()
        assert status.bootstrap is not None
        self.bootstrap = status.bootstrap

    def start(self, *arguments: str, cwd: Path = REPOSITORY) -> subprocess.Popen[str]:
        """A command in the background."""
        process = subprocess.Popen(
            [sys.executable, "-m", "console.main", *arguments], env={**self.environment, "PYTHONPATH": str(REPOSITORY)},
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True, cwd=cwd,
        )  # fmt: skip
        self._started.append(process)
        return process

    def run(self, *arguments: str, cwd: Path = REPOSITORY) -> tuple[int, Any, str]:
        """A command to its end: exit code, the JSON object on its last line (or None), standard error."""
        return self.end(self.start(*arguments, cwd=cwd))

    def end(self, process: subprocess.Popen[str], number: int | None = None) -> tuple[int, Any, str]:
        """Wait for the end of a command, after a signal if one is given."""
        if number is not None:
            process.send_signal(number)
        output, errors = process.communicate(timeout=WAIT_S_MAX)
        last = output.strip().splitlines()[-1] if output.strip() else ""
        return process.returncode, json.loads(last) if last.startswith("{") else None, errors

    def workers(self, up: subprocess.Popen[str]) -> dict[str, int]:
        """Process ids of the tasks of an ``up``, by name."""
        listed = subprocess.run(
            ["ps", "-A", "-ww", "-o", "pid=,ppid=,args="], capture_output=True, text=True, check=True
        )
        found = {}
        for line in listed.stdout.splitlines():
            pid, parent, command = line.split(None, 2)
            if int(parent) == up.pid and (match := _WORKER.search(command)):
                found[match[1]] = int(pid)
        return found

    def close(self) -> None:
        """End what was started, and the broker."""
        for process in self._started:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
                try:
                    process.communicate(timeout=WAIT_S_MAX)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.communicate()
        EmbeddedBroker(self.home).down()


def until(holds: Callable[[], bool], what: str) -> None:
    """Wait until something holds."""
    end = monotonic_s() + WAIT_S_MAX
    while not holds():
        assert monotonic_s() < end, f"never: {what}"
        sleep_s(0.1)
