"""A shadow: a candidate beside the live desk. It reads the live ticks, and writes in a namespace of its own alone.

Its strategy, risk and venue go by the rules of play: fills are simulated, and nothing that it wants moves the market.
What people say to the live desk holds for it too, from its log time on; what it hears too late, from there on, and that
place is recorded. It begins flat, with the live desk's features where its view is the same, and goes on where it stood
when it is run again under the same name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from agents.supervisor import Supervisor
from agents.topology import TaskHops
from agents.worker_spec import WorkerSpec
from replay.recording import TICKS_TOPIC
from replay.seeding import FLUSH_S_MAX
from replay.shadow_plan import ShadowPlan, check_model, opening_of
from schemas.catalog import BY_EVENT, DEFINITION
from schemas.codec import encode
from schemas.document import Document
from schemas.errors import SnapshotError
from schemas.header import Header, no_stamps, pack
from streams.agent import Agent
from streams.build import build_hash
from streams.flushing import flush_all
from streams.guarded import GuardedLog
from streams.kafka import KafkaLog
from streams.log import Log
from streams.people import PEOPLE
from streams.snapshot import TaskState, newest, record_header, to_bytes

END_S_MAX = 20.0
"""How long its tasks are given to commit when it ends."""
POLL_S = 0.1


def open_shadow(log: Log, plan: ShadowPlan) -> bool:
    """Open a shadow, unless it stands there already with the same model; whether it was opened now.

    Raises:
        ConfigError: It stands there with another model.
        SnapshotError: The live desk has committed no state yet.
    """
    before = opening_of(log, plan.name)
    if before is not None:
        check_model(plan.name, before, plan.model)
        return False
    beginnings = _beginnings(plan)
    guarded = GuardedLog(log, plan.namespace)
    guarded.create(plan.topics())
    appender = guarded.appender()

    def write(name: str, documents: Iterable[Document]) -> None:
        for seq, document in enumerate(documents):
            schema = DEFINITION if name == "definitions" else BY_EVENT[type(document)]
            header = Header(
                schema=schema.number, version=schema.version, seq=seq, time=0, writer=PEOPLE, stamps=no_stamps()
            )
            appender.append(plan.topic(name), 0, b"", encode(document), pack(header))

    write("definitions", plan.live.definitions)
    for task, state in beginnings:
        header_of_state = record_header(task.name, 0, 0)
        appender.append(plan.topic("state"), task.state_partition, task.name.encode(), to_bytes(state), header_of_state)
    flush_all(appender, plan.namespace, FLUSH_S_MAX)
    write("control", [plan.opening])  # last: where it stands, all else does
    flush_all(appender, plan.topic("control"), FLUSH_S_MAX)
    appender.close()
    return True


def _beginnings(plan: ShadowPlan) -> list[tuple[TaskHops, TaskState]]:
    """The states of the tasks that read ticks: at their live desk's newest committed place, the candidate flat."""
    live = {task.partition: _live_state(plan, task) for task in plan.live.tasks if "feature" in task.hops}
    found = []
    for task in plan.tasks:
        if task.hops[0] == "risk":
            continue
        of_live = live[task.partition]
        at = {"offset": of_live.values["input"]["offset"], "seqs": dict(of_live.values["input"]["seqs"])}
        stages = task.build(plan.context)
        agents = [_state_of(stage, of_live if stage.name == "feature" else None) for stage in stages]
        found.append((task, TaskState(_values(plan, task, stages, at), agents, [None] * len(stages))))
    return found


def _live_state(plan: ShadowPlan, task: TaskHops) -> TaskState:
    live = newest(plan.live.log, plan.live.topic("state"), task.state_partition, task.name)
    if live is None:
        raise SnapshotError(
            "the live desk has no state to begin with", kind="no_start",
            where=f"{plan.live.topic('state')} of {task.name}", fix="wait until it has committed: a few seconds",
        )  # fmt: skip
    return live


def _state_of(stage: Agent, live: TaskState | None) -> bytes:
    """A fresh state; of the feature hop the live one, where it fits."""
    if live is not None:
        data: bytes = live.agents[live.values["stages"].index(stage.name)]
        try:
            stage.restore(data)
        except SnapshotError:  # of another view: it warms from here on
            return stage.snapshot(stage.start())
        return data
    return stage.snapshot(stage.start())


def _values(plan: ShadowPlan, task: TaskHops, stages: list[Agent], at: dict[str, Any]) -> dict[str, Any]:
    nothing: dict[str, Any] = {"offset": 0, "seqs": {}, "ended": False}
    reads_ticks = stages[0].reads == TICKS_TOPIC
    sides = {name for stage in stages for name in stage.sides}
    return {
        "task": task.name, "run": plan.opening.run, "build": build_hash(), "left_to": "", "succession": None,
        "stages": [stage.name for stage in stages],
        "input": {"ordinal": 0, **(at if reads_ticks else {"offset": 0, "seqs": {}})},
        "sides": {name: {**nothing, **(at if name == TICKS_TOPIC else {})} for name in sides},
        "outputs": {name: [0, 0] for name in (*(n for stage in stages for n in stage.writes), "dlq")},
        "breaker": None, "recovery": None, "snapshots": 0, "waits": [], "end": None, "finished": 0, "done": False,
    }  # fmt: skip


class Shadow:
    """A shadow at work: a process a task.

    Args:
        log: The cluster.
        plan: The shadow, which has been opened.
        on_event: Hears of deaths and dead letters.
    """

    def __init__(self, log: KafkaLog, plan: ShadowPlan, on_event: Callable[[dict[str, Any]], None]) -> None:
        self._plan = plan
        self._bootstrap = log.bootstrap
        self._supervisor = Supervisor(on_event)
        self._stopping = False

    def run(self, until: Callable[[], bool]) -> None:
        """Follow the live desk until told, then commit and end.

        Raises:
            TaskFailed: A task cannot be kept alive.
        """
        for task in self._plan.tasks:
            self._supervisor.start(self._spec(task))
        self._supervisor.wait_ready(lambda: self._stopping)
        while not self._stopping and not until():
            self._supervisor.poll(POLL_S)
        self._supervisor.hand_over([task.name for task in self._plan.tasks], END_S_MAX)

    def stop(self) -> None:
        """End in order."""
        self._stopping = True

    def close(self) -> None:
        """End every process of it."""
        self._supervisor.close()

    def _spec(self, task: TaskHops) -> WorkerSpec:
        plan, of_task = self._plan, self._plan.task_plan(task)
        return WorkerSpec(
            bootstrap=self._bootstrap, namespace=plan.namespace, run=plan.opening.run, source=plan.live.source,
            task=task.name, hops=list(task.hops), partition=task.partition, partitions=task.partitions,
            apart=of_task.apart, mode=of_task.mode, writers=plan.writers(task.partition), borrowed=plan.borrowed,
            bad_share_max=of_task.bad_share_max, folder=str(plan.live.folder),
        )  # fmt: skip
