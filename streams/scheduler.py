"""Runs tasks over the memory log in one thread, in an order drawn from a seed; crashes, pauses and delays on request.

The same seed gives the same interleaving. What the tasks write must not depend on it: that is what it is for.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from typing import Protocol

from schemas.errors import TaskFailed

IDLE_ROUNDS_MAX = 64
"""Rounds in which no one moved before the run is declared stuck. Pauses end long before."""
PAUSE_TURNS_MAX = 200
TURN_S = 0.001
"""Simulated time that one turn takes, seconds: what commit intervals are measured in."""


class Turning(Protocol):
    """What can be scheduled: a task, or a publisher."""

    @property
    def done(self) -> bool:
        """Nothing is left to do."""
        ...

    def turn(self, wait_s: float) -> bool:
        """Do one piece of work; False when there was none."""
        ...

    def close(self) -> None:
        """Release."""
        ...


class SimulatedCrash(Exception):
    """Thrown by a failpoint: the task dies here, with whatever it holds."""


class Scheduler:
    """Turns tasks until all are done.

    Args:
        makers: Constructor of each task by name; called again after a crash, as a supervisor would.
        seed: Draws the order of turns, and the pauses.
        pause_share: Share of turns after which the task is left out for a while, 0 to 1.

    Attributes:
        tasks: By name: the life of each that is now.
    """

    def __init__(self, makers: Mapping[str, Callable[[], Turning]], seed: int, *, pause_share: float = 0.0) -> None:
        self.steps = 0
        self.crashes: dict[str, int] = {}
        self._makers = dict(makers)
        self._random = random.Random(seed)
        self._pause_share = pause_share
        self.tasks = {name: make() for name, make in makers.items()}
        self._paused_until: dict[str, int] = {}

    def clock_s(self) -> float:
        """Simulated seconds since the start."""
        return self.steps * TURN_S

    def run(self, on_round: Callable[[], None] = lambda: None) -> None:
        """Run to the end.

        Raises:
            TaskFailed: Nobody can move, and not everybody is done.
        """
        idle = 0
        while not all(task.done for task in self.tasks.values()):
            moved = False
            for name in self._random.sample(sorted(self.tasks), len(self.tasks)):
                moved |= self._turn(name)
            on_round()
            idle = 0 if moved or self._skip_pauses() else idle + 1
            if idle > IDLE_ROUNDS_MAX:
                waiting = ", ".join(n for n, t in self.tasks.items() if not t.done)
                raise TaskFailed(
                    "nobody can move", kind="stuck", got=f"still at work: {waiting}", where=f"step {self.steps}"
                )
        for task in self.tasks.values():
            task.close()

    def _turn(self, name: str) -> bool:
        self.steps += 1
        task = self.tasks[name]
        if task.done or self._paused_until.get(name, 0) > self.steps:
            return False
        if self._pause_share and self._random.random() < self._pause_share:
            self._paused_until[name] = self.steps + self._random.randrange(1, PAUSE_TURNS_MAX)
        try:
            return task.turn(0.0)
        except SimulatedCrash:
            self.crashes[name] = self.crashes.get(name, 0) + 1
            self.tasks[name] = self._makers[name]()
            return True

    def _skip_pauses(self) -> bool:
        """When only paused tasks are left, time passes: end the pauses."""
        waiting = [n for n, until in self._paused_until.items() if until > self.steps]
        for name in waiting:
            del self._paused_until[name]
        return bool(waiting)
