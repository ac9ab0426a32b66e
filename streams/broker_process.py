"""The server's process: start it apart from the terminal, know it again, end it and nothing else.

A pid alone names nobody: the kernel gives it out again. A process here is a pid and its start, so that a state file
left over from last week can never have a stranger killed. Linux and macOS.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

POLL_S = 0.02
"""How often a process that should end is looked at."""

KILLED_S_MAX = 10.0
"""How long SIGKILL may take to show; the kernel needs milliseconds unless the disk hangs."""

_UNWANTED = ("JAVA_TOOL_OPTIONS", "JDK_JAVA_OPTIONS", "_JAVA_OPTIONS", "CLASSPATH")


@dataclass(frozen=True, slots=True)
class Process:
    """A process that cannot be mistaken: its id and when it began.

    Args:
        pid: The process id.
        began: The kernel's words for its start; empty when it was gone before it could be asked.
    """

    pid: int
    began: str

    def alive(self) -> bool:
        """Whether this very process still runs; a zombie does not, and is reaped if it is our child."""
        state, began = _look(self.pid)
        if not began or began != self.began:
            return False
        if state in "ZX":
            with suppress(ChildProcessError):
                os.waitpid(self.pid, os.WNOHANG)
            return False
        return True

    def end(self, timeout_s: float) -> bool:
        """Ask it to end, wait, then kill it. Returns whether it was alive."""
        if not self.alive():
            return False
        self._signal(signal.SIGTERM)
        if not self.gone_within(timeout_s):
            self._signal(signal.SIGKILL)
            self.gone_within(KILLED_S_MAX)
        return True

    def kill_session(self) -> None:
        """Kill it and the children it forked in its own session, at once."""
        if self.alive():
            with suppress(ProcessLookupError):
                os.killpg(self.pid, signal.SIGKILL)
            self.gone_within(KILLED_S_MAX)

    def gone_within(self, timeout_s: float) -> bool:
        """Wait for it to end; whether it did within the bound."""
        deadline_s = time.monotonic() + timeout_s
        while self.alive():
            if time.monotonic() > deadline_s:
                return False
            time.sleep(POLL_S)
        return True

    def _signal(self, number: int) -> None:
        with suppress(ProcessLookupError):
            os.kill(self.pid, number)


def spawn(command: list[str], output: Path) -> Process:
    """Start a command in a session of its own: ctrl-C and a closed terminal do not reach it.

    ``posix_spawn`` rather than ``subprocess``: the child is meant to outlive this process, and a ``Popen`` that is
    dropped while its child runs warns.

    Args:
        command: The program's path and its arguments.
        output: Takes stdout and stderr; begun anew.

    Raises:
        OSError: The program or the output file cannot be opened.
    """
    pid = os.posix_spawn(
        command[0],
        command,
        java_environment(),
        file_actions=[
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 1, str(output), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644),
            (os.POSIX_SPAWN_DUP2, 1, 2),
        ],
        setsid=True,
        setsigmask=[],
        setsigdef=[signal.SIGINT, signal.SIGTERM, signal.SIGHUP],
    )
    return Process(pid, _look(pid)[1])


def java_environment() -> dict[str, str]:
    """The environment without what would change a Java program behind our back, and with a locale of UTF-8.

    Java decodes the paths in its arguments by the locale: under ``LANG=C`` a home with an umlaut would not be found.
    """
    kept = {name: value for name, value in os.environ.items() if name not in _UNWANTED}
    return {**kept, "LC_ALL": "C.UTF-8"}


def _look(pid: int) -> tuple[str, str]:
    """A process's state letter and start, or two empty strings if there is none."""
    if Path("/proc/self/stat").exists():
        return _look_in_proc(pid)
    shown = subprocess.run(["ps", "-o", "stat=,lstart=", "-p", str(pid)], capture_output=True, text=True, check=False)
    state, _, began = shown.stdout.strip().partition(" ")
    return state[:1], began.strip()


def _look_in_proc(pid: int) -> tuple[str, str]:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return "", ""
    # The name in brackets may hold spaces and brackets itself: count fields after the last bracket (proc(5)).
    fields = stat[stat.rindex(")") + 2 :].split()
    state, threads, began = fields[0], int(fields[17]), fields[19]
    # A Java whose first thread is a zombie holds its ports until its last thread is gone.
    state = "R" if threads > 1 else state
    boot = Path("/proc/sys/kernel/random/boot_id")
    # Start times count from boot, so they repeat after a reboot: the boot's own id tells them apart.
    return state, f"{boot.read_text(encoding='ascii').strip() if boot.exists() else ''}:{began}"
