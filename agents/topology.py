"""The graph: START HERE.

::

    captures, simulator, sockets
            │ publisher
            ▼
      raw.<source> ──► normalise ──► ticks.<source> ──► feature ──► features ──► score ──► scores ──► strategy
                                          │                                                              ▲  │
                                          │                                     orders.decision (denials)│  ▼
                                          │                                          ┌───────────────────┤ orders.intent
                                          ▼                                          │                   │  │
                                        venue ◄────────────── orders ◄───────────── risk ◄───────────────┼──┘
                                          │                                          ▲                   │
                                          └──────────────► executions ───────────────┴───────────────────┘

Where an execution system works the orders, ``gateway`` stands in the paper venue's place. It reads what that system
says, and writes ``executions``::

      orders ──► execution system ──► raw.<gateway> ──► gateway ──► executions
         └──────────────────────────────────────────────►┘

Every task also writes ``state`` (its snapshots) and ``dlq`` (what it refused). A deployment says which hops share a
process: the same code, with or without a topic between two hops.

A live topology may have several partitions, by instrument (``schemas/partitions.py``). Then ``raw``, ``ticks``,
``features`` and ``scores`` have so many, and every task but risk is there once for each (``hot@3``). Intents and
executions of all of them meet in one partition each, where risk, the one task that sees all positions, takes them in
the log's order.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from agents.context import Context
from schemas.control import RunOpened
from schemas.errors import ConfigError
from schemas.header import HOP_NUMBER
from schemas.partitions import named
from schemas.topics import TOPICS, is_spread, topic_name
from streams.admission import Writers
from streams.agent import Agent
from streams.log import TopicSpec
from streams.people import PEOPLE

FEED = "feed"
"""The process that publishes raw payloads; not an agent, but it can be killed like one."""

CLOCK = "clock"
"""The process of a live run that writes wall time as records; not an agent either."""

HEALTH = "health"
"""The process of a live run that watches its feeds, where that is asked for. Nothing waits for it."""


def _normalise(context: Context) -> Agent:
    from agents.normalise import Normalise

    return Normalise(context)


def _feature(context: Context) -> Agent:
    from agents.feature import Feature

    return Feature(context)


def _score(context: Context) -> Agent:
    from agents.score import Score

    return Score(context)


def _strategy(context: Context) -> Agent:
    from agents.strategy import Strategy

    return Strategy(context)


def _risk(context: Context) -> Agent:
    from agents.risk import Risk

    return Risk(context)


def _venue(context: Context) -> Agent:
    from agents.venue import Venue

    return Venue(context)


def _gateway(context: Context) -> Agent:
    from agents.gateway import Gateway

    return Gateway(context)


HOP_FACTORIES: Mapping[str, Callable[[Context], Agent]] = {
    "normalise": _normalise, "feature": _feature, "score": _score, "strategy": _strategy, "risk": _risk,
    "venue": _venue, "gateway": _gateway,
}  # fmt: skip
"""Constructors by hop name, imported when a task needs them: a process compiles and loads only its own kernels."""

PRIMARY: Mapping[str, str] = {
    "normalise": "raw.<source>", "feature": "ticks.<source>", "score": "features", "strategy": "scores",
    "risk": "orders.intent", "venue": "orders", "gateway": "raw.<source>",
}  # fmt: skip
"""What each hop reads, by hop. The agents say the same; to ask them would load and compile their kernels."""


SINGLE = frozenset({"risk", "gateway"})
"""Hops whose state crosses partitions: one task, whatever the number of partitions."""

_PLACES: Mapping[str, int] = {**HOP_NUMBER, "gateway": HOP_NUMBER["venue"]}
"""Where each hop's partitions of ``state`` begin: a run has a paper venue or a gateway, never both."""
STATE_PLACES = len(set(_PLACES.values()))


