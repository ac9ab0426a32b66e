"""A shadow: a candidate beside the live desk. It reads the live ticks, and writes in a namespace of its own alone.

Its strategy, risk and venue go by the rules of play: fills are simulated, and nothing that it wants moves the market.
It begins flat, with the live desk's features where its view is the same, and goes on where it stood when it is run
again under the same name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from agents.context import Context, context_of
from agents.supervisor import Supervisor
from agents.topology import TaskHops, deployment, topic_specs, writers
from agents.worker_spec import WorkerSpec
from replay.recording import TICKS_TOPIC, Recording, said_in, snapshots
from replay.seeding import FLUSH_S_MAX
from schemas.catalog import BY_EVENT, DEFINITION
from schemas.codec import decode, encode
from schemas.control import RunOpened
from schemas.document import Document
from schemas.errors import BadFrame, ConfigError, SnapshotError
from schemas.header import Header, no_stamps, pack
from schemas.topics import topic_name
from streams.agent import Agent
from streams.build import build_hash
from streams.guarded import GuardedLog
from streams.kafka import KafkaLog
from streams.log import Log
from streams.people import PEOPLE
from streams.snapshot import TaskState, from_bytes, record_header, to_bytes

END_S_MAX = 20.0
"""How long its tasks are given to commit when it ends."""
POLL_S = 0.1
NAME_MAX = 64


@dataclass(frozen=True, slots=True)
class ShadowPlan:
    """A shadow.

    Attributes:
        name: Its name.
        live: The live run, as it is recorded.
        model: The candidate's artefact.
    """

    name: str
    live: Recording
    model: Mapping[str, Any]

    @property
    def namespace(self) -> str:
        """Topic prefix."""
        return f"shadow.{self.name}."

    @property
    def opening(self) -> RunOpened:
        """The live opening with the candidate's model, as a play."""
        return msgspec.structs.replace(
            self.live.opening, run=f"shadow-{self.name}", mode="play", split=False, model=dict(self.model), starts={},
            build=build_hash(),
        )  # fmt: skip

    @property
    def tasks(self) -> tuple[TaskHops, ...]:
        """All but normalise: the live ticks serve."""
        return tuple(task for task in deployment(False) if task.hops[0] != "normalise")

    @property
    def borrowed(self) -> dict[str, str]:
        """The live topic that it reads."""
        return {TICKS_TOPIC: self.live.topic(TICKS_TOPIC)}

    @property
    def context(self) -> Context:
        """What its agents are built from."""
        return context_of(self.opening, self.live.definitions, self.live.folder)

    def topic(self, table_name: str) -> str:
        """Full name of a topic of its own."""
        return topic_name(self.namespace, table_name, self.live.source)


def check_name(name: str) -> None:
    """Refuse a name that is no part of a topic's.

    Raises:
        ConfigError: It is none.
    """
    if not name.isascii() or not name.replace("_", "").replace("-", "").isalnum() or len(name) > NAME_MAX:
        raise ConfigError(
            "not a shadow's name", kind="shadow_name", got=name, allowed=f"1 to {NAME_MAX} letters, digits, - and _"
        )


def open_shadow(log: Log, plan: ShadowPlan) -> bool:
    """Open a shadow, unless it stands there already with the same model; whether it was opened now.

    Raises:
        ConfigError: It stands there with another model, or the live run has several partitions.
    """
    if plan.live.opening.partitions > 1:
        raise ConfigError(
            "a shadow follows a live run of one partition", kind="shadow_partitions",
            got=str(plan.live.opening.partitions), allowed="1",
        )  # fmt: skip
    before = _standing(log, plan)
    if before is not None:
        if before.model.get("sha256") != plan.model.get("sha256"):
            raise ConfigError(
                "a shadow of that name has another model", kind="shadow_taken",
                got=str(plan.model.get("sha256"))[:12], allowed=str(before.model.get("sha256"))[:12], where=plan.name,
                fix="give another name",
            )  # fmt: skip
        return False
    guarded = GuardedLog(log, plan.namespace)
    unused = {plan.topic("raw.<source>"), plan.topic(TICKS_TOPIC)}
    guarded.create([spec for spec in topic_specs(plan.namespace, plan.live.source) if spec.name not in unused])
    appender = guarded.appender()
    said: list[Document] = [plan.opening, *said_in(plan.live)]
    for name, documents in (("definitions", list(plan.live.definitions)), ("control", said)):
        for seq, document in enumerate(documents):
            schema = DEFINITION if name == "definitions" else BY_EVENT[type(document)]
            header = Header(
                schema=schema.number, version=schema.version, seq=seq, time=0, writer=PEOPLE, stamps=no_stamps()
            )
            appender.append(plan.topic(name), 0, b"", encode(document), pack(header))
    for task, state in _beginnings(plan):
        header_of_state = record_header(task.name, 0, 0)
        appender.append(plan.topic("state"), task.state_partition, task.name.encode(), to_bytes(state), header_of_state)
    appender.flush(FLUSH_S_MAX)
    appender.close()
    return True


def _standing(log: Log, plan: ShadowPlan) -> RunOpened | None:
    if log.partitions(plan.topic("control")):
        for record in log.scan(plan.topic("control"), 0, 0, committed=True):
            try:
                return decode(record.value, RunOpened)
            except BadFrame:
                continue
    return None


def _beginnings(plan: ShadowPlan) -> list[tuple[TaskHops, TaskState]]:
    """The states of the two tasks that read ticks: at the live desk's newest committed place, the candidate flat."""
    live_task = next(t for t in plan.live.tasks if "feature" in t.hops)
    newest: bytes | None = None
    for _, value in snapshots(plan.live, live_task):
        newest = value
    if newest is None:
        raise SnapshotError(
            "the live desk has no state to begin with", kind="no_start", where=plan.live.topic("state"),
            fix="wait until it has committed: a few seconds",
        )  # fmt: skip
    live = from_bytes(newest)
    at = {"offset": live.values["input"]["offset"], "seqs": dict(live.values["input"]["seqs"])}
    found = []
    for task in plan.tasks:
        if task.hops[0] == "risk":
            continue
        stages = task.build(plan.context)
        agents = [_state_of(stage, live if stage.name == "feature" else None) for stage in stages]
        found.append((task, TaskState(_values(plan, task, stages, at), agents, [None] * len(stages))))
    return found


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
        plan = self._plan
        return WorkerSpec(
            bootstrap=self._bootstrap, namespace=plan.namespace, run=plan.opening.run, source=plan.live.source,
            task=task.name, hops=list(task.hops), writers=writers(deployment(False), plan.live.source),
            borrowed=plan.borrowed, bad_share_max=1.0, folder=str(plan.live.folder),
        )  # fmt: skip
