"""Single keys from the terminal, without waiting for Enter; ctrl-C stays a signal."""

from __future__ import annotations

import os
import select
import sys
from types import TracebackType
from typing import Any

from streams.clock import sleep_s

KEY_BYTES_MAX = 64
"""Bytes taken at once: of what is typed ahead or pasted, the rest is read next time."""


class Keys:
    """Reads keys while the block runs.

    Args:
        listen: Whether to; else, or where standard input is no terminal, no key ever comes.
    """

    def __init__(self, *, listen: bool) -> None:
        self._listen = listen
        self._before: Any = None

    def __enter__(self) -> Keys:
        if self._listen and sys.stdin.isatty():
            import termios
            import tty

            self._before = termios.tcgetattr(sys.stdin.fileno())
            tty.setcbreak(sys.stdin.fileno())
        return self

    def wait(self, timeout_s: float) -> str:
        """Keys pressed within ``timeout_s``, as soon as there are any; empty where none was."""
        if self._before is None:
            sleep_s(timeout_s)
            return ""
        ready, _, _ = select.select([sys.stdin], [], [], timeout_s)
        return os.read(sys.stdin.fileno(), KEY_BYTES_MAX).decode(errors="replace") if ready else ""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._before is not None:
            import termios

            termios.tcsetattr(sys.stdin.fileno(), termios.TCSADRAIN, self._before)
