"""A child's side of a benchmark: its arguments, its orders, and what it says."""

from __future__ import annotations

import os
import sys
import threading
from queue import SimpleQueue
from typing import Any

import msgspec


def arguments() -> dict[str, Any]:
    """What this child was started with."""
    found: dict[str, Any] = msgspec.json.decode(sys.argv[1])
    return found


def say(event: str, **fields: Any) -> None:
    """One JSON line to the parent."""
    sys.stdout.write(msgspec.json.encode({"event": event, **fields}).decode() + "\n")
    sys.stdout.flush()


class Orders:
    """The parent's orders, in turn. This process ends when the parent closes the line, whatever it is at."""

    def __init__(self) -> None:
        self._queue: SimpleQueue[dict[str, Any]] = SimpleQueue()
        threading.Thread(target=self._listen, daemon=True).start()

    @property
    def waiting(self) -> bool:
        """Whether an order has come that was not taken."""
        return not self._queue.empty()

    def take(self) -> dict[str, Any]:
        """The next order; waits for it."""
        return self._queue.get()

    def _listen(self) -> None:
        rest = b""
        # Unbuffered: a thread that sits in sys.stdin would hold its lock when the interpreter ends.
        while data := os.read(0, 65_536):
            *lines, rest = (rest + data).split(b"\n")
            for line in lines:
                self._queue.put(msgspec.json.decode(line))
        os._exit(0)
