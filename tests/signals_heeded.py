"""When a command has begun to hear signals: before that, an interrupt is the system's to answer."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from streams.clock import monotonic_s, sleep_s

POLL_S = 0.002
BLIND_S = 0.5
"""Where the system does not say which signals a process handles."""
HEEDED_S_MAX = 60.0


def heeded(process: subprocess.Popen[Any]) -> None:
    """Return as soon as a command of ours handles both signals, or has ended: it takes SIGTERM over last."""
    if not sys.platform.startswith("linux"):
        sleep_s(BLIND_S)
        return
    status, until = Path(f"/proc/{process.pid}/status"), monotonic_s() + HEEDED_S_MAX
    while process.poll() is None and monotonic_s() < until:
        caught = next(line.split()[1] for line in status.read_text().splitlines() if line.startswith("SigCgt"))
        if int(caught, 16) & (1 << (signal.SIGTERM - 1)):
            return
        sleep_s(POLL_S)
