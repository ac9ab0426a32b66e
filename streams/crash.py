"""What is left of an unexpected exception: one line for the user, the traceback in a file below Tapedeck's home."""

from __future__ import annotations

import traceback
from datetime import UTC, datetime

from streams.clock import wall_ns
from streams.home import crashes_dir

CRASH_EXIT = 70
"""EX_SOFTWARE of sysexits.h: an internal fault."""

NANOS = 1_000_000_000


def report_crash(error: BaseException) -> str:
    """Write the traceback to ``crashes/<UTC time>.log``; returns the line for the user.

    The line names the exception's type alone: its text may quote the payload that it failed on.
    """
    ns = wall_ns()
    stamp = f"{datetime.fromtimestamp(ns // NANOS, UTC):%Y%m%dt%H%M%S}-{ns % NANOS // 1_000:06}"
    path = crashes_dir() / f"{stamp}.log"
    said = f"a fault of Tapedeck itself: {type(error).__name__}"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(traceback.format_exception(error)), encoding="utf-8", errors="backslashreplace")
    except OSError as refused:
        return f"{said}; its traceback could not be written: {refused}"
    return f"{said}; traceback in {path}"
