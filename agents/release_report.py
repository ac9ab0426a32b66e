"""Which release wrote what: spans of the log by the code that made them, and the code at work now.

A span is told by ``seq``: of each task's outputs, the numbers from where its run began (``RunOpened.starts``, in
``control`` for ever) to where the next one's began. So whoever replays or checks a stretch of the log knows whose code
made it, long after the snapshots are compacted away.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from agents.release_watch import Release, release_of
from agents.topology import TaskHops, deployed
from schemas.control import RunOpened
from schemas.errors import SnapshotError
from schemas.topics import TOPICS, topic_name
from streams.log import Log
from streams.snapshot import newest_record
from streams.state_bytes import load_values


@dataclass(frozen=True, slots=True)
class Span:
    """What one run wrote to one topic.

    Attributes:
        topic: Full name.
        partition: Of the topic.
        task: Its writer.
        first: Its first ``seq`` there.
        end: The ``seq`` after its last one; None where it is at work still.
        run: The run.
        release: Its release.
        build: Hash of the code that wrote it.
    """

    topic: str
    partition: int
    task: str
    first: int
    end: int | None
    run: str
    release: str
    build: str


@dataclass(frozen=True, slots=True)
class AtWork:
    """A task by its newest snapshot.

    Attributes:
        task: Its name.
        run: The run of which it committed last; empty where it never has.
        build: Hash of the code that did; empty where none is named.
        left_to: Run for which it has left; empty while it is at work.
        succession: How it took over from the run before; None where it did not.
    """

    task: str
    run: str = ""
    build: str = ""
    left_to: str = ""
    succession: dict[str, Any] | None = None


def spans(history: Sequence[Release]) -> list[Span]:
    """What each run wrote, run by run; empty spans are left out."""
    found = []
    for at, release in enumerate(history):
        opening = release.opening
        follower = history[at + 1].opening if at + 1 < len(history) else None
        for task in deployed(opening):
            for topic in TOPICS:
                if topic.made_by(task.hops):
                    first = _seq(opening, task, topic.name)
                    end = None if follower is None else _seq(follower, task, topic.name)
                    if first != end:
                        found.append(Span(
                            topic_name("", topic.name, opening.source), task.partition_of(topic.name),
                            task.name, first, end, opening.run,
                            release_of(opening), opening.build,
                        ))  # fmt: skip
    return found


def written_by(history: Sequence[Release], topic: str, task: str, seq: int) -> Span | None:
    """Which run a task's row or document on a live topic is of; None where no run tells."""
    for span in reversed(spans(history)):
        if (span.topic, span.task) == (topic, task) and span.first <= seq and (span.end is None or seq < span.end):
            return span
    return None


def at_work(log: Log, opening: RunOpened) -> list[AtWork]:
    """Every task of a run by what it has committed last.

    Raises:
        BrokerError: The log cannot be read.
    """
    return [_at_work(log, task) for task in deployed(opening)]


def _at_work(log: Log, task: TaskHops) -> AtWork:
    if task.state_partition >= log.partitions("state"):
        return AtWork(task.name)
    record = newest_record(log, "state", task.state_partition, task.name)
    if record is None:
        return AtWork(task.name)
    try:
        values = load_values(record.value)
    except SnapshotError:
        return AtWork(task.name)
    return AtWork(
        task.name, str(values.get("run", "")), str(values.get("build", "")), str(values.get("left_to", "")),
        values.get("succession"),
    )  # fmt: skip


def _seq(opening: RunOpened, task: TaskHops, topic: str) -> int:
    start = opening.starts.get(task.name)
    return 0 if start is None else start.seqs.get(topic, 0)
