"""How far each task is: by what it has committed (``state``), and by what it has written since.

A task's newest output says by ``cause`` which of its inputs it has answered; between two commits
that is how lag can be told to the item. Lag is counted in items, as the tasks count them: payloads, rows, documents.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from agents.topology import CLOCK, FEED, GATEWAY, HOP_FACTORIES, PRIMARY, TaskHops, writers
from replay.counted import Counted
from replay.meter import Meter
from replay.run_figures import TaskFigures
from replay.watched import NANOS_PER_MS, Watched
from schemas.errors import SnapshotError
from schemas.header import HOP_NUMBER
from schemas.topics import is_spread
from streams.breaker import tripped
from streams.log import Log, Reader, Record
from streams.recovery import RecoveryProgress
from streams.state_bytes import load_values

NANOS = 1_000_000_000
STALLED_S = 10.0
"""A task that has lag and does not move has stalled after so long; a live one also when it does not commit."""
TAIL_OFFSETS = 8
"""First look back for a task's newest snapshot, in offsets; four times as far each time that none is found."""
STATE_RECORDS_MAX = 1_000
"""Snapshots read in one poll: of each task the newest counts."""

ANSWERS = {
    "normalise": "ticks.<source>", "feature": "features", "score": "scores", "risk": "orders.decision",
    "venue": "executions",
}  # fmt: skip
"""The topic on which a hop answers (nearly) every input. The strategy answers few: its lag is known at commits only."""
assert PRIMARY.keys() == HOP_FACTORIES.keys() == HOP_NUMBER.keys()


@dataclass(slots=True)
class _Task:
    hops: TaskHops
    meter: Meter
    snapshot: Record | None = None
    inputs: int = 0
    offset: int = 0
    done: bool = False
    halted: bool = False
    recovery: Any = None
    build: str = ""
    owner: str = ""
    reached: int = 0
    moved_s: float = 0.0


