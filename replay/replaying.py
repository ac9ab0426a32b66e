"""A replay under way, and the one in memory: its tasks over a log of their own, in this process."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Protocol

from agents.context import Context
from agents.topology import FEED, PRIMARY, TaskHops
from agents.warm import warm
from replay.cut import Cut, Fault
from replay.hops import HopLatencies
from replay.judge import Judge
from replay.recording import said_in
from replay.replay_feed import Behind, ReplayFeed
from replay.replay_plan import ReplayPlan
from replay.rolling import Rolling
from replay.seeding import open_replay
from schemas.header import Side
from streams.clock import monotonic_s, wall_ns
from streams.frame import FRAME_ROWS_MAX
from streams.guarded import GuardedLog
from streams.log import Log
from streams.memory import MemoryLog
from streams.ordered import OrderedLog
from streams.runner import Task
from streams.scheduler import Scheduler, SimulatedCrash, Turning
from streams.timed import TimedLog

Build = Callable[[TaskHops, Context], Any]


class Replaying(Protocol):
    """A replay under way.

    Attributes:
        log: Where its topics are.
        elapsed_s: Wall seconds from the first record on.
        time: Log time of the newest record fed, ns.
        behind: Whether its feed kept up.
        struck: Payloads that each fault of the line has struck.
    """

    log: Log
    plan: ReplayPlan
    elapsed_s: float
    time: int
    behind: Behind
    struck: list[int]

    def run(self, on_progress: Callable[[], None]) -> None:
        """To its end, calling ``on_progress`` now and then."""
        ...

    def stop(self) -> None:
        """No further input; what was sent is worked off."""
        ...

    def close(self) -> None:
        """End every process of it."""
        ...


WHOLESALE = Cut(records_max=2_048, frame_rows=FRAME_ROWS_MAX, commit_interval_s=0.5)
"""As large as it goes; what is not committed cannot be let go of."""


class MemoryReplay:
    """Every task in this process; its log holds all of it, unless it is judged on the way (:meth:`watch`).

    Args:
        plan: The replay.
        cut: How it is cut.
        build: Builds the agents of a task.
        fault: Makes tasks die.
    """

    def __init__(
        self, plan: ReplayPlan, *, cut: Cut | None = None, build: Build = TaskHops.build,
        fault: Fault = lambda _task, _point, _inputs: None,
    ) -> None:  # fmt: skip
        self.log: Log = (log := MemoryLog())
        self._memory = log
        self.plan = plan
        self.elapsed_s = 0.0
        self.time = 0
        self.behind = Behind(0, 0)
        self.struck = [0] * len(plan.stress.faults)
        self._cut = cut or WHOLESALE
        self._fault = fault
        self._build = build
        self._guarded = GuardedLog(self.log, plan.namespace)
        self._feed: ReplayFeed | None = None
        self._scheduler: Scheduler | None = None
        self._stopping = False
        self._rolling: Rolling | None = None

    def watch(self, hops: HopLatencies | None = None) -> Judge:
        """Judge it on the way, and let go of what nobody needs any more: before it runs.

        Args:
            hops: Histograms that go on.
        """
        judge = Judge(self.plan, self.log, hops)
        self._rolling = Rolling(self._memory, self.plan, judge)
        return judge

    def run(self, on_progress: Callable[[], None] = lambda: None) -> None:
        """Open the replay and turn its tasks until all are done."""
        orders = self.plan.orders()
        open_replay(self._guarded, self.plan, orders)
        context = context_of_replay(self.plan)
        makers: dict[str, Callable[[], Turning]] = {
            task.name: self._maker(task, context, orders.get(task.name)) for task in self.plan.tasks
        }
        origin_ns = wall_ns()
        makers[FEED] = lambda: self._feeding(origin_ns)
        started = monotonic_s()
        self._scheduler = Scheduler(makers, self._cut.seed, pause_share=self._cut.pause_share)

        def progress() -> None:
            self.elapsed_s = monotonic_s() - started
            if self._feed is not None:
                self.time, self.behind, self.struck = self._feed.time, self._feed.behind, self._feed.struck
            if self._rolling is not None and self._scheduler is not None:
                self._rolling.tend(self._tasks(), self._scheduler.steps)
            on_progress()

        self._scheduler.run(progress)
        progress()

    def stop(self) -> None:
        """No further input."""
        self._stopping = True
        if self._feed is not None:
            self._feed.stop()

    def close(self) -> None:
        """Nothing outlives this process."""

    def _fed_ns(self) -> int:
        """Log time fed so far, ns."""
        return 0 if self._feed is None else self._feed.time - self._feed.first

    def _feeding(self, origin_ns: int) -> Turning:
        self._feed = ReplayFeed(
            self._guarded, self.plan.recording, self.plan.namespace, self.plan.fed, run=self.plan.run,
            speed=self.plan.speed, origin_ns=origin_ns, stress=self.plan.stress,
        )  # fmt: skip
        if self._stopping:
            self._feed.stop()
        return self._feed if self._rolling is None else _Patient(self._feed, self._rolling, self._tasks)

    def _tasks(self) -> dict[str, Task]:
        """The tasks as they live now."""
        found = {} if self._scheduler is None else self._scheduler.tasks
        return {name: task for name, task in found.items() if isinstance(task, Task)}

    def _maker(self, task: TaskHops, context: Context, order: tuple[Side, ...] | None) -> Callable[[], Turning]:
        # The paper venue goes by log time in live runs too.
        cut = self._cut
        plan = self.plan.task_plan(
            task, order, records_max=cut.records_max, frame_rows=cut.frame_rows, commit_interval_s=cut.commit_interval_s
        )  # fmt: skip
        context = replace(context, partition=task.partition)
        merge = self.plan.merges().get(task.name)
        log: Log = self._guarded
        if merge is not None:
            log = OrderedLog(self.log, self.plan.namespace, self.plan.topic(PRIMARY[task.hops[0]]), merge)
        if (senders := self.plan.timed().get(task.name)) is not None:
            log = TimedLog(self.log, self.plan.namespace, PRIMARY[task.hops[0]], senders)
        warm(self._build(task, context), context)
        kills = list(self.plan.kills.get(task.name, ()))
        struck = [fault.at_ns for fault in self.plan.stress.faults if fault.kind == "task-kill"]

        def crash(point: str, inputs: int) -> None:
            self._fault(task.name, point, inputs)
            if kills and point == "produced" and inputs >= kills[0]:
                kills.pop(0)
                raise SimulatedCrash(task.name)
            if struck and point == "produced" and self._fed_ns() >= struck[0]:
                struck.pop(0)
                raise SimulatedCrash(task.name)

        def make() -> Turning:
            return Task(
                plan, self._build(task, context), log, failpoint=crash,
                monotonic=lambda: 0.0 if self._scheduler is None else self._scheduler.clock_s(),
            )  # fmt: skip

        return make


class _Patient:
    """A feed that leaves the tasks time."""

    def __init__(self, feed: ReplayFeed, rolling: Rolling, tasks: Callable[[], dict[str, Task]]) -> None:
        self._feed = feed
        self._rolling = rolling
        self._tasks = tasks

    @property
    def done(self) -> bool:
        """The end record has been published."""
        return self._feed.done

    def turn(self, wait_s: float) -> bool:
        """Publish what is due, unless tasks are behind."""
        return not self._rolling.waits(self._tasks()) and self._feed.turn(wait_s)

    def close(self) -> None:
        """Release the producer."""
        self._feed.close()


def context_of_replay(plan: ReplayPlan) -> Context:
    """What a replay's agents are built from."""
    context = plan.recording.context
    return replace(
        context, run=plan.opening, folder=plan.code_folder, said=said_in(plan.recording) if plan.asks else ()
    )
