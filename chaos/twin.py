"""A second process of a task, beside the one under supervision: what two hosts that run the same task come to."""

from __future__ import annotations

import json
import subprocess
import threading
from collections.abc import Callable, Sequence
from typing import Any

from streams.clock import monotonic_s

OnEvent = Callable[[dict[str, Any]], None]
END_S_MAX = 10.0


class Twin:
    """A process that is not brought back.

    Args:
        command: Its command line.
        on_event: Hears what it says, in a thread of its own.
    """

    def __init__(self, command: Sequence[str], on_event: OnEvent) -> None:
        self._ready = threading.Event()
        self._on_event = on_event
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True
        )
        self._hearing = threading.Thread(target=self._hear, daemon=True)
        self._hearing.start()

    def wait_ready(self, seconds: float) -> bool:
        """Whether it came up within the bound."""
        return self._ready.wait(seconds)

    def gone_within(self, seconds: float) -> bool:
        """Whether it ended by itself within the bound."""
        until = monotonic_s() + seconds
        try:
            self._process.wait(max(0.0, until - monotonic_s()))
        except subprocess.TimeoutExpired:
            return False
        return True

    def close(self) -> None:
        """Kill it where it still runs."""
        self._process.kill()
        self._process.wait(END_S_MAX)
        self._hearing.join(END_S_MAX)
        if self._process.stdin is not None:
            self._process.stdin.close()

    def _hear(self) -> None:
        stream = self._process.stdout
        if stream is None:
            return
        with stream:
            for line in stream:
                try:
                    event = json.loads(line)
                except ValueError:
                    continue
                if event.get("event") == "ready":
                    self._ready.set()
                self._on_event(event)
