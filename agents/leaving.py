"""A live task that leaves when a release cut says so: it works off what was made for it, commits, and ends for good.

Tasks leave in the data's way. Normalise leaves where it stands: its place in the raw payloads is the cut's place P.
Each task behind it leaves when those before it have, and it has taken in all that they have written: so every payload
before P went the whole way through the old code, and none after it did. The venue leaves at once: orders that wait for
their tick are part of its state.

A task that dies in between does the same in its next life. One that has left, and is started again, is done at once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from agents.handover import never_began
from agents.release_watch import ReleaseWatch
from agents.topology import PRIMARY, TaskHops
from schemas.topics import TOPICS, is_spread
from streams.clock import monotonic_s
from streams.log import Log
from streams.runner import Task
from streams.snapshot import newest_record
from streams.state_bytes import load_values

LOOK_S = 0.25
"""How often a live task looks whether a cut has been made."""
LOOK_CUT_S = 0.1
"""How often while one is under way."""
DRIVEN_BY_ORDERS = "venue"
"""The hop whose unanswered input waits for data that does not come while others leave."""


class Leaving:
    """A task, and the look at ``control`` that ends it.

    Args:
        task: It holds its place already.
        hops: What it is made of.
        log: Where.
        tasks: All of the deployment that it is part of.
        monotonic: A clock that does not step.
    """

    def __init__(
        self, task: Task, hops: TaskHops, log: Log, tasks: Sequence[TaskHops], *,
        monotonic: Callable[[], float] = monotonic_s,
    ) -> None:  # fmt: skip
        self.task = task
        self._log = log
        self._monotonic = monotonic
        self._watch = ReleaseWatch(log, task.plan.namespace)
        self._look_at = 0.0
        self._before = _before(hops, tasks)
        self._primary = PRIMARY[hops.hops[0]]

    @property
    def done(self) -> bool:
        """Whether it has left."""
        return self.task.done

    def turn(self, wait_s: float) -> bool:
        """One piece of work; or its last commit."""
        if self.task.done:
            return False
        moved = self.task.turn(wait_s)
        now = self._monotonic()
        if now < self._look_at:
            return moved
        self._watch.look()
        cut = self._watch.cut
        self._look_at = now + (LOOK_S if cut is None else LOOK_CUT_S)
        if cut is not None and cut.from_run == self.task.plan.run and self._has_all(cut.opening.run):
            moved |= self.task.leave(cut.opening.run)
        return moved

    def commit(self) -> None:
        """Commit what there is."""
        self.task.commit()

    def close(self) -> None:
        """Release the task."""
        self._watch.close()
        self.task.close()

    def _has_all(self, successor: str) -> bool:
        """Whether the tasks before have left, and all that they wrote has been taken in."""
        return all(self._has_all_of(task, successor) for task in self._before)

    def _has_all_of(self, before: TaskHops, successor: str) -> bool:
        topic = self.task.plan.topic("state")
        found = newest_record(self._log, topic, before.state_partition, before.name)
        values = {} if found is None else load_values(found.value)
        run, source = self.task.plan.run, self.task.plan.source
        if values.get("left_to") != successor and not never_began(self._log, before, run, source):
            return False
        return not values or self.task.consumed(before.name) >= int(values["outputs"][self._primary][0])


def _before(hops: TaskHops, tasks: Sequence[TaskHops]) -> list[TaskHops]:
    """The tasks that write what this one reads; none where it leaves on its own."""
    if hops.hops[0] == DRIVEN_BY_ORDERS:
        return []
    primary = PRIMARY[hops.hops[0]]
    written = next(topic for topic in TOPICS if topic.name == primary)
    near = [task for task in tasks if written.made_by(task.hops)]
    return [task for task in near if task.partition == hops.partition] if is_spread(primary) else near
