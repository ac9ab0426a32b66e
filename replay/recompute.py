"""Feature vectors recomputed: the run's own view over the run's own ticks, up to the row that is asked for.

From the task's newest snapshot before that row where one can be read, else from the first tick.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from agents.feature import Feature
from models.linear import load
from replay.header_peek import peek
from replay.items import keys_of, records, rows_of
from replay.lookup import Row
from replay.shape import Shape
from schemas.errors import BadInput, SnapshotError, TapedeckError
from streams.agent import Batch
from streams.log import Log, Record
from streams.snapshot import TaskState, from_bytes
from streams.state_bytes import load_values

OnTicks = Callable[[int], None]
SNAPSHOTS_BACK_MAX = 4_096
"""Offsets of ``state`` that are looked through behind the place found by halving."""
NEAR_OFFSETS = 8


@dataclass(frozen=True, slots=True)
class Recomputed:
    """A row's feature vector as this build computes it.

    Attributes:
        names: Columns of the view.
        row: The feature row; None where it could not be computed.
        score: The run's model over it.
        since: Number of the first tick that went in; 0: all of them.
        why: Why there is none.
    """

    names: tuple[str, ...] = ()
    row: Any = None
    score: float | None = None
    since: int = 0
    why: str = ""


def recompute(log: Log, shape: Shape, partition: int, tick: Row, on_ticks: OnTicks = lambda _: None) -> Recomputed:
    """The feature vector after a tick.

    Args:
        log: Where.
        shape: The run.
        partition: Of its ticks.
        tick: The row, as ``Lookup.row`` found it.
        on_ticks: Hears how many ticks have gone in.
    """
    try:
        from agents.plugins import view_of

        context = shape.context(partition)
        view = view_of(context)
        hop = Feature(context, view)
        model = load(context.run.model, view=view.hash, features=view.names, where="control: run.model")
    except TapedeckError as error:
        return Recomputed(why=error.told)
    head = peek(tick[0].header)
    seq = tick[1] + (0 if head is None else head.seq)
    state, since, offset = _began(log, shape, partition, hop, seq)
    key = keys_of(np.array([tick[2]]))[0]
    known, done = shape.writers("ticks.<source>", partition), 0
    for record, found in records(log, shape, "ticks.<source>", partition, offset):
        if found.writer not in known or found.seq + found.items <= since:
            continue
        try:
            rows = rows_of(record, found)
        except BadInput:
            continue
        if rows is None:
            continue
        rows = rows[max(0, since - found.seq) :]
        hits = np.flatnonzero(keys_of(rows) == key)
        rows = rows[: int(hits[0]) + 1] if len(hits) else rows
        out = hop.step(state, Batch.of(rows))
        done += len(rows)
        on_ticks(done)
        if len(hits):
            if any(reject.index == len(rows) - 1 for reject in out.rejects):
                return Recomputed(view.names, why="the feature hop refuses this tick")
            row = out.rows[0].rows[-1:]
            return Recomputed(view.names, row[0], float(model.score(row["values"])[0]), since)
    return Recomputed(view.names, why="the tick is not in the log")


def _began(log: Log, shape: Shape, partition: int, hop: Feature, seq: int) -> tuple[Any, int, int]:
    """State to begin with, number of the first tick that is not in it yet, and the offset to read from."""
    found = _snapshot(log, shape, partition, seq)
    if found is not None:
        try:
            at = found.values["input"]
            state = hop.restore(found.agents[found.values["stages"].index("feature")])
            return state, max(at["seqs"].values(), default=0), int(at["offset"])
        except (SnapshotError, KeyError, ValueError):  # of another view or build: all ticks it is
            pass
    return hop.start(), 0, 0


def _snapshot(log: Log, shape: Shape, partition: int, seq: int) -> TaskState | None:
    """The newest snapshot of the feature task in which a tick has not gone in yet."""
    task = next((t for t in shape.watched.tasks if "feature" in t.hops and t.partition == partition), None)
    topic = shape.topic("state")
    if task is None or task.hops[0] != "feature" or log.partitions(topic) <= task.state_partition:
        return None
    low, high = log.bounds(topic, task.state_partition)
    first, end = low, high

    def values(record: Record) -> dict[str, Any] | None:
        try:
            return load_values(record.value) if record.key == task.name.encode() else None
        except (SnapshotError, BadInput):
            return None

    def before(record: Record) -> bool:
        known = values(record)
        return known is not None and max(known["input"]["seqs"].values(), default=0) <= seq

    while high - low > NEAR_OFFSETS:
        middle = (low + high) // 2
        record = next(iter(log.scan(topic, task.state_partition, middle, committed=True)), None)
        low, high = (middle, high) if record is not None and before(record) else (low, middle)
    newest: Record | None = None
    for record in log.scan(topic, task.state_partition, max(first, low - NEAR_OFFSETS), committed=True):
        if record.offset > min(end, high + SNAPSHOTS_BACK_MAX) or not before(record):
            break
        newest = record
    if newest is None:
        return None
    try:
        found = from_bytes(newest.value)
    except SnapshotError:
        return None
    return found if found.queues[0] is None else None
