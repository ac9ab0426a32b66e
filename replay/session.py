"""A play run from its opening to its summary: on Kafka in processes of their own, or in memory in this one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from agents.context import Context, read_context
from agents.supervisor import Supervisor
from agents.topology import FEED, TaskHops, writers
from agents.warm import warm
from agents.worker import LEDGER
from agents.worker_spec import FeedSpec, WorkerSpec
from feeds.ledger import Ledger
from feeds.player import Pace, Player
from feeds.sequence import open_sequence
from replay.cut import Cut, Fault
from replay.plan import PlayPlan, open_run
from schemas.dead_letter import notice
from streams.clock import monotonic_s, wall_ns
from streams.kafka import KafkaLog
from streams.log import Log
from streams.memory import MemoryLog
from streams.publisher import Publisher
from streams.runner import Task
from streams.scheduler import Scheduler, SimulatedCrash, Turning
from streams.task_plan import TaskPlan

POLL_S = 0.05

OnEvent = Callable[[dict[str, Any]], None]
OnProgress = Callable[[], None]


class Session(Protocol):
    """A run under way."""

    log: Log
    plan: PlayPlan
    elapsed_s: float

    @property
    def restarts(self) -> dict[str, int]:
        """How often each task was brought back."""
        ...

    def run(self, on_progress: OnProgress) -> None:
        """Run to the end, calling ``on_progress`` now and then."""
        ...

    def stop(self) -> None:
        """End early and in order: no further input, everything that was sent is worked off."""
        ...

    def kills_left(self) -> dict[str, list[int]]:
        """Kills that did not happen because the task saw fewer inputs."""
        ...

    def acknowledged(self) -> set[int]:
        """The publisher's ledger."""
        ...

    def close(self) -> None:
        """End every process of the run."""
        ...


class KafkaSession:
    """One process a task, brought back when it dies."""

    def __init__(
        self, log: KafkaLog, plan: PlayPlan, folder: Path, on_event: OnEvent, supervisor: Supervisor | None = None
    ) -> None:
        self.log: Log = log
        self.plan = plan
        self.elapsed_s = 0.0
        self._bootstrap = log.bootstrap
        self._ledger = Ledger(folder / LEDGER)
        self._supervisor = supervisor or Supervisor(on_event)
        self._started = 0.0
        self._feeding = False
        self._stopping = False
        self._folder = folder

    @property
    def restarts(self) -> dict[str, int]:
        """How often each task was brought back."""
        return self._supervisor.restarts

    def run(self, on_progress: OnProgress) -> None:
        """Open the run, start the tasks, then the feed, and wait for all to be done."""
        open_run(self.log, self.plan)
        for task in self.plan.tasks:
            self._supervisor.start(self.spec(task.name), self.plan.kills.get(task.name, ()))
        self._supervisor.wait_ready(lambda: self._stopping)
        if self._stopping:
            return
        self._supervisor.start(self.spec(FEED), self.plan.kills.get(FEED, ()))
        self._feeding = True
        self._supervisor.wait_ready(lambda: self._stopping)
        self._started = monotonic_s()
        while not self._supervisor.done:
            if self._stopping:
                self._supervisor.terminate(FEED)
            self._supervisor.poll(POLL_S)
            self.elapsed_s = monotonic_s() - self._started
            on_progress()

    def stop(self) -> None:
        """The feed publishes its end record; the rest drains."""
        self._stopping = True
        if self._feeding:
            self._supervisor.terminate(FEED)

    def kills_left(self) -> dict[str, list[int]]:
        """Kills that did not happen."""
        return self._supervisor.kills_left()

    def acknowledged(self) -> set[int]:
        """The publisher's ledger."""
        return self._ledger.seqs()

    def close(self) -> None:
        """End every process of the run."""
        self._supervisor.close()

    def spec(self, task: str) -> WorkerSpec:
        """What a process of this run is told, by its name."""
        hops = next((list(t.hops) for t in self.plan.tasks if t.name == task), [])
        feed = self._feed_spec() if task == FEED else None
        return WorkerSpec(
            bootstrap=self._bootstrap, namespace=self.plan.namespace, run=self.plan.run, source=self.plan.source,
            task=task, hops=hops, feed=feed, writers=writers(self.plan.tasks, self.plan.source),
        )  # fmt: skip

    def _feed_spec(self) -> FeedSpec:
        return FeedSpec(
            captures=[str(p) for p in self.plan.captures], simulate_seconds=self.plan.seconds, seed=self.plan.seed,
            instruments=self.plan.instruments, speed=self.plan.speed, folder=str(self._folder),
        )  # fmt: skip


