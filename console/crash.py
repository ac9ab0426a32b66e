"""What is left of an unexpected exception: one line for the user, the traceback in a file below Tapedeck's home."""

from __future__ import annotations

import traceback
from datetime import UTC, datetime

from console.figures import NANOS
from streams.clock import wall_ns
from streams.home import crashes_dir

CRASH_EXIT = 70
"""EX_SOFTWARE of sysexits.h: an internal fault."""


def report_crash(error: BaseException) -> str:
    """Write the traceback to ``crashes/<UTC time>.log``; returns the line for the user."""
    said = " ".join(f"{type(error).__name__}: {error}".split())
    ns = wall_ns()
    stamp = f"{datetime.fromtimestamp(ns // NANOS, UTC):%Y%m%dt%H%M%S}-{ns % NANOS // 1_000:06}"
    path = crashes_dir() / f"{stamp}.log"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(traceback.format_exception(error)), encoding="utf-8")
    except OSError as refused:
        return f"a fault of Tapedeck itself: {said}; its traceback could not be written: {refused}"
    return f"a fault of Tapedeck itself: {said}; traceback in {path}"
