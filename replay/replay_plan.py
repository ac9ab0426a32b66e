"""What a replay is: which recorded stretch, by which tasks, how fast, from which topic on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import msgspec
import numpy as np

from agents.topology import PRIMARY, TaskHops, deployment, source_of, writers
from replay.asking import aligned, on_paper
from replay.order import LISTENED, listener_of, merged_order, recorded_order
from replay.recording import RAW_TOPIC, TICKS_TOPIC, Recording
from replay.stress import Stress
from schemas.control import RunOpened
from schemas.errors import ConfigError
from schemas.header import Side
from schemas.topics import TOPICS, topic_name
from streams.agent import Batch
from streams.build import build_hash
from streams.snapshot import TaskState
from streams.task_plan import TaskPlan
from streams.timed import Sender

KIND = "replay"
TRIED = ("strategy", "parameters", "limits", "model", "view", "code", "venue_latency_ns")
"""What a candidate's opening tells; account, source, instruments and partitions stay the recorded ones."""
Since = Literal["raw", "ticks"]


@dataclass(frozen=True)
class ReplayPlan:
    """A replay.

    Attributes:
        run: Run id of the replay; sorts by time.
        recording: What is played again.
        split: A topic between every two hops, whatever the recording's deployment was.
        speed: Log seconds per wall second; 0 as fast as it goes.
        since: From raw payloads on, or from ticks.
        kind: What stands before the run id in the namespace.
        kills: SIGKILL a task after so many inputs, by task name.
        model: Another model's artefact. No order is recorded for what it wants: the rules of play give it.
        candidate: Another topology's opening, or the recorded one with another view: whose strategy, parameters,
            limits, model, view and venue are tried.
        folder: Where the paths of the candidate's code begin; None: where the recording's do.
        simulated: The paper venue answers what the replay orders, in log time; else the recorded executions are heard
            where they were heard.
        stress: What is done to the input.
        cold: Tasks start without compiled kernels, with an empty cache for them: the first records wait for it.
    """

    run: str
    recording: Recording
    split: bool = False
    speed: float = 0.0
    since: Since = "raw"
    kind: str = KIND
    kills: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    model: Mapping[str, Any] | None = None
    candidate: RunOpened | None = None
    folder: Path | None = None
    simulated: bool = False
    stress: Stress = field(default_factory=Stress)
    cold: bool = False

    @property
    def namespace(self) -> str:
        """Topic prefix."""
        return f"{self.kind}.{self.run}."

    @property
    def opening(self) -> RunOpened:
        """The recorded opening, with the deployment and the code that play it again."""
        recorded = msgspec.structs.replace(self.recording.opening, split=self.split, build=build_hash())
        if self.followed or (self.recording.mode == "play" and not self._other):
            return recorded
        if (other := self.candidate) is not None:
            tried = {name: getattr(other, name) for name in TRIED}
            recorded = msgspec.structs.replace(recorded, **tried)
        return msgspec.structs.replace(
            on_paper(recorded),
            run=self.run,
            mode="play",
            starts={},
            model=recorded.model if self.model is None else dict(self.model),
        )

    @property
    def code_folder(self) -> Path:
        """Where the paths of the desk's own code begin."""
        return self.recording.folder if self.folder is None else self.folder

    @property
    def _other(self) -> bool:
        """Whether anything but the recorded run is tried."""
        return self.model is not None or self.candidate is not None

    @property
    def followed(self) -> bool:
        """Whether the order of side records is the recorded one; else it follows from log time."""
        return self.recording.mode == "live" and not self._other and not self.simulated

    @property
    def asks(self) -> bool:
        """Whether it asks what would have been, rather than whether it was so."""
        return self._other or (self.simulated and self.recording.mode == "live")

    @property
    def fed(self) -> str:
        """Table name of the topic that the feed writes."""
        return RAW_TOPIC if self.since == "raw" else TICKS_TOPIC

    @property
    def tasks(self) -> tuple[TaskHops, ...]:
        """Its tasks."""
        left_out = {*(() if self.since == "raw" else ("normalise",)), *(() if self.recording.reports else ("gateway",))}
        return tuple(task for task in self._deployed if task.hops[0] not in left_out)

    @property
    def _deployed(self) -> tuple[TaskHops, ...]:
        external = bool(self.opening.gateway)
        return deployment(self.split, self.recording.opening.partitions, external=external)

    def topic(self, table_name: str) -> str:
        """Full name of a topic of the table in this run."""
        return topic_name(self.namespace, table_name, self.recording.source)

    def orders(self) -> dict[str, tuple[Side, ...]]:
        """The recorded order of each task that follows one."""
        if not self.followed:
            return {}
        return {task.name: recorded_order(self.recording, task) for task in self.tasks if listener_of(task)}

    def renamed(self, table_name: str) -> dict[str, str]:
        """Writers of a topic in the recording, and those of the replay in their stead."""
        written = next(topic for topic in TOPICS if topic.name == table_name)
        after = [t for t in self._deployed if written.made_by(t.hops)]
        return {
            t.name: next((a.name for a in after if a.partition == t.partition), after[0].name)
            for t in self.recording.tasks
            if written.made_by(t.hops)
        }

    def merges(self) -> dict[str, tuple[str, ...]]:
        """Of each task whose input several tasks write: whose record came next, as it was recorded."""
        if not self.followed or self.recording.opening.partitions == 1:
            return {}
        return {
            task.name: self._again(task) + merged_order(self.recording, self.renamed(PRIMARY[task.hops[0]]))
            for task in self.tasks
            if task.hops[0] == "risk"
        }

    def timed(self) -> dict[str, tuple[Sender, ...]]:
        """Of each task whose input several tasks write and whose order no run recorded: who, in the data's way."""
        if self.followed or self.recording.opening.partitions == 1:
            return {}
        states = self.states()
        return {
            task.name: tuple(
                Sender(t.name, t.state_partition, _made(states, t.name, PRIMARY[task.hops[0]]))
                for t in self.tasks
                if t.hops[-1] == "strategy"
            )
            for task in self.tasks
            if task.hops[0] == "risk"
        }

    def _again(self, task: TaskHops) -> tuple[str, ...]:
        """Whose records come first because the states of those who write them stand before what the task has taken."""
        states, primary = self.states(), PRIMARY[task.hops[0]]
        taken = states[task.name].values["input"]["seqs"] if task.name in states else {}
        return tuple(
            writer
            for writer, seq in sorted(taken.items())
            if writer in states
            for _ in range(seq - _made(states, writer, primary))
        )

    def task_plan(self, task: TaskHops, order: tuple[Side, ...] | None, **cut: object) -> TaskPlan:
        """What a task of this run is told."""
        source = source_of(task, self.opening)
        plan = TaskPlan(
            name=task.name, namespace=self.namespace, source=source, run=self.opening.run,
            mode="live" if self.followed and "venue" not in task.hops else "play",
            recorded=(order or ()) if self.followed and "venue" not in task.hops else None, partition=task.partition,
            state_partition=task.state_partition, commit_every_batch=task.commit_every_batch,
            writers=writers(self._deployed, source, task.partition),
            bad_share_max=1.0,
        )  # fmt: skip
        return replace(plan, **cut)  # type: ignore[arg-type]

    def states(self) -> dict[str, TaskState]:
        """The state that each task begins with, told in the places of this run's topics; none: from empty.

        Raises:
            ConfigError: The recorded states are of tasks that cannot be told apart or put together.
        """
        found: dict[str, TaskState] = {}
        for task in self.tasks:
            same = next((t for t in self.recording.tasks if t.hops == task.hops and t.name == task.name), None)
            if same is None and task.hops == ("venue",) and self.recording.opening.gateway:
                continue  # an execution system was at work: the paper venue begins with nothing
            if not self.recording.states or (same is not None and task.name not in self.recording.states):
                continue
            if same is not None:
                found[task.name] = self._rebased(task, self.recording.states[task.name])
            else:
                whole = next(
                    (t for t in self.recording.tasks if set(task.hops) < set(t.hops) and t.partition == task.partition),
                    None,
                )
                if whole is None:
                    raise ConfigError(
                        "the states of split tasks stand at different inputs: they cannot begin as one",
                        kind="replay_deployment", got=task.name, allowed="--split, or the recording from its first day",
                    )  # fmt: skip
                found[task.name] = self._rebased(task, _part(self.recording.states[whole.name], whole, task))
        return aligned(found, self.tasks) if self.asks else found

    def _rebased(self, task: TaskHops, state: TaskState) -> TaskState:
        values = dict(state.values)
        primary = PRIMARY[task.hops[0]]
        seqs = values["input"]["seqs"]
        if primary != RAW_TOPIC:
            names = self.renamed(primary)
            seqs = {names.get(name, name): seq for name, seq in seqs.items()}
        values |= {
            "input": {**values["input"], "offset": 0, "seqs": seqs},
            "sides": {
                name: {**at, "offset": 0, "ended": False, "untold": []} for name, at in values["sides"].items()
            },
            "outputs": {name: [seq, 0] for name, (seq, _) in values["outputs"].items()},
            "recovery": None, "end": None,
            "finished": len(task.hops) if self.followed and "venue" not in task.hops else 0, "build": build_hash(),
            "succession": None, "done": False, "owner": "", "left_to": "", "task": task.name,
        }  # fmt: skip
        return TaskState(values, state.agents, [None if queue is None else _unstamped(queue) for queue in state.queues])


