"""The topics of a log, with what each carries and how much is in it."""

from __future__ import annotations

from collections import deque
from typing import Any

from console.topic_names import find_run, split_name
from schemas.catalog import END, SNAPSHOT
from schemas.errors import BadFrame
from schemas.header import unpack
from schemas.topics import TOPICS, table_row
from streams.log import Log, Record
from streams.namespace import LIVE, namespaces

LOOK_BACK_OFFSETS = 256
"""First look back for the last number of a topic's writer; four times as far each time that none is found."""
SHARED = ("dlq", "control", "definitions")
"""Topics with several writers: their records are counted one by one. They are small."""
SHARED_IF_SPREAD = ("orders.intent", "executions")
"""Likewise where a live topology has several partitions: the tasks of all of them write to one."""
STRANGER = "not one of Tapedeck's"


def listed(log: Log, run: str | None, *, every: bool) -> list[dict[str, Any]]:
    """Topics of a run and the live ones, the newest run first, each as a JSON-able object.

    Args:
        log: Where.
        run: Run id or ``live``; None for the newest.
        every: All runs instead.

    Raises:
        ConfigError: No such run.
        BrokerError: No broker answers.
    """
    names = [name for name in log.names() if not name.startswith("__")]
    runs = namespaces(names)
    wanted = {*runs, LIVE} if every else {find_run(names, run), LIVE}
    order = [*reversed(runs), LIVE]
    placed = ((*split_name(full, runs), full) for full in names)
    found = sorted((order.index(run), _way(name), name, full) for run, name, full in placed if run in wanted)
    return [_entry(log, order[at], name, full) for at, _, name, full in found]


def _way(name: str) -> int:
    """Place in the table of topics, which follows the data's way; strangers come last."""
    row = table_row(name)
    return len(TOPICS) if row is None else TOPICS.index(row)


def _entry(log: Log, run: str, name: str, full: str) -> dict[str, Any]:
    row = table_row(name)
    partitions = log.partitions(full)
    shared = row is None or row.name in SHARED
    if row is not None and row.name in SHARED_IF_SPREAD:
        shared = log.partitions(full.removesuffix(row.name) + "scores") > 1
    return {
        "topic": full,
        "run": run,
        "name": name,
        "schemas": [] if row is None else [f"{s.name}/{s.version}" for s in row.schemas],
        "partitions": partitions,
        "events": sum(_events(log, full, p, shared=shared) for p in range(partitions)),
        "key": "" if row is None else row.key,
        "about": STRANGER if row is None else row.about,
    }


def _events(log: Log, topic: str, partition: int, *, shared: bool) -> int:
    """Committed rows, documents or payloads of a partition.

    A writer numbers them without a gap, so the last number tells how many there are; where several write, or somebody
    who numbers nothing, records are counted.
    """
    low, high = log.bounds(topic, partition)
    if shared:
        return sum(1 for _ in log.scan(topic, partition, low, committed=True)) if high > low else 0
    window = LOOK_BACK_OFFSETS
    while high > low:
        start = max(low, high - window)
        last = deque(log.scan(topic, partition, start, committed=True), maxlen=1)
        if last:
            return _number(last[0], otherwise=high - low)
        if start == low:
            break
        window *= 4
    return 0


def _number(record: Record, otherwise: int) -> int:
    """How many its writer had written with this one, an end record excluded; ``otherwise`` where it numbers nothing."""
    try:
        header = None if record.header is None else unpack(record.header)
    except BadFrame:
        header = None
    if header is None:
        return otherwise
    if header.schema in (END.number, SNAPSHOT.number):  # snapshots are numbered from 1
        return header.seq
    return header.seq + header.count
