"""Ctrl-C and SIGTERM: the first ends a run in order, the second at once."""

from __future__ import annotations

import math
import signal
import sys
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Any

from streams.clock import monotonic_s

SIGNALS = (signal.SIGINT, signal.SIGTERM)


REPEAT_S = 10.0
"""What ends because of an interrupt is not interrupted again within so long: it ends processes in order."""

AGAIN_S = 0.01
"""An interrupt that came up where nothing can be raised (a finaliser, a callback of C) comes again so much later."""


class Interrupted(BaseException):
    """End now: there is nothing to drain, or the user will not wait for it.

    No ``Exception``: it may come up anywhere, in a library that catches all it can think of as well.
    """


class Interrupts:
    """Handles the two signals while the block runs.

    Attributes:
        count: Signals that have come.
    """

    def __init__(self) -> None:
        self.count = 0
        self._stop: Callable[[], None] | None = None
        self._raised_s = -math.inf
        self._before: dict[signal.Signals, Any] = {}
        self._told_unraisable: Callable[[Any], Any] = sys.unraisablehook

    def on_first(self, stop: Callable[[], None] | None) -> None:
        """What the first signal does from now on; None: it raises ``Interrupted``, as the second always does.

        Raises:
            Interrupted: One has come already, and what it raised was swallowed on its way up (an import may do that).
        """
        if stop is not None and self.count:
            raise Interrupted
        self._stop = stop

    def __enter__(self) -> Interrupts:
        """Take the signals over.

        Raises:
            Interrupted: One came to the block around this one, and what it raised was swallowed on its way up.
        """
        around = getattr(signal.getsignal(signal.SIGTERM), "__self__", None)
        if isinstance(around, Interrupts) and around.count:
            raise Interrupted
        for number in SIGNALS:
            self._before[number] = signal.signal(number, self._on_signal)
        self._before[signal.SIGALRM] = signal.signal(signal.SIGALRM, self._raise_again)
        self._told_unraisable, sys.unraisablehook = sys.unraisablehook, self._on_unraisable
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        sys.unraisablehook = self._told_unraisable
        signal.setitimer(signal.ITIMER_REAL, 0)
        for number, before in self._before.items():
            signal.signal(number, before)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        del number, frame
        self.count += 1
        if self.count == 1 and self._stop is not None:
            self._stop()
        elif monotonic_s() - self._raised_s >= REPEAT_S:
            self._raised_s = monotonic_s()
            raise Interrupted

    def _on_unraisable(self, told: Any) -> None:
        if isinstance(told.exc_value, Interrupted):
            signal.setitimer(signal.ITIMER_REAL, AGAIN_S)
        else:
            self._told_unraisable(told)

    def _raise_again(self, number: int, frame: FrameType | None) -> None:
        del number, frame
        raise Interrupted
