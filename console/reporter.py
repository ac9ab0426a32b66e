"""What a run says while it goes, one line each on standard error: rejected inputs, tasks that died and came back."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from console.figures import count
from streams.clock import monotonic_s

REJECTS_SHOWN_MAX = 20
"""Rejected inputs shown per error code; the rest are counted."""
REJECTS_REMEMBERED_MAX = 100_000
"""Rejected inputs told apart: a task that recovers refuses again what it refused before its death."""
SIGKILLED = -9


class Reporter:
    """Takes a session's events.

    Args:
        say: Shows one line.
        kills: Kills asked for, by task: their deaths are told as such.

    Attributes:
        ready: Tasks that have come up, by name.
    """

    def __init__(self, say: Callable[[str], None], kills: Mapping[str, Sequence[int]]) -> None:
        self.ready: set[str] = set()
        self._say = say
        self._kills = {task: sorted(after) for task, after in kills.items()}
        self._killed: Counter[str] = Counter()
        self._told: Counter[str] = Counter()
        self._died: dict[str, tuple[float, str]] = {}
        self._rejected: Counter[str] = Counter()
        self._known: set[tuple[str, int, str, str]] = set()

    def event(self, event: Mapping[str, Any]) -> None:
        """One event of the session: ``reject``, ``fault``, ``died``, ``ready`` are told; others are not for people."""
        if event["event"] == "reject":
            self._reject(str(event["topic"]), int(event["offset"]), str(event["code"]), str(event["reason"]))
        elif event["event"] == "fault":
            self._say(str(event["message"]))
        elif event["event"] == "died":
            self._died[event["task"]] = (monotonic_s(), self._death(event["task"], event["code"], event["message"]))
        elif event["event"] == "ready":
            self.ready.add(event["task"])
            since, how = self._died.pop(event["task"], (0.0, ""))
            if how:
                self._told[event["task"]] += 1
                self._say(f"{how}; back in {monotonic_s() - since:.1f} s")

    def finish(self, restarts: Mapping[str, int], kills_left: Mapping[str, Sequence[int]]) -> None:
        """What can only be told at the end.

        Args:
            restarts: How often each task was brought back.
            kills_left: Kills that did not happen.
        """
        for code, number in self._rejected.items():
            if number > REJECTS_SHOWN_MAX:
                self._say(f"{code}: {count(number - REJECTS_SHOWN_MAX)} more, {count(number)} in all; all are in dlq")
        for task, times in restarts.items():
            for _ in range(times - self._told[task]):  # in memory a task is back before anyone could be told
                self._say(f"{self._death(task, SIGKILLED, 'crashed')}; back at once")
        for task, after in kills_left.items():
            for inputs in after:
                self._say(f"--kill {task}@{inputs} never happened: {task} had fewer inputs")

    def _reject(self, topic: str, offset: int, code: str, reason: str) -> None:
        key = (topic, offset, code, reason)
        if key in self._known:
            return
        if len(self._known) < REJECTS_REMEMBERED_MAX:
            self._known.add(key)
        self._rejected[code] += 1
        if self._rejected[code] <= REJECTS_SHOWN_MAX:
            self._say(f"{topic}@{offset} {code}: {reason}")

    def _death(self, task: str, code: int, message: str) -> str:
        kills = self._kills.get(task, [])
        if code == SIGKILLED and self._killed[task] < len(kills):
            inputs = kills[self._killed[task]]
            self._killed[task] += 1
            return f"{task} was killed after {count(inputs)} input{'s' if inputs > 1 else ''}"
        return f"{task} died ({message})"
