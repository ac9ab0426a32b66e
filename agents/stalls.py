"""Finds live tasks that live and do nothing: by what they have committed, the one thing a stalled process cannot fake.

A live task commits every few seconds, whether anything came or not. One that has not for ``STALL_S_MAX`` has stalled:
it hangs in a call, was stopped by a signal, or waits for what never comes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from agents.topology import TaskHops
from schemas.errors import BrokerError, SnapshotError
from streams.clock import monotonic_s
from streams.log import Log
from streams.progress import progress

STALL_S_MAX = 30.0
"""Longest time without a commit. Several times what a commit may take on a busy machine."""
LOOK_S = 5.0
"""Seconds between looks at the topic ``state``."""


@dataclass(frozen=True, slots=True)
class Stalled:
    """A task, and how it is known."""

    name: str
    why: str


@dataclass(slots=True)
class _Known:
    snapshots: int = -1
    since_s: float = 0.0


class Stalls:
    """Watches the commits of live tasks.

    Args:
        log: Where their snapshots lie.
        tasks: Those to watch, by name.
        monotonic: Source of time, seconds.
    """

    def __init__(
        self, log: Log, tasks: Mapping[str, TaskHops], *, monotonic: Callable[[], float] = monotonic_s
    ) -> None:
        self._log = log
        self._monotonic = monotonic
        self._tasks = tasks
        self._known: dict[str, _Known] = {}
        self._next_s = 0.0

    def look(self, is_up: Callable[[str], bool]) -> Iterator[Stalled]:
        """Tasks that have stalled since they were seen to commit; each is told once for every such span.

        Args:
            is_up: Whether a task's process is at work: time in which it is not does not count.
        """
        now = self._monotonic()
        if now < self._next_s:
            return
        self._next_s = now + LOOK_S
        for name, hops in self._tasks.items():
            known = self._known.setdefault(name, _Known(since_s=now))
            if not is_up(name):
                known.since_s = now
                continue
            snapshots = self._snapshots(hops)
            if snapshots is None or snapshots != known.snapshots:
                known.snapshots, known.since_s = -1 if snapshots is None else snapshots, now
            if now - known.since_s > STALL_S_MAX:
                known.since_s = now
                yield Stalled(name, f"nothing committed for {STALL_S_MAX:g} s")

    def _snapshots(self, task: TaskHops) -> int | None:
        """How often a task has committed; None where the log does not say now: a broker that is away stalls nobody."""
        try:
            found = progress(
                self._log, state_topic="state", state_partition=task.state_partition, task=task.name,
                input_topic="state",
            )  # fmt: skip
        except (BrokerError, SnapshotError):
            return None
        return 0 if found is None else found.snapshots
