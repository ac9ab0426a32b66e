"""The one place that reads clocks. Everything else is given the time.

Wall time is for stamps and pacing only; no decision of an agent may depend on it (an agent's now is data).
"""

from __future__ import annotations

import time


def wall_ns() -> int:
    """Wall clock, int64 ns since the Unix epoch, UTC. For latency stamps: comparable across one machine's processes."""
    return time.time_ns()


def monotonic_s() -> float:
    """Seconds on a clock that never steps back. For bounds and pacing within one process."""
    return time.monotonic()


def sleep_s(seconds: float) -> None:
    """Sleep; a negative duration is none."""
    if seconds > 0:
        time.sleep(seconds)
