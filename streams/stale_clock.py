"""A live task that listens to the clock takes no input while its newest record is too old by the wall: fails closed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from streams.agent import Agent
from streams.clock import sleep_s
from streams.sides import Sides
from streams.task_plan import TaskPlan

NANOS = 1_000_000_000
HOLD_NAP_S = 0.02
"""Pause while a stale clock holds the input: how late its next record may be noticed."""


class StaleClock:
    """Judges by the wall, so only what is new is held: what the log holds is regenerated all the same."""

    def __init__(
        self, plan: TaskPlan, sides: Sides, monotonic: Callable[[], float], wall: Callable[[], int]
    ) -> None:  # fmt: skip
        self._plan = plan
        self._sides = sides
        self._monotonic = monotonic
        self._wall = wall
        self._held_since: float | None = None

    def holds(self, stages: Sequence[Agent], states: Sequence[Any], ordinal: int, wait_s: float) -> bool:
        """Whether to wait for the clock before the input ``ordinal``; naps a little where it is so.

        Once it has waited as long again, agents are told that the clock has stopped, and go on: they let nothing
        through but what takes risk away.
        """
        if self._plan.mode != "live" or not self._sides.timed or not self._sides.free(ordinal):
            return False
        if self._wall() - self._sides.clock_ns <= self._plan.clock_age_s_max * NANOS:
            self._held_since = None
            return False
        if self._sides.clock_stopped:
            return False
        now = self._monotonic()
        self._held_since = now if self._held_since is None else self._held_since
        if now - self._held_since >= self._plan.clock_age_s_max:
            self._sides.stop_clock(stages, states, ordinal)
            return False
        sleep_s(min(HOLD_NAP_S, wait_s))
        return True
