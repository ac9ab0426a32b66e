"""A shadow as it is meant: beside which live run, with which model, in which topics, by which tasks.

Each partition of the live desk has a desk of its own here: its strategy, risk and venue, and a partition of every topic
that they write. By log time no partition then waits for another, and none is late because another is ahead. Positions
are by instrument, so nothing is lost by it but one thing: the account's message rate counts within a partition.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from agents.context import Context, context_of
from agents.topology import TaskHops, partitions_of, writers
from replay.asking import on_paper
from replay.recording import TICKS_TOPIC, Recording
from replay.shape import Shape
from replay.watched import SHADOWS, Watched, in_shadow, watched
from schemas.codec import decode
from schemas.control import RunOpened
from schemas.errors import BadFrame, ConfigError
from schemas.topics import TOPICS, topic_name
from streams.admission import Writers
from streams.build import build_hash
from streams.log import Log, TopicSpec
from streams.namespace import LIVE, namespaces
from streams.task_plan import TaskPlan

NAME_MAX = 64
CONTROL = "control"


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
        return f"{SHADOWS}.{self.name}."

    @property
    def partitions(self) -> int:
        """How many the live desk has, and so the shadow."""
        return self.live.opening.partitions

    @property
    def opening(self) -> RunOpened:
        """The live opening with the candidate's model, as a play."""
        return msgspec.structs.replace(
            on_paper(self.live.opening), run=f"shadow-{self.name}", mode="play", split=False,
            model=dict(self.model), starts={}, build=build_hash(),
        )  # fmt: skip

    @property
    def tasks(self) -> tuple[TaskHops, ...]:
        """All but normalise, once a partition: the live ticks serve."""
        return tuple(task for task in self._deployment if task.hops[0] != "normalise")

    @property
    def borrowed(self) -> dict[str, str]:
        """The live topics that it reads: what the market does, and what people say."""
        return {name: self.live.topic(name) for name in (TICKS_TOPIC, CONTROL)}

    @property
    def context(self) -> Context:
        """What its agents are built from."""
        return context_of(self.opening, self.live.definitions, self.live.folder)

    @property
    def shape(self) -> Shape:
        """As whoever reads its topics sees it."""
        opened = self.opening
        return Shape(Watched(
            run=self.name, namespace=self.namespace, source=self.live.source, opened=opened,
            definitions=self.live.definitions, tasks=self.tasks,
        ), folder=self.live.folder)  # fmt: skip

    def topic(self, table_name: str) -> str:
        """Full name of a topic of its own."""
        return topic_name(self.namespace, table_name, self.live.source)

    def topics(self) -> list[TopicSpec]:
        """Topics of its own: what its tasks write has a partition for each of the live desk's."""
        return [
            TopicSpec(
                self.topic(topic.name), compacted=topic.kept == "compacted",
                partitions=1 if topic.name in (CONTROL, "definitions")
                else max(self.partitions, partitions_of(topic.name, self.partitions)),
            )
            for topic in TOPICS
            if topic.name not in ("raw.<source>", TICKS_TOPIC, "clock")
        ]  # fmt: skip

    def writers(self, partition: int) -> dict[str, Writers]:
        """Who writes each topic of a partition."""
        return writers(tuple(t for t in self._deployment if t.partition == partition), self.live.source, partition)

    def task_plan(self, task: TaskHops) -> TaskPlan:
        """What a task of it is told. Risk's places are recorded as in a live run: it hears people while they speak."""
        return TaskPlan(
            name=task.name, namespace=self.namespace, source=self.live.source, run=self.opening.run,
            mode="live" if "risk" in task.hops else "play", lasting=True, partition=task.partition,
            state_partition=task.state_partition, apart=True, commit_every_batch=task.commit_every_batch,
            writers=self.writers(task.partition), borrowed=self.borrowed, bad_share_max=1.0,
        )  # fmt: skip

    @property
    def _deployment(self) -> tuple[TaskHops, ...]:
        return in_shadow(self.partitions)


def beside_live(log: Log, name: str, model: Mapping[str, Any], folder: Path = Path()) -> ShadowPlan:
    """A shadow of the live run that was opened last.

    Args:
        log: Where.
        name: Its name.
        model: The candidate's artefact.
        folder: Where the paths of the desk's own code begin.

    Raises:
        ConfigError: The name is no part of a topic's, or no live run was opened.
    """
    check_name(name)
    live = watched(log, LIVE)
    return ShadowPlan(name, Recording(log, "", live.opened, live.definitions, {}, {}, {}, folder), model)


def standing_shadow(log: Log, name: str) -> ShadowPlan:
    """A shadow that was opened, whether it is at work or not, with its model.

    Raises:
        ConfigError: There is none of that name, or no live run was opened.
    """
    check_name(name)
    opened = opening_of(log, name)
    if opened is None:
        there = sorted(run for run, namespace in namespaces(log.names()).items() if namespace.startswith(SHADOWS))
        raise ConfigError(
            "there is no such shadow", kind="no_run", got=name, allowed=", ".join(there) or "none: none was run",
            fix=f"begin it: tapedeck shadow run {name} --model FILE",
        )  # fmt: skip
    return beside_live(log, name, opened.model)


def opening_of(log: Log, name: str) -> RunOpened | None:
    """The record by which a shadow was opened; None where there is none of that name."""
    control = topic_name(f"{SHADOWS}.{name}.", CONTROL)
    for record in log.scan(control, 0, 0, committed=True) if log.partitions(control) else ():
        try:
            return decode(record.value, RunOpened)
        except BadFrame:
            continue
    return None


def check_model(name: str, opened: RunOpened, model: Mapping[str, Any]) -> None:
    """Refuse another model than a shadow was opened with: its figures are those of that one.

    Raises:
        ConfigError: It is another.
    """
    if opened.model.get("sha256") != model.get("sha256"):
        raise ConfigError(
            "a shadow of that name has another model", kind="shadow_taken", got=str(model.get("sha256"))[:12],
            allowed=str(opened.model.get("sha256"))[:12], where=name, fix="give another name",
        )  # fmt: skip


def check_name(name: str) -> None:
    """Refuse a name that is no part of a topic's.

    Raises:
        ConfigError: It is none.
    """
    if not name.isascii() or not name.replace("_", "").replace("-", "").isalnum() or len(name) > NAME_MAX:
        raise ConfigError(
            "not a shadow's name", kind="shadow_name", got=name, allowed=f"1 to {NAME_MAX} letters, digits, - and _"
        )
