"""Figures on a machine that has other work: the benchmark's processes go first.

Linux schedules by session where ``sched_autogroup_enabled`` is 1: then niceness counts only among processes of one
session, and what must be raised is the session's own (``/proc/PID/autogroup``). Needs the right to do so; without it
nothing changes, and the results say so.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

FIRST = -20
"""The most that there is."""


def go_first(pid: int) -> bool:
    """Put a process and its session before all others; False where that is not allowed, or not on Linux."""
    try:
        os.setpriority(os.PRIO_PROCESS, pid, FIRST)
        group = Path(f"/proc/{pid}/autogroup")
        if group.exists():
            group.write_text(str(FIRST), encoding="ascii")
    except (OSError, AttributeError):
        return False
    return True


def in_own_session(arguments: Sequence[str]) -> int:
    """Run this program again in a session of its own, so that raising it raises nothing else; its exit code."""
    command = [sys.executable, "-m", "benchmarks", *arguments]
    child = subprocess.Popen(command, start_new_session=True)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: child.send_signal(signal.SIGINT))
    return child.wait()


def has_own_session() -> bool:
    """Whether this process leads its session."""
    return os.getsid(0) == os.getpid()
