"""A task's snapshot: agents' states, half-consumed batches, positions and numbers, in one record of ``state``."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np

from schemas.catalog import BY_NAME, SNAPSHOT
from schemas.codec import decode_any, encode
from schemas.document import Document
from schemas.errors import BadFrame, SnapshotError
from schemas.header import Header, pack
from streams.agent import Batch, Payload
from streams.log import Log, Record
from streams.state_bytes import dump, load

KIND = "task/1"
WINDOW_RECORDS = 8
"""First look back for the newest snapshot, in offsets: a commit takes two of its task's partition, one is a marker.

Four times as far each time that none is found, up to the partition's start. Snapshots come to megabytes: not further.
"""


@dataclass(slots=True)
class TaskState:
    """What a snapshot holds, decoded.

    Attributes:
        values: Positions, seqs and counters (JSON-able).
        agents: One byte string per stage, as the agent gave it.
        queues: One half-consumed batch per stage, or None.
    """

    values: dict[str, Any]
    agents: list[bytes]
    queues: list[Batch | None]


def to_bytes(state: TaskState) -> bytes:
    """Bytes of a task's snapshot."""
    arrays: dict[str, Any] = {}
    values = dict(state.values)
    for i, agent in enumerate(state.agents):
        arrays[f"agent{i}"] = np.frombuffer(agent, dtype=np.uint8)
    values["queues"] = [None if q is None else _dump_queue(i, q, arrays) for i, q in enumerate(state.queues)]
    return dump(KIND, arrays, values)


def from_bytes(data: bytes) -> TaskState:
    """Snapshot from bytes.

    Raises:
        SnapshotError: Torn, or of another version.
    """
    arrays, values = load(KIND, data)
    with fitting("a task"):
        queues = [None if q is None else _load_queue(i, q, arrays) for i, q in enumerate(values.pop("queues"))]
        agents = [arrays[f"agent{i}"].tobytes() for i in range(len(queues))]
        return TaskState(values, agents, queues)


@contextmanager
def fitting(owner: str) -> Iterator[None]:
    """Restore within: content that is not what the owner's own snapshot holds is an error of the tree.

    Raises:
        SnapshotError: A name is missing, or a value is of another type or shape.
    """
    try:
        yield
    except (ArithmeticError, AttributeError, BadFrame, LookupError, RecursionError, TypeError, ValueError) as error:
        raise SnapshotError(
            f"a snapshot does not fit {owner}", kind="foreign", got=type(error).__name__,
            allowed="what this build's snapshots hold", fix="see the recovery chapter of docs/architecture.md",
        ) from error  # fmt: skip


def check_build(values: dict[str, Any], build: str, task: str) -> None:
    """Hold a snapshot to the code that goes on with it, where both are named: within a run it is one.

    Raises:
        SnapshotError: Other code took it.
    """
    taken_by = str(values.get("build", ""))
    if build and taken_by and taken_by != build:
        raise SnapshotError(
            "a snapshot of this run was taken by other code", kind="other_build", got=taken_by[:12], allowed=build[:12],
            where=task, fix="go on with the build that took it, or cut over: tapedeck release cut",
        )  # fmt: skip


def record_header(writer: str, seq: int, time_ns: int) -> bytes:
    """Packed header of a snapshot record: ``time_ns`` is the log time of the newest that its task has heard."""
    return pack(Header(schema=SNAPSHOT.number, version=SNAPSHOT.version, seq=seq, time=time_ns, writer=writer))


def newest(log: Log, topic: str, partition: int, task: str) -> TaskState | None:
    """The newest committed snapshot of a task, or None when it never committed one.

    Raises:
        SnapshotError: The newest one is torn or foreign. An older one is never used in its stead.
    """
    found = newest_record(log, topic, partition, task)
    if found is None:
        return None
    try:
        return from_bytes(found.value)
    except SnapshotError as error:
        error.where = f"{topic}[{partition}]@{found.offset} of {task}"
        error.fix = "see the recovery chapter of docs/architecture.md; nothing was started from it"
        raise


def newest_record(log: Log, topic: str, partition: int, task: str) -> Record | None:
    """The record of a task's newest committed snapshot, undecoded; None when it never committed one."""
    low, high = log.bounds(topic, partition)
    window = WINDOW_RECORDS
    while True:
        start = max(low, high - window)
        found: Record | None = None
        for record in log.scan(topic, partition, start, committed=True):
            if record.key == task.encode():
                found = record
        if found is not None or start == low:
            return found
        window *= 4


def _dump_queue(i: int, queue: Batch, arrays: dict[str, Any]) -> dict[str, Any]:
    arrays[f"queue{i}.origins"] = queue.origins
    arrays[f"queue{i}.stamps"] = queue.stamps
    if queue.carried is not None:
        arrays[f"queue{i}.carried"] = queue.carried
    items: Any = None
    if isinstance(queue.items, np.ndarray):
        arrays[f"queue{i}.rows"] = queue.items
    else:
        items = [_dump_item(item) for item in queue.items]
    return {
        "hops": list(queue.hops), "arrived_ns": queue.arrived_ns, "items": items, "passed": list(queue.passed),
    }  # fmt: skip


def _load_queue(i: int, head: dict[str, Any], arrays: dict[str, Any]) -> Batch:
    items: Any = arrays.get(f"queue{i}.rows")
    if items is None:
        items = [_load_item(item) for item in head["items"]]
    return Batch(
        items, arrays[f"queue{i}.origins"], tuple(head["hops"]), arrays[f"queue{i}.stamps"], head["arrived_ns"],
        arrays.get(f"queue{i}.carried"), tuple(head.get("passed", ())),
    )  # fmt: skip


def _dump_item(item: Any) -> Any:
    if isinstance(item, Document):
        return encode(item).decode()
    if isinstance(item, Payload):
        key, value = (base64.b64encode(b).decode() for b in (item.key, item.value))
        return [item.source, item.seq, item.ts_recv, key, value]
    raise TypeError(f"cannot snapshot {type(item).__name__}; known: {sorted(BY_NAME)}")


def _load_item(item: Any) -> Any:
    if isinstance(item, str):
        return decode_any(item.encode())
    source, seq, ts_recv, key, value = msgspec.convert(item, tuple[str, int, int, str, str])
    return Payload(source, seq, ts_recv, base64.b64decode(key), base64.b64decode(value))
