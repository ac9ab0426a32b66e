"""The live run, as the log tells it: its opening record, its tasks, and how lately each has said something."""

from __future__ import annotations

from dataclasses import dataclass

from agents.settled import check_settled
from agents.topology import PRIMARY, TaskHops, deployed, source_of
from schemas.codec import decode
from schemas.control import RunOpened
from schemas.errors import BadInput, ConfigError, SnapshotError
from schemas.topics import topic_name
from streams.log import Log, Record
from streams.progress import progress
from streams.recovery import RecoveryProgress

LOOK_BACK_OFFSETS = 16
"""First look back for a topic's newest record; four times as far each time that none is found."""


@dataclass(frozen=True, slots=True)
class Opened:
    """The newest opening of a live run.

    Attributes:
        run: Its record.
        opened_ms: Kafka's time of that record, ms since the epoch.
    """

    run: RunOpened
    opened_ms: int


@dataclass(frozen=True, slots=True)
class TaskFacts:
    """A task by its commits.

    Attributes:
        name: As in the topology.
        committed_ms: Kafka's time of its newest snapshot, ms since the epoch; None where it never committed.
        lag: Input records that are not yet behind a commit.
        torn: Whether that snapshot cannot be read.
        halted: It has halted, since so many of so many inputs were refused; None where it has not.
        recovery: How far it was, at that snapshot, in working off what lay there when it began; None: that is over.
        owner: Who ran it then: host and process.
    """

    name: str
    committed_ms: int | None
    lag: int
    torn: bool = False
    halted: tuple[int, int] | None = None
    recovery: RecoveryProgress | None = None
    owner: str = ""


def opened(log: Log) -> Opened | None:
    """The live run that counts; None where none was ever opened.

    Raises:
        BrokerError: The log cannot be read.
    """
    control = topic_name("", "control")
    found: Opened | None = None
    if not log.partitions(control):
        return None
    for record in log.scan(control, 0, 0, committed=True):
        try:
            run = decode(record.value, RunOpened)
        except BadInput:  # a halt, a resume, new limits, or junk
            continue
        if run.mode == "live":
            found = Opened(run, record.timestamp_ms)
    return found


def tasks(log: Log, run: RunOpened) -> list[TaskFacts]:
    """Every task that the live topology should have, by what it has committed.

    Raises:
        BrokerError: The log cannot be read.
    """
    state = topic_name("", "state")
    return [_facts(log, state, task, source_of(task, run)) for task in deployed(run)]


def ended_in_order(log: Log, run: RunOpened) -> bool:
    """Whether every task has committed all that it wrote, as it does when it is asked to end.

    Raises:
        BrokerError: The log cannot be read.
    """
    try:
        check_settled(log, run)
    except (ConfigError, SnapshotError):
        return False
    return True


def newest(log: Log, topic: str, partition: int = 0, *, committed: bool = False) -> Record | None:
    """The newest record of a partition; None where it holds none, or there is no such topic.

    Raises:
        BrokerError: The log cannot be read.
    """
    if partition >= log.partitions(topic):
        return None
    low, high = log.bounds(topic, partition)
    window = LOOK_BACK_OFFSETS
    while high > low:
        start = max(low, high - window)
        found = None
        for record in log.scan(topic, partition, start, committed=committed):
            found = record
        if found is not None or start == low:
            return found
        window *= 4
    return None


def _facts(log: Log, state: str, task: TaskHops, source: str) -> TaskFacts:
    topic = topic_name("", PRIMARY[task.hops[0]], source)
    if task.state_partition >= log.partitions(state) or not log.partitions(topic):
        return TaskFacts(task.name, None, 0)
    try:
        found = progress(
            log,
            state_topic=state,
            state_partition=task.state_partition,
            task=task.name,
            input_topic=topic,
            input_partition=task.input_partition,
        )
    except SnapshotError:
        return TaskFacts(task.name, None, 0, torn=True)
    if found is None:
        return TaskFacts(task.name, None, log.bounds(topic, task.input_partition)[1])
    return TaskFacts(
        task.name, found.committed_ns // 1_000_000, found.lag, halted=found.halted, recovery=found.recovery,
        owner=found.owner,
    )  # fmt: skip
