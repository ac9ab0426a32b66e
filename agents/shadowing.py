"""A shadow's task: it follows the live desk until it is asked to end, then commits at once."""

from __future__ import annotations

import signal

from streams.recovery import Recovery
from streams.runner import Task


class Shadowing:
    """A task without an end of its own; SIGTERM and SIGUSR1 ask it to commit and end.

    Attributes:
        done: It has committed for the last time.
        task: The task.
    """

    def __init__(self, task: Task) -> None:
        self.done = False
        self.task = task
        self._asked = False
        for number in (signal.SIGTERM, signal.SIGUSR1):
            signal.signal(number, lambda *_: self.stop())

    @property
    def recovery(self) -> Recovery:
        """The task's."""
        return self.task.recovery

    def stop(self) -> None:
        """End after this turn."""
        self._asked = True

    def turn(self, wait_s: float) -> bool:
        """One piece of work; the last one is a commit."""
        moved = self.task.turn(wait_s)
        if self._asked:
            self.task.commit()
            self.done = True
        return moved

    def close(self) -> None:
        """Release the task."""
        self.task.close()
