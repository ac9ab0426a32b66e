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

Every task also writes ``state`` (its snapshots) and ``dlq`` (what it refused). A deployment says which hops share a
process: the same code, with or without a topic between two hops.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from agents.context import Context
from schemas.errors import ConfigError
from schemas.header import HOP_NUMBER
from schemas.topics import TOPICS, topic_name
from streams.agent import Agent
from streams.log import TopicSpec
from streams.people import PEOPLE

FEED = "feed"
"""The process that publishes raw payloads; not an agent, but it can be killed like one."""

CLOCK = "clock"
"""The process of a live run that writes wall time as records; not an agent either."""


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


HOP_FACTORIES: Mapping[str, Callable[[Context], Agent]] = {
    "normalise": _normalise, "feature": _feature, "score": _score, "strategy": _strategy, "risk": _risk,
    "venue": _venue,
}  # fmt: skip
"""Constructors by hop name, imported when a task needs them: a process compiles and loads only its own kernels."""

PRIMARY: Mapping[str, str] = {
    "normalise": "raw.<source>", "feature": "ticks.<source>", "score": "features", "strategy": "scores",
    "risk": "orders.intent", "venue": "orders",
}  # fmt: skip
"""What each hop reads, by hop. The agents say the same; to ask them would load and compile their kernels."""


@dataclass(frozen=True, slots=True)
class TaskHops:
    """A task of a deployment: its name and the hops it fuses, in order."""

    name: str
    hops: tuple[str, ...]

    @property
    def state_partition(self) -> int:
        """Partition of ``state`` that is this task's alone, so that no other task's open transaction hides it."""
        return HOP_NUMBER[self.hops[-1]]

    @property
    def commit_every_batch(self) -> bool:
        """Risk commits every batch: stock readers of ``orders`` see an order when it is committed."""
        return "risk" in self.hops

    def build(self, context: Context) -> list[Agent]:
        """The agents of this task."""
        return [HOP_FACTORIES[hop](context) for hop in self.hops]


FUSED = (
    TaskHops("normalise", ("normalise",)),
    TaskHops("hot", ("feature", "score", "strategy")),
    TaskHops("risk", ("risk",)),
    TaskHops("venue", ("venue",)),
)
SPLIT = tuple(TaskHops(hop, (hop,)) for hop in HOP_FACTORIES)


def deployment(split: bool) -> tuple[TaskHops, ...]:
    """Tasks of the default (fused) or split deployment."""
    return SPLIT if split else FUSED


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


def writers(tasks: tuple[TaskHops, ...], source: str) -> dict[str, str]:
    """Who writes each topic of a run, by table name: a task, or for raw topics the source's publisher."""
    known = {"raw.<source>": source, "clock": CLOCK, "control": PEOPLE}
    for topic in TOPICS:
        for task in tasks:
            if topic.written_by in task.hops:
                known[topic.name] = task.name
    return known


def topic_specs(namespace: str, source: str) -> list[TopicSpec]:
    """The topics of a run: one partition each, ``state`` one per hop."""
    return [
        TopicSpec(
            topic_name(namespace, topic.name, source),
            partitions=len(HOP_NUMBER) if topic.name == "state" else 1,
            compacted=topic.kept == "compacted",
        )
        for topic in TOPICS
    ]
