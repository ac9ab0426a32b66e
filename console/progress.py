"""A line of progress on standard error while a command reads much: on a terminal only, gone when it is done."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import Any

from console.figures import count
from console.terminal import is_screen


class Progress:
    """Shows what is being read and how much of it.

    Args:
        title: What the command does.
    """

    def __init__(self, title: str) -> None:
        self._title = title
        self._status: Any = None

    def tell(self, what: str, items: int) -> None:
        """How far it is."""
        if self._status is not None:
            self._status.update(f"{self._title}: {count(items)} {what}")

    def __enter__(self) -> Progress:
        if is_screen(sys.stderr):
            from rich.console import Console

            self._status = Console(stderr=True, highlight=False).status(self._title)
            self._status.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._status is not None:
            self._status.stop()
