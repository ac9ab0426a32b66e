"""A worker's word on its recovery: how far it is, once a second while it goes on, and what it came to."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from agents.worker_spec import say
from streams.clock import monotonic_s
from streams.recovery import Recovery

TELL_EVERY_S = 1.0
"""Between two words; what is over sooner is told at its end alone."""


class Telling:
    """Tells of one life's recovery.

    Args:
        task: Its name.
        recovery: What it is about; None where the work is no task.
        say: Where to.
        monotonic: Source of time, seconds.
    """

    def __init__(
        self, task: str, recovery: Recovery | None, say: Callable[..., None] = say,
        monotonic: Callable[[], float] = monotonic_s,
    ) -> None:  # fmt: skip
        self._task = task
        self._recovery = recovery if recovery is not None and recovery.active else None
        self._say = say
        self._monotonic = monotonic
        self._next_s = monotonic() + TELL_EVERY_S

    def look(self) -> bool:
        """Tell what is due; False once there is nothing more to tell."""
        recovery = self._recovery
        if recovery is None:
            return False
        if not recovery.active:
            self._tell("recovered", recovery)
            self._recovery = None
            return False
        now_s = self._monotonic()
        if now_s >= self._next_s:
            self._next_s = now_s + TELL_EVERY_S
            self._tell("recovering", recovery)
        return True

    def _tell(self, event: str, recovery: Recovery) -> None:
        found = recovery.progress
        fields: dict[str, Any] = {"done": found.done, "to_do": found.to_do, "elapsed_s": round(found.elapsed_s, 3)}
        if event == "recovering":
            fields["left_s"] = None if found.left_s is None else round(found.left_s, 1)
        self._say(event, task=self._task, **fields)