class TaskWatch:
    """Reads ``state``, committed, from near its end.

    Attributes:
        raw_ends: Offset after the newest payload, by partition.
    """

    def __init__(self, log: Log, watched: Watched) -> None:
        self.raw_ends: dict[int, int] = {}
        self._reports_end = 0
        self._log = log
        self._watched = watched
        self._topic = watched.topic("state")
        self._tasks = {task.state_partition: _Task(task, Meter()) for task in watched.tasks}
        self._writers_of = [writers(watched.tasks, watched.source, p) for p in range(watched.opened.partitions)]
        self._feed = Meter()
        self._clock = Meter()
        self._reader: Reader | None = None

    @property
    def done(self) -> bool:
        """Whether every task has committed that it has nothing more to do."""
        return all(task.done for task in self._tasks.values())

    def snapshots_of(self, hop: str) -> dict[str, Record]:
        """Newest committed snapshot of each task that begins with a hop, by the task's name."""
        found = [task for task in self._tasks.values() if task.hops.hops[0] == hop]
        return {task.hops.name: task.snapshot for task in found if task.snapshot is not None}

    def poll(self, now_s: float) -> None:
        """Take in what was committed since the last poll, and how much is published."""
        if self._reader is None:
            self._reader = self._open(now_s)
        newest = {record.partition: record for record in self._reader.read(STATE_RECORDS_MAX, 0.0)}
        for record in newest.values():
            self._take(record, now_s)
        raw = self._watched.topic("raw.<source>")
        for partition in range(self._watched.opened.partitions):
            self.raw_ends[partition] = self._log.bounds(raw, partition)[1]
        if gateway := self._watched.opened.gateway:
            self._reports_end = self._log.bounds(self._watched.reports_of(gateway), 0)[1]

    def figures(
        self, counted: Counted, *, ended: bool, now_s: float, wall_ns: int, restarts: Mapping[str, int] | None,
        clock_ns: int = 0, clock_age_max_s: float | None = None,
    ) -> tuple[TaskFigures, ...]:  # fmt: skip
        """The feed, then the tasks in the order of the way; of a live run the clock as well.

        Args:
            counted: What the topics' headers have told so far.
            ended: The run has ended: nobody stalls any more.
            now_s: Monotonic time.
            wall_ns: Wall time.
            restarts: How often each task was brought back; None where nobody was asked.
            clock_ns: Wall time that the newest clock record tells.
            clock_age_max_s: An older one halts all.
        """
        published = max(sum(self.raw_ends.values()) - ended, 0)
        found = [TaskFigures(name=FEED, inputs=published, per_s=self._feed.rate(now_s, published))]
        if self._watched.live:
            age_s = (wall_ns - clock_ns) / NANOS if clock_ns else None
            written = counted.totals.get(CLOCK, 0)
            stalled = age_s is not None and age_s > (clock_age_max_s or STALLED_S)
            per_s = self._clock.rate(now_s, written)
            found.append(TaskFigures(name=CLOCK, inputs=written, per_s=per_s, commit_age_s=age_s, stalled=stalled))
        found += [self._figures(task, counted, ended, now_s, wall_ns) for _, task in sorted(self._tasks.items())]
        if restarts is None:
            return tuple(found)
        return tuple(msgspec.structs.replace(task, restarts=restarts.get(task.name, 0)) for task in found)

    def close(self) -> None:
        """Stop reading."""
        if self._reader is not None:
            self._reader.close()

    def _figures(self, task: _Task, counted: Counted, ended: bool, now_s: float, wall_ns: int) -> TaskFigures:
        answers = [(ANSWERS[hop], task.hops.name) for hop in task.hops.hops if hop in ANSWERS]
        told = [counted.answered[answer] for answer in answers if answer in counted.answered]
        inputs = max([task.inputs, *told])
        if inputs != task.reached:
            task.reached, task.moved_s = inputs, now_s
        over = task.done or ended
        lag = None if task.snapshot is None and not told else self._lag(task, inputs, counted)
        committed_ns = 0 if task.snapshot is None else task.snapshot.timestamp_ms * NANOS_PER_MS
        age_s = (wall_ns - committed_ns) / NANOS if committed_ns else None
        return TaskFigures(
            name=task.hops.name, hops=task.hops.hops, inputs=inputs, per_s=task.meter.rate(now_s, inputs),
            lag=0 if over else lag, lag_is_bound=not answers, commit_age_s=age_s,
            stalled=not over and self._stalled(task, lag, age_s, now_s), halted=task.halted,
            recovery=None if over else RecoveryProgress.told(task.recovery, inputs, wall_ns), owner=task.owner,
        )  # fmt: skip

    def _lag(self, task: _Task, inputs: int, counted: Counted) -> int:
        primary = PRIMARY[task.hops.hops[0]]
        if task.hops.hops == GATEWAY.hops:  # repeats and refusals give no answer: known at commits only
            return max(0, self._reports_end - task.offset)
        if primary == "raw.<source>":  # not read: its end is asked for, and it has no markers
            return max(0, self.raw_ends.get(task.hops.partition, 0) - task.offset - (inputs - task.inputs))
        if not is_spread(primary):
            return max(0, counted.totals.get(primary, 0) - inputs)
        before = self._writers_of[task.hops.partition].get(primary, ())
        names = (before,) if isinstance(before, str) else before
        return max(0, sum(counted.total_of(primary, name) for name in names) - inputs)

    def _stalled(self, task: _Task, lag: int | None, age_s: float | None, now_s: float) -> bool:
        if age_s is not None and age_s > STALLED_S and (lag or self._watched.live):
            return True
        return bool(lag) and age_s is None and now_s - task.moved_s > STALLED_S

    def _open(self, now_s: float) -> Reader:
        start = {}
        for partition in range(self._log.partitions(self._topic)):
            low, high = self._log.bounds(self._topic, partition)
            window, newest = TAIL_OFFSETS, None
            while high > low and newest is None:
                at = max(low, high - window)
                for record in self._log.scan(self._topic, partition, at, committed=True):
                    newest = record
                if at == low:
                    break
                window *= 4
            if newest is not None:
                self._take(newest, now_s)
            start[(self._topic, partition)] = low if newest is None else newest.offset + 1
        return self._log.reader(start, committed=True)

    def _take(self, record: Record, now_s: float) -> None:
        task = self._tasks.get(record.partition)
        if task is None or record.key != task.hops.name.encode():
            return
        try:
            values = load_values(record.value)
            place = values["input"]
            inputs, task.offset, task.done = int(place["ordinal"]), int(place["offset"]), bool(values["done"])
            task.halted = tripped(values.get("breaker")) is not None
            task.recovery = values.get("recovery")
            task.build = str(values.get("build", ""))
        except (SnapshotError, KeyError, TypeError, ValueError):
            return  # what is torn is for the task that recovers to judge
        if inputs != task.inputs or task.snapshot is None:
            task.moved_s = now_s
        task.inputs, task.snapshot, task.owner = inputs, record, str(values.get("owner", ""))
