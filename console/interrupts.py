"""Ctrl-C and SIGTERM: the first ends a run in order, the second at once."""

from __future__ import annotations

import signal
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Any

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interrupted(Exception):
    """End now: there is nothing to drain, or the user will not wait for it."""


class Interrupts:
    """Handles the two signals while the block runs.

    Attributes:
        count: Signals that have come.
    """

    def __init__(self) -> None:
        self.count = 0
        self._stop: Callable[[], None] | None = None
        self._raised = False
        self._before: dict[signal.Signals, Any] = {}

    def on_first(self, stop: Callable[[], None] | None) -> None:
        """What the first signal does from now on; None: it raises ``Interrupted``, as the second always does."""
        self._stop = stop

    def __enter__(self) -> Interrupts:
        for number in SIGNALS:
            self._before[number] = signal.signal(number, self._on_signal)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, before in self._before.items():
            signal.signal(number, before)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        del number, frame
        self.count += 1
        if self.count == 1 and self._stop is not None:
            self._stop()
        elif not self._raised:  # what ends because of it is not interrupted again
            self._raised = True
            raise Interrupted
