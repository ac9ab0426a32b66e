"""What is watched: a run as its topics tell of it, or as the plan that makes it.

``watched(log, run)`` needs the log alone, so a run can be watched from any host, under way or long ended.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from agents.context import context_of
from agents.defining import all_defined, known_to
from agents.topology import FUSED, TaskHops, deployed
from replay.plan import PlayPlan
from replay.replay_plan import KIND
from schemas.codec import decode_any
from schemas.control import RunOpened
from schemas.definition import Definition
from schemas.errors import BadInput, ConfigError
from schemas.partitions import named
from schemas.topics import topic_name
from streams.log import Log, Record
from streams.namespace import LIVE, namespaces, newest_run

NANOS_PER_MS = 1_000_000
RUNS_SHOWN_MAX = 5
SHADOWS = "shadow"
"""Kind of the namespaces of candidates that run beside the live desk."""
OF_LIVE = ("raw.<source>", "ticks.<source>")
"""What a shadow has none of its own of: it goes by the live desk's."""


@dataclass(frozen=True)
class Watched:
    """A run that can be watched.

    Attributes:
        run: Its id.
        namespace: Topic prefix; empty for the live topics.
        source: Name of its source.
        opened: The record that opened it.
        definitions: Newest revision of each instrument, ascending ids.
        tasks: Its tasks, in the order of the way.
        opened_ns: Wall time of that record, ns; 0 where the log keeps none.
        seconds: Length of the session, log time; None where nobody knows.
        speed: Log seconds per wall second; 0 as fast as it goes.
    """

    run: str
    namespace: str
    source: str
    opened: RunOpened
    definitions: tuple[Definition, ...]
    tasks: tuple[TaskHops, ...]
    opened_ns: int = 0
    seconds: float | None = None
    speed: float = 0.0

    @property
    def live(self) -> bool:
        """Whether it goes by the wall's time and has no end of its own."""
        return self.opened.mode == "live"

    @property
    def shadow(self) -> bool:
        """Whether it runs beside the live desk, on that one's ticks."""
        return self.namespace.startswith(f"{SHADOWS}.")

    @property
    def people(self) -> str:
        """Full name of the topic in which people speak to it; a shadow hears what the live desk is told."""
        return topic_name("" if self.shadow else self.namespace, "control")

    def topic(self, table_name: str) -> str:
        """Full name of a topic of the table in this run."""
        return topic_name(self._namespace(table_name), table_name, self.source)

    def _namespace(self, table_name: str) -> str:
        return "" if self.shadow and table_name in OF_LIVE else self.namespace

    def reports_of(self, gateway: str) -> str:
        """Full name of the topic to which an execution system reports."""
        return topic_name(self.namespace, "raw.<source>", gateway)


def watched(log: Log, run: str | None = None) -> Watched:
    """A run, from its ``control`` and ``definitions`` topics.

    Args:
        log: Where.
        run: Run id, or ``live``; None for the live run where one was opened, else for the newest run.

    Raises:
        ConfigError: There is no such run, or it was not opened yet; says which there are.
        BrokerError: The log cannot be read.
    """
    names = set(log.names())
    runs = namespaces(names)
    if run is None:
        found = _opened(log, names, "")
        if found is not None:
            return found
        run = newest_run(names)
    if run is None:
        raise ConfigError(
            "there is no run to watch",
            kind="no_run",
            allowed=_shown(runs),
            fix="tapedeck demo or tapedeck up makes one",
        )
    if run != LIVE and run not in runs:
        raise ConfigError("no such run", kind="no_run", got=run, allowed=_shown([LIVE, *runs]), where="--run")
    found = _opened(log, names, runs.get(run, ""))
    if found is None:
        raise ConfigError("this run was not opened yet", kind="no_run",
                          got=run, allowed=_shown([LIVE, *runs]), where="--run",
                          fix="ask again in a moment, or name another")  # fmt: skip
    return found


def watched_plan(plan: PlayPlan) -> Watched:
    """A play run of ours, whose topics are there or about to be."""
    return Watched(
        run=plan.run, namespace=plan.namespace, source=plan.source, opened=plan.opening(), definitions=plan.definitions,
        tasks=plan.tasks, seconds=None if plan.captures else plan.seconds, speed=plan.speed,
    )  # fmt: skip


def _opened(log: Log, names: set[str], namespace: str) -> Watched | None:
    """The run of a namespace; the newest opening counts."""
    control = topic_name(namespace, "control")
    opened: tuple[RunOpened, Record] | None = None
    for record, document in _documents(log, control) if control in names else ():
        if isinstance(document, RunOpened):
            opened = (document, record)
    if opened is None:
        return None
    document, record = opened
    return Watched(
        run=id_of(namespace, document), namespace=namespace, source=document.source, opened=document,
        opened_ns=record.timestamp_ms * NANOS_PER_MS, tasks=_tasks(namespace, document),
        definitions=context_of(document, known_to(document, all_defined(log, namespace))).instruments,
    )  # fmt: skip


def _tasks(namespace: str, opened: RunOpened) -> tuple[TaskHops, ...]:
    return in_shadow(opened.partitions) if namespace.startswith(f"{SHADOWS}.") else deployed(opened)


def in_shadow(partitions: int) -> tuple[TaskHops, ...]:
    """A shadow's tasks, one of each kind for every partition of the live desk's, and those whose ticks they read."""
    return tuple(
        TaskHops(named(task.name, p, partitions), task.hops, p, partitions) for task in FUSED for p in range(partitions)
    )


def id_of(namespace: str, opened: RunOpened) -> str:
    """A run's id; a replay's opening tells that of the run it plays again, and a shadow goes by its name."""
    kind, _, run = namespace.rstrip(".").partition(".")
    return run if kind in (KIND, SHADOWS) else opened.run


def _documents(log: Log, topic: str) -> Iterable[tuple[Record, Any]]:
    for record in log.scan(topic, 0, 0, committed=True):
        try:
            yield record, decode_any(record.value)
        except BadInput:  # junk that somebody has put there is not ours to judge
            continue


def _shown(runs: Iterable[str]) -> str:
    return ", ".join(list(reversed(list(runs)))[:RUNS_SHOWN_MAX]) or "none: no run has been opened"