@dataclass(frozen=True, slots=True)
class TaskHops:
    """A task of a deployment.

    Attributes:
        name: Of the chain; with the partition, where there are several.
        hops: The hops it fuses, in order.
        partition: Its own, of those topics that have several.
        partitions: How many there are.
    """

    name: str
    hops: tuple[str, ...]
    partition: int = 0
    partitions: int = 1

    @property
    def chain(self) -> str:
        """Its name without the partition."""
        return self.name.partition("@")[0]

    @property
    def input_partition(self) -> int:
        """Partition of its primary input."""
        return self.partition_of(PRIMARY[self.hops[0]])

    def partition_of(self, table_name: str) -> int:
        """Partition of a topic of the table that it reads or writes; of ``state`` see ``state_partition``."""
        return self.partition if is_spread(table_name) else 0

    @property
    def state_partition(self) -> int:
        """Partition of ``state`` that is this task's alone, so that no other task's open transaction hides it."""
        return _PLACES[self.hops[-1]] * self.partitions + self.partition

    @property
    def commit_every_batch(self) -> bool:
        """Risk commits every batch: stock readers of ``orders`` see an order when it is committed."""
        return "risk" in self.hops

    def build(self, context: Context) -> list[Agent]:
        """The agents of this task."""
        context = replace(context, partition=self.partition)
        return [HOP_FACTORIES[hop](context) for hop in self.hops]


FUSED = (
    TaskHops("normalise", ("normalise",)),
    TaskHops("hot", ("feature", "score", "strategy")),
    TaskHops("risk", ("risk",)),
    TaskHops("venue", ("venue",)),
)
SPLIT = tuple(TaskHops(hop, (hop,)) for hop in HOP_FACTORIES if hop != "gateway")
GATEWAY = TaskHops("gateway", ("gateway",))


def deployment(split: bool, partitions: int = 1, *, external: bool = False) -> tuple[TaskHops, ...]:
    """Tasks of the default (fused) or split deployment, in the data's way; but for ``SINGLE``, once a partition.

    ``external``: an execution system works the orders, not the paper venue.
    """
    return tuple(
        TaskHops(named(task.name, p, 1 if single else partitions), task.hops, p, partitions)
        for shipped in (SPLIT if split else FUSED)
        for task in (GATEWAY if external and shipped.hops == ("venue",) else shipped,)
        for single in (not SINGLE.isdisjoint(task.hops),)
        for p in range(1 if single else partitions)
    )


def deployed(opening: RunOpened) -> tuple[TaskHops, ...]:
    """Tasks of the deployment that a run's opening names, in the data's way."""
    return deployment(opening.split, opening.partitions, external=bool(opening.gateway))


def source_of(task: TaskHops, opening: RunOpened) -> str:
    """The source whose raw topic a task reads, where it reads one: the run's, or its execution system."""
    return (opening.gateway or opening.source) if task.hops == GATEWAY.hops else opening.source


def task_named(name: str, tasks: tuple[TaskHops, ...]) -> str:
    """The task that a user means by ``name``: a task, ``feed``, or a hop that runs inside a task.

    Raises:
        ConfigError: No such task or hop.
    """
    if name == FEED:
        return FEED
    for task in tasks:
        if name == task.name or name in task.hops:
            return task.name
    known = [FEED, *(t.name for t in tasks), *(h for t in tasks if len(t.hops) > 1 for h in t.hops)]
    raise ConfigError("no such task", kind="no_task", got=name, allowed=", ".join(known), where="--kill TASK@N")


def writers(tasks: tuple[TaskHops, ...], source: str, partition: int | None = 0) -> dict[str, Writers]:
    """Who writes each topic of a run, by table name: a task or several, or for raw topics the source's publisher.

    Args:
        tasks: All of the run.
        source: Name of its source.
        partition: Of those topics that have several; None: of all.
    """
    known: dict[str, Writers] = {"raw.<source>": source, "clock": CLOCK, "control": PEOPLE}
    for topic in TOPICS:
        every = not is_spread(topic.name) or partition is None
        found = [t.name for t in tasks if topic.made_by(t.hops) and (every or t.partition == partition)]
        if found:
            known[topic.name] = found[0] if len(found) == 1 else tuple(found)
    return known


def partitions_of(table_name: str, partitions: int) -> int:
    """How many partitions a topic has in a topology of so many: ``state`` one for each hop and partition."""
    if table_name == "state":
        return STATE_PLACES * partitions
    return partitions if is_spread(table_name) else 1


def topic_specs(namespace: str, source: str, partitions: int = 1, gateway: str = "") -> list[TopicSpec]:
    """The topics of a run; with ``gateway`` the one to which that execution system reports, of one partition."""
    reports = [TopicSpec(topic_name(namespace, "raw.<source>", gateway))] if gateway else []
    return reports + [
        TopicSpec(
            topic_name(namespace, topic.name, source),
            partitions=partitions_of(topic.name, partitions),
            compacted=topic.kept == "compacted",
        )
        for topic in TOPICS
    ]
