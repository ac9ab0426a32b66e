"""A run that does not end is a finding too: after a bound it says where each thread stands, and ends at once."""

from __future__ import annotations

import faulthandler
import multiprocessing
import os
import sys
import threading
from collections.abc import Callable
from types import TracebackType

BREACH = 1
"""Exit code, as of any breach."""
SLACK_S = 1_500.0
"""Beside the time under load: brokers and processes start, faults end, every topic is read back."""
STUCK_S = 30.0
"""How long our own end of the run may take before the interpreter ends it."""
READ_BACK_SHARE = 4.0
"""Reading back may take so many times what was written under load."""


def bound_s(seconds: float) -> float:
    """How long a run of so many seconds under load may take in all."""
    return SLACK_S + (1.0 + READ_BACK_SHARE) * seconds


class Deadline:
    """Context: whoever is still inside after the bound is ended, with its processes.

    What a run has started by itself ends as after a SIGKILL: workers with their standard input, brokers by the keeper.
    Where no thread of ours gets to run any more (a call into C that holds the interpreter), the interpreter's own
    watchdog does the same ``STUCK_S`` later.

    Args:
        seconds: The bound.
        told: Told of it in one line, before the stacks of all threads go to standard error.
    """

    def __init__(self, seconds: float, told: Callable[[str], None]) -> None:
        self._seconds = seconds
        self._told = told
        self._timer = threading.Timer(seconds, self._expired)
        self._timer.daemon = True

    def __enter__(self) -> Deadline:
        self._timer.start()
        faulthandler.dump_traceback_later(self._seconds + STUCK_S, exit=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        faulthandler.cancel_dump_traceback_later()
        self._timer.cancel()

    def _expired(self) -> None:
        self._told(f"not ended within {self._seconds:g} s: it hangs, and is ended; where each thread stands follows")
        faulthandler.dump_traceback(file=sys.stderr, all_threads=True)
        for child in multiprocessing.active_children():
            child.kill()
        os._exit(BREACH)