class MemorySession:
    """Every task in this process, under the seeded scheduler.

    Args:
        cut: How the run is cut.
        build: Builds the agents of a task.
        on_event: Hears of rejected inputs.
        fault: Makes tasks die.
    """

    def __init__(
        self, plan: PlayPlan, *, cut: Cut | None = None, build: Callable[[TaskHops, Context], Any] = TaskHops.build,
        on_event: OnEvent = lambda _event: None, fault: Fault = lambda _task, _point, _inputs: None,
    ) -> None:  # fmt: skip
        self.log: Log = MemoryLog()
        self.plan = plan
        self.elapsed_s = 0.0
        self._cut = cut or Cut(seed=plan.seed)
        self._build = build
        self._on_event = on_event
        self._fault = fault
        self._ledger = Ledger()
        self._kills = {task: sorted(after) for task, after in plan.kills.items()}
        self._player: Player | None = None
        self._stopping = False
        self._scheduler: Scheduler | None = None

    @property
    def restarts(self) -> dict[str, int]:
        """How often each task was brought back."""
        return {} if self._scheduler is None else dict(self._scheduler.crashes)

    def run(self, on_progress: OnProgress) -> None:
        """Open the run and turn its tasks until all are done."""
        open_run(self.log, self.plan)
        context = read_context(self.log, self.plan.namespace)
        origin_ns = wall_ns()
        makers: dict[str, Callable[[], Turning]] = {task.name: self._maker(task, context) for task in self.plan.tasks}
        makers[FEED] = lambda: self._feed(origin_ns)
        started = monotonic_s()
        self._scheduler = Scheduler(makers, self._cut.seed, pause_share=self._cut.pause_share)

        def progress() -> None:
            self.elapsed_s = monotonic_s() - started
            on_progress()

        self._scheduler.run(progress)
        self.elapsed_s = monotonic_s() - started

    def stop(self) -> None:
        """No further input."""
        self._stopping = True
        if self._player is not None:
            self._player.stop()

    def kills_left(self) -> dict[str, list[int]]:
        """Kills that did not happen."""
        return {task: after for task, after in self._kills.items() if after}

    def acknowledged(self) -> set[int]:
        """The publisher's ledger."""
        return self._ledger.seqs()

    def close(self) -> None:
        """Nothing outlives this process."""

    def _maker(self, hops: TaskHops, context: Context) -> Callable[[], Turning]:
        plan = TaskPlan(
            name=hops.name, namespace=self.plan.namespace, source=self.plan.source, run=self.plan.run,
            state_partition=hops.state_partition, commit_every_batch=hops.commit_every_batch,
            commit_interval_s=self._cut.commit_interval_s, records_max=self._cut.records_max,
            frame_rows=self._cut.frame_rows, writers=writers(self.plan.tasks, self.plan.source),
        )  # fmt: skip
        warm(hops.build(context), context)

        def make() -> Turning:
            return Task(
                plan, self._build(hops, context), self.log, failpoint=self._failpoint(hops.name),
                on_reject=lambda letter: self._on_event({"event": "reject", **notice(letter)}),
                monotonic=lambda: 0.0 if self._scheduler is None else self._scheduler.clock_s(),
            )  # fmt: skip

        return make

    def _feed(self, origin_ns: int) -> Turning:
        events = open_sequence(
            self.plan.captures, seconds=self.plan.seconds, seed=self.plan.seed,
            instruments=self.plan.instruments,
            on_fault=lambda fault: self._on_event({"event": "fault", "task": FEED, "message": fault}),
        )  # fmt: skip
        publisher = Publisher(
            self.log, self.plan.source, namespace=self.plan.namespace, on_ack=self._ledger.acknowledge
        )
        self._player = Player(events, publisher, self._ledger, run=self.plan.run, pace=Pace(self.plan.speed, origin_ns))
        if self._stopping:
            self._player.stop()
        return _Crashing(self._player, self._failpoint(FEED))

    def _failpoint(self, task: str) -> Callable[[str, int], None]:
        kills = self._kills.get(task, [])

        def crash(point: str, consumed: int) -> None:
            self._fault(task, point, consumed)
            if kills and point == "produced" and consumed >= kills[0]:
                kills.pop(0)
                raise SimulatedCrash(task)

        return crash


class _Crashing:
    """A player with a failpoint, so that it can be killed like a task."""

    def __init__(self, player: Player, failpoint: Callable[[str, int], None]) -> None:
        self._player = player
        self._failpoint = failpoint

    @property
    def done(self) -> bool:
        return self._player.done

    def turn(self, wait_s: float) -> bool:
        moved = self._player.turn(wait_s)
        self._failpoint("produced", self._player.sent)
        return moved

    def close(self) -> None:
        self._player.close()
