"""The rig of every open-loop benchmark: the fused hot task and a bare echo, alive side by side.

A publisher gives ticks to the one or to the other, in alternating segments, so that both are measured within seconds
of each other, by processes that are warm; the side that gets none waits in ``poll`` and costs next to nothing. A reader
notes when each record reached a third process. A witness watches the processes from outside.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from agents.supervisor import Supervisor
from agents.topology import CLOCK, writers
from agents.worker_spec import WorkerSpec
from benchmarks.children.worker import read_notes
from benchmarks.harness import Harness
from benchmarks.processes import Child, close_all
from benchmarks.runs import BenchRun, open_fresh
from benchmarks.schedule import Segment
from schemas.errors import TaskFailed
from streams.clock import sleep_s

PAUSE_S = 0.4
"""Between segments: what is on its way arrives."""
SETTLE_S = 2.0
"""Behind the last segment, before the reader is told to stop. What has not come by then is lost."""
ECHO_TOPICS = ("echo.ticks", "echo.back", "echo.intents", "echo.scores", "echo.features", "echo.decisions")
ECHO_TICKS, ECHO_BACK, ECHO_INTENTS, ECHO_SCORES, ECHO_FEATURES, ECHO_DECISIONS = ECHO_TOPICS
"""The echo's topics: what it reads; what it writes back as it is; or what it writes as the hot task does."""
RECEIVED, SEQ, BORN, PUBLISHED, HOT_IN = 0, 1, 2, 4, 5
"""Columns of what a reader noted. Behind born: in and out of normalise (both the publisher's), then of each hop."""


@dataclass(slots=True)
class RigFound:
    """What a run of the rig gave.

    Attributes:
        rows: What the reader noted, by topic (table or echo name): int64 (rows, 2 + stamps).
        segments: What the publisher said of each segment.
        notes: Of the hot task: int64 (begin, end, kind).
        names: Processes watched; ``waits``: int64 (looks, 1 + processes); ``memory``: (looks, 1 + 2 * processes).
    """

    rows: dict[str, Any]
    segments: list[dict[str, Any]]
    notes: Any
    names: list[str]
    waits: Any
    memory: Any

    def of(self, topic: str, segment: Mapping[str, Any], skip_ns: int = 0) -> Any:
        """Rows of a topic that were born in a segment, its first ``skip_ns`` left out."""
        rows = self.rows[topic]
        born = rows[:, BORN]
        return rows[(born >= segment["origin_ns"] + skip_ns) & (born <= segment["end_ns"])]


class Rig:
    """One run. Topics are the run's own. ``tasks``: those of ours that run; ``echo``: what it writes (like_hot)."""

    def __init__(
        self, harness: Harness, plan: BenchRun, segments: Sequence[Segment], topics: Sequence[str],
        echo: Mapping[str, Any] | None, *, tasks: Sequence[str] = ("hot",),
    ) -> None:  # fmt: skip
        self._harness = harness
        self._plan = plan
        self._segments = list(segments)
        self._topics = list(topics)
        self._echo = echo
        self._tasks = tuple(tasks)
        self._folder = harness.folder / plan.run
        self._supervisor = Supervisor(self._heard, command=self._command)
        self._children: dict[str, Child] = {}

    def run(self) -> RigFound:
        """Start everything, publish every segment, and end everything."""
        self._folder.mkdir()
        open_fresh(self._harness.log, self._plan, ECHO_TOPICS)
        try:
            self._start()
            segments = self._publish()
            return self._found(segments)
        finally:
            close_all(self._children.values())
            self._supervisor.close()

    def _start(self) -> None:
        plan, bootstrap = self._plan, self._harness.broker.bootstrap
        if plan.mode == "live":
            self._supervisor.start(self._spec(CLOCK, []))
        for task in plan.tasks:
            if task.name in self._tasks:
                self._supervisor.start(self._spec(task.name, list(task.hops)))
        self._child("echo", bootstrap=bootstrap)
        self._child("reader", bootstrap=bootstrap, topics=[plan.topic(t) for t in self._topics],
                    found=str(self._folder / "rows.npz"))  # fmt: skip
        self._child(
            "publisher", bootstrap=bootstrap, run=plan.run, tape=str(self._harness.tape_file), pause_s=PAUSE_S,
            topics={"hot": plan.topic("ticks.<source>"), "echo": plan.topic(ECHO_TICKS)}, segments=self._segments,
        )  # fmt: skip
        if "risk" not in self._tasks:
            answered = {"orders.intent": "orders.decision", ECHO_INTENTS: ECHO_DECISIONS}
            topics = {plan.topic(intents): plan.topic(decisions) for intents, decisions in answered.items()}
            self._child("answers", bootstrap=bootstrap, topics=topics)
        self._supervisor.wait_ready()
        for child in self._children.values():
            child.hear("ready")
        self._children["echo"].tell(
            topic=plan.topic(ECHO_TICKS), echo_topic=plan.topic(ECHO_BACK),
            like_hot=self._echo and {k: plan.topic(v) if isinstance(v, str) else v for k, v in self._echo.items()},
        )  # fmt: skip
        self._harness.prefer(*self._supervisor.pids.values())
        pids = {name: child.pid for name, child in self._children.items()} | self._supervisor.pids
        if self._harness.broker.pid is not None:
            pids["broker"] = self._harness.broker.pid
        self._child("witness", pids=pids, found=str(self._folder / "witness.npz")).hear("ready")

    def _publish(self) -> list[dict[str, Any]]:
        publisher = self._children["publisher"]
        publisher.tell(go=True)
        segments = []
        for _ in self._segments:
            segments.append(publisher.hear("segment"))
            self._supervisor.poll(0)
        publisher.hear("done")
        sleep_s(SETTLE_S)
        self._supervisor.poll(0)
        if self._supervisor.restarts:
            raise TaskFailed("a task died in a benchmark", got=str(self._supervisor.restarts))
        return segments

    def _found(self, segments: list[dict[str, Any]]) -> RigFound:
        for name in ("reader", "witness"):
            self._children[name].tell(save=True)
            self._children[name].hear("done")
        with np.load(self._folder / "rows.npz") as saved:
            rows = {topic: saved[self._plan.topic(topic)] for topic in self._topics}
        with np.load(self._folder / "witness.npz") as saved:
            names, waits, memory = saved["names"].tolist(), saved["waits"], saved["memory"]
        return RigFound(rows, segments, read_notes(str(self._notes("hot"))), names, waits, memory)

    def _child(self, module: str, **arguments: Any) -> Child:
        child = self._children[module] = Child(module, **arguments)
        return child

    def _spec(self, task: str, hops: list[str]) -> WorkerSpec:
        plan = self._plan
        known = writers(plan.tasks, plan.source)
        return WorkerSpec(bootstrap=self._harness.broker.bootstrap, namespace=plan.namespace, run=plan.run,
                          source=plan.source, task=task, hops=hops, writers=known, mode=plan.mode)  # fmt: skip

    def _command(self, spec: WorkerSpec) -> list[str]:
        arguments = [msgspec.json.encode(spec).decode(), str(self._notes(spec.task))]
        return [sys.executable, "-m", "benchmarks.children.worker", *arguments]

    def _notes(self, task: str) -> Path:
        return self._folder / f"{task}.notes"

    def _heard(self, event: dict[str, Any]) -> None:
        if event["event"] not in ("ready", "done"):
            self._harness.say(
                f"  {event.get('task')}: {event['event']} {event.get('message') or event.get('reason') or ''}"
            )  # fmt: skip