def _unstamped(queue: Batch) -> Batch:
    """What was half worked off, without the wall times of the recording: they are no latency of this run."""
    return replace(
        queue, stamps=np.zeros_like(queue.stamps), arrived_ns=0, passed=(0,) * len(queue.passed)
    )  # fmt: skip


def _made(states: Mapping[str, TaskState], writer: str, table_name: str) -> int:
    """Number of the first record that a task will make in a topic."""
    return int(states[writer].values["outputs"][table_name][0]) if writer in states else 0


def _part(state: TaskState, whole: TaskHops, task: TaskHops) -> TaskState:
    """What a fused task's state holds of one of its hops, as the state of a task of that hop alone."""
    if any(queue is not None for queue in state.queues):
        raise ConfigError(
            "a state in the middle of a batch cannot begin as several tasks", kind="replay_deployment",
            got=whole.name, allowed="the recording's own deployment",
        )  # fmt: skip
    at = whole.hops.index(task.hops[0])
    values, hop = dict(state.values), task.hops[0]
    outputs = values["outputs"]
    made = {"feature": "features", "score": "scores", "strategy": "orders.intent"}
    # A fused task numbers a sample of the features, a task of that hop all of them: it begins anew.
    first = {"feature": 0, "score": outputs["scores"][0], "strategy": outputs["orders.intent"][0]}[hop]
    values["outputs"] = {made[hop]: [first, 0], "dlq": [0, 0]}
    values["stages"] = [hop]
    values["breaker"] = None
    if hop != "feature":
        before = {"score": {}, "strategy": {whole.name: outputs["scores"][0]}}[hop]
        values["input"] = {**values["input"], "seqs": before}
    values["sides"] = {name: at for name, at in values["sides"].items() if name in LISTENED.get(hop, ())}
    return TaskState(values, [state.agents[at]], [None])
