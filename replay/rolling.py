"""A replay in memory that lets go of what it has done with: however long the day, it holds a moment of it.

The feed waits while the tasks are behind. What was committed is judged. The paper venue passes the ticks that no
further order can ask about. What neither the judge nor any task's next life will read is removed from the log.
"""

from __future__ import annotations

from collections.abc import Mapping

from agents.topology import PRIMARY, TaskHops
from replay.judge import Judge
from replay.recording import TICKS_TOPIC
from replay.replay_plan import ReplayPlan
from streams.memory import MemoryLog
from streams.runner import Task

LEAD_MAX = 32
"""Records by which the feed may be ahead of the task that reads them."""
BEHIND_MAX = 256
"""Records of ticks that the paper venue may leave unread; then the feed waits until the others rest, and it passes."""
EVERY_STEPS = 512
"""Turns of tasks between two looks at what can be let go of."""
PATIENCE = 16
"""Turns in a row for which the feed waits for tasks that do not move: then they may wait for what it holds."""
MARKERS_MAX = 8
"""Offsets behind the last record in which there may be nothing but markers; with more, somebody is behind."""
KEPT = ("control", "definitions")
"""Table names of topics that are never cut: small, and read as a whole."""


class Rolling:
    """Looks after one replay.

    Args:
        log: Where its topics are.
        plan: The replay.
        judge: Of it.
    """

    def __init__(self, log: MemoryLog, plan: ReplayPlan, judge: Judge) -> None:
        self._log = log
        self._plan = plan
        self._judge = judge
        self._looked = 0
        self._waited = 0
        self._reached: list[int] = []
        # A reader of what several tasks write begins with the first record again, whenever it is opened.
        merged = [PRIMARY[task.hops[0]] for task in plan.tasks if task.name in plan.merges()]
        self._kept = {plan.topic(name) for name in (*KEPT, *merged)}
        # Asked at every turn of the feed.
        self._fed = [task for task in plan.tasks if PRIMARY[task.hops[0]] == plan.fed]
        self._venues = [task for task in plan.tasks if "venue" in task.hops]
        self._places = {
            (task.name, name): (plan.topic(name), task.partition_of(name))
            for task in plan.tasks for name in {PRIMARY[task.hops[0]], plan.fed, TICKS_TOPIC}
        }  # fmt: skip

    def waits(self, tasks: Mapping[str, Task]) -> bool:
        """Whether the feed should leave the tasks time, of a replay whose tasks these are."""
        reached = [offset for task in tasks.values() for offset in task.reach.values()]
        self._waited = self._waited + 1 if reached == self._reached else 0
        self._reached = reached
        if self._waited == PATIENCE:
            self._waited = 0
            return False
        if any(self._unread(task, tasks, self._plan.fed) > LEAD_MAX for task in self._fed):
            return True
        for task in self._venues:
            if self._unread(task, tasks, TICKS_TOPIC) > BEHIND_MAX:
                if not self._drained(tasks, but=task):
                    return True
                tasks[task.name].catch_up()
        return False

    def tend(self, tasks: Mapping[str, Task], step: int) -> None:
        """Judge, and let go; ``step`` is the number of turns so far."""
        if step - self._looked >= EVERY_STEPS:
            self._looked = step
            self._judge.look()
            self._let_go(tasks)

    def _unread(self, task: TaskHops, tasks: Mapping[str, Task], table_name: str) -> int:
        """Records of a topic, markers among them, that a task has yet to take in."""
        place = self._places[(task.name, table_name)]
        return self._log.bounds(*place)[1] - tasks[task.name].reach[place]

    def _drained(self, tasks: Mapping[str, Task], *, but: TaskHops) -> bool:
        """Whether all other tasks have worked off all there is."""
        for task in self._plan.tasks:
            name = PRIMARY[task.hops[0]]
            if task is but:
                continue
            if not tasks[task.name].at_rest or self._unread(task, tasks, name) > MARKERS_MAX:
                return False
            place = self._places[(task.name, name)]
            left = self._log.scan(*place, tasks[task.name].reach[place], committed=False)
            if next(left, None) is not None:
                return False
        return True

    def _let_go(self, tasks: Mapping[str, Task]) -> None:
        needed = self._judge.needs()
        for task in tasks.values():
            for place, offset in task.kept.items():
                needed[place] = min(needed.get(place, offset), offset)
        for (topic, partition), offset in needed.items():
            if topic not in self._kept and self._log.partitions(topic):
                self._log.truncate(topic, partition, offset)
