"""How the rig tells a worker process what to do to itself: small files in a folder, looked at where it is safe to.

A file is an order; its name says to whom and what, its content is JSON. Files outlive processes, so an order given now
is met by the next life if this one dies first.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

FAILPOINT = "failpoint"
"""``{"point", "after"}``: die the ``after``-th time that this point is passed."""
HOLD = "hold"
"""Begin nothing while this stands."""
CLOCK = "clock"
"""``{"shift_ns"}``: the wall clock is off by so much while this stands."""
PUBLISH = "publish"
"""``{"do", "messages"}``: what a feed does to its next messages."""


class Orders:
    """The folder; both sides use it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def give(self, task: str, what: str, **order: Any) -> None:
        """Give an order; one that stands is replaced, whole."""
        path = self._path(task, what)
        fresh = path.with_name(f"{path.name}.new")
        fresh.write_text(json.dumps(order), encoding="ascii")
        fresh.replace(path)

    def stands(self, task: str, what: str) -> bool:
        """Whether an order stands."""
        return self._path(task, what).exists()

    def read(self, task: str, what: str) -> dict[str, Any] | None:
        """An order, left standing."""
        try:
            found: dict[str, Any] = json.loads(self._path(task, what).read_bytes())
        except FileNotFoundError:
            return None
        return found

    def take(self, task: str, what: str) -> bool:
        """Take an order back, or carry it out: True for one taker only."""
        try:
            os.unlink(self._path(task, what))
        except FileNotFoundError:
            return False
        return True

    def _path(self, task: str, what: str) -> Path:
        return self._folder / f"{task}.{what}"
