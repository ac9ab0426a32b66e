"""A replay on Kafka: a process a task and one for the feed, over topics of its own."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from agents.supervisor import Supervisor, worker_command
from agents.topology import FEED, TaskHops
from agents.worker_spec import WorkerSpec
from replay.feed_process import FeedOrder
from replay.replay_feed import Behind
from replay.replay_plan import ReplayPlan
from replay.seeding import open_replay
from replay.stress import STALL_NS
from schemas.header import Side
from streams.broker_pause import paused
from streams.clock import monotonic_s
from streams.guarded import GuardedLog
from streams.home import KERNELS_VARIABLE
from streams.kafka import KafkaLog
from streams.log import Log
from streams.recorded_order import save_order

POLL_S = 0.05
NANOS = 1_000_000_000
OnEvent = Callable[[dict[str, Any]], None]
Worker = Callable[[WorkerSpec], list[str]]


class KafkaReplay:
    """One process a task and one for the feed, brought back when they die.

    Args:
        log: Where the recording lies, and the replay's topics go.
        plan: The replay.
        folder: The run's own, for what its processes are told.
        asked: The times that the stretch was asked for by: ``since_ns`` and ``until_ns``.
        on_event: Hears of deaths and dead letters.
        worker: Command line of a task's process.
    """

    def __init__(
        self, log: KafkaLog, plan: ReplayPlan, folder: Path, asked: tuple[int | None, int | None] = (None, None),
        on_event: OnEvent = lambda _event: None, worker: Worker = worker_command,
    ) -> None:  # fmt: skip
        self.log: Log = log
        self.plan = plan
        self.elapsed_s = 0.0
        self.time = 0
        self.behind = Behind(0, 0)
        self.struck = [0] * len(plan.stress.faults)
        self._bootstrap = log.bootstrap
        self._folder = folder
        self._asked = asked
        self._on_event = on_event
        self._worker = worker
        self._supervisor = Supervisor(self._heard, command=self._command)
        self._stopping = False
        self._feeding = False
        self._faults = [f for f in plan.stress.faults if f.kind in ("broker-pause", "task-kill")]
        self._first_ns = 0

    def run(self, on_progress: Callable[[], None] = lambda: None) -> None:
        """Open the replay, start its tasks, then its feed, and wait for all to be done."""
        orders = self.plan.orders()
        open_replay(GuardedLog(self.log, self.plan.namespace), self.plan, orders)
        for task in self.plan.tasks:
            self._supervisor.start(self._spec(task, orders.get(task.name)), self.plan.kills.get(task.name, ()))
        self._supervisor.wait_ready(lambda: self._stopping)
        if self._stopping:
            return
        self._supervisor.start(self._feed_spec(), self.plan.kills.get(FEED, ()))
        self._feeding = True
        self._supervisor.wait_ready(lambda: self._stopping)
        started = monotonic_s()
        while not self._supervisor.done:
            if self._stopping:
                self._supervisor.terminate(FEED)
            self._supervisor.poll(POLL_S)
            self._strike()
            self.elapsed_s = monotonic_s() - started
            on_progress()

    def stop(self) -> None:
        """The feed publishes its end record; the rest drains."""
        self._stopping = True
        if self._feeding:
            self._supervisor.terminate(FEED)

    def close(self) -> None:
        """End every process of the replay."""
        self._supervisor.close()

    def _heard(self, event: dict[str, Any]) -> None:
        if event["event"] == "fed":
            self.time, self.behind, self.struck = int(event["time"]), Behind(*event["behind"]), event["struck"]
            self._first_ns = self._first_ns or int(event["first"])
        else:
            self._on_event(event)

    def _strike(self) -> None:
        """Kill every task, or stop the broker for a while, once the log's time for it has come."""
        while self._faults and self._first_ns and self.time - self._first_ns >= self._faults[0].at_ns:
            if self._faults.pop(0).kind == "task-kill":
                for task in self.plan.tasks:
                    self._supervisor.kill(task.name)
            else:
                paused(STALL_NS / NANOS)

    def _spec(self, task: TaskHops, order: tuple[Side, ...] | None) -> WorkerSpec:
        plan = self.plan.task_plan(task, order)
        path = ""
        if plan.recorded is not None:
            path = str(self._folder / f"order.{task.name}")
            save_order(Path(path), plan.recorded)
        merged = ""
        if (merge := self.plan.merges().get(task.name)) is not None:
            merged = str(self._folder / f"merge.{task.name}")
            Path(merged).write_bytes(msgspec.json.encode(merge))
        timed = list(self.plan.timed().get(task.name, ()))
        return WorkerSpec(
            bootstrap=self._bootstrap, namespace=plan.namespace, run=plan.run, source=plan.source, task=task.name,
            hops=list(task.hops), writers=dict(plan.writers), partition=task.partition, partitions=task.partitions,
            mode=plan.mode, merged=merged, timed=timed, bad_share_max=plan.bad_share_max, recorded=path,
            folder=str(self.plan.code_folder), cold=self.plan.cold,
        )  # fmt: skip

    def _feed_spec(self) -> WorkerSpec:
        source = self.plan.recording.source
        return WorkerSpec(
            bootstrap=self._bootstrap, namespace=self.plan.namespace, run=self.plan.run, source=source, task=FEED
        )

    def _command(self, spec: WorkerSpec) -> list[str]:
        if spec.task != FEED:
            if not self.plan.cold:
                return self._worker(spec)
            return ["env", f"{KERNELS_VARIABLE}={self._folder / 'kernels'}", *self._worker(spec)]
        recording = self.plan.recording
        order = FeedOrder(
            bootstrap=self._bootstrap, recorded=recording.namespace, opened=recording.opening.run,
            namespace=self.plan.namespace, run=self.plan.run,
            table_name=self.plan.fed, speed=self.plan.speed, folder=str(self._folder),
            bounds={str(p): (at, recording.end[p]) for p, at in recording.begin.items()},
            since_ns=self._asked[0], until_ns=self._asked[1], burst=self.plan.stress.burst,
            burst_at_ns=self.plan.stress.burst_at_ns,
            faults=[(fault.kind, fault.at_ns) for fault in self.plan.stress.faults], pin=recording.pin,
        )  # fmt: skip
        return [sys.executable, "-P", "-m", "replay.feed_process", msgspec.json.encode(order).decode()]
