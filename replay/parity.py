"""Whether a replay gave what was recorded: its committed outputs against the recorded ones, to the byte.

Rows and documents are compared one after another, whatever frames they came in. What cannot be equal is left out: what
the recording had not worked off when it was read, what it made of input behind the stretch, executions that the paper
venue answers with ticks behind the stretch, and of the features those that a fused deployment does not publish.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from itertools import takewhile
from typing import Any, NamedTuple

import numpy as np
import orjson

from agents.topology import TaskHops
from replay.order import is_strangers, outputs_of
from replay.recording import TICKS_TOPIC, Recording, payload_times, snapshots
from replay.replay_plan import ReplayPlan
from schemas.catalog import END
from schemas.codec import decode, decode_any
from schemas.dead_letter import DeadLetter
from schemas.errors import BadInput
from schemas.partitions import named
from schemas.topics import TOPICS, is_spread
from streams.frame import decode_rows
from streams.log import Log
from streams.sample import FEATURE_SAMPLE
from streams.state_bytes import load_values
from streams.task_outputs import ROW_SCHEMAS

STAGES = tuple(topic.name for topic in TOPICS)
"""Of two differences at one log time, that of the earlier topic is the first."""
LETTER_FREE = ("task", "topic", "offset", "partition")
"""What of a dead letter tells where it was written down, and not what was refused."""


class Item(NamedTuple):
    """A row or a document."""

    seq: int
    time: int
    ordinal: int
    key: bytes
    value: bytes
    dtype: Any


@dataclass(slots=True)
class Parity:
    """What a comparison came to.

    Attributes:
        compared: Rows and documents held against each other, by topic of the table.
        differing: The first difference of each topic that has one, the first of all first.
        digest: Of all that the replay gave and that was compared.
    """

    compared: dict[str, int] = field(default_factory=dict)
    differing: list[dict[str, Any]] = field(default_factory=list)
    digest: str = ""

    @property
    def identical(self) -> bool:
        """Nothing differs."""
        return not self.differing

    @property
    def first_divergence(self) -> dict[str, Any] | None:
        """The first difference in log time; of one time, in the data's way."""
        return self.differing[0] if self.differing else None


def compare(plan: ReplayPlan, log: Log, *, whole: bool = True) -> Parity:
    """Hold what a replay has committed against the recording.

    Args:
        plan: The replay.
        log: Where its topics are.
        whole: Whether it was fed all of the stretch; else what is recorded behind its last tick is left out.

    Raises:
        BrokerError: A topic cannot be read.
    """
    found = Parity()
    digest = sha256()
    sides = Sides(plan, log, whole=whole)
    for task in plan.tasks:
        for name in outputs_of(task):
            partition = task.partition if is_spread(name) else 0
            first = _compare(sides, task, name, partition, found, digest)
            if first is not None:
                found.differing.append(first)
    found.differing.sort(key=lambda d: (d["time"], STAGES.index(d["topic"])))
    found.digest = digest.hexdigest()
    return found


class Sides:
    """Both sides of a comparison: the recording and the replay."""

    def __init__(self, plan: ReplayPlan, log: Log, *, whole: bool = True) -> None:
        self.plan, self.recording, self.whole = plan, plan.recording, whole
        self.states = plan.states()
        self._replay = Recording(log, plan.namespace, plan.opening, (), {}, {}, {}, self.recording.folder)
        self._answered = self._last_tick()
        self.until = self._until() if whole else self._answered
        self.sampled = self.recording.opening.split != plan.split
        self._wanted = self._intents() if self.sampled else set[tuple[str, int, int]]()
        self._worked_off = {task.name: self._inputs_of(task) for task in self.recording.tasks}

    def recorded(self, task: TaskHops, name: str, partition: int) -> Iterator[Item]:
        """What was recorded, from where the task's state stands."""
        made_by = next(t for t in self.recording.tasks if task.hops[-1] in t.hops or name in outputs_of(t)[:-1])
        if name != "dlq":
            made_by = next(
                t for t in self.recording.tasks if name in outputs_of(t)[:-1] and t.partition == task.partition
            )
        state = self.recording.states.get(made_by.name)
        seq = 0 if state is None else int(state.values["outputs"][name][0])
        last = self.recording.outputs_of(made_by, name)
        items = takewhile(lambda item: item.seq < last, _items(self.recording, name, partition, made_by.name, seq))
        return self._chosen(name, partition, items, self._was_split)

    def replayed(self, task: TaskHops, name: str, partition: int) -> Iterator[Item]:
        """What the replay made."""
        state = self.states.get(task.name)
        seq = 0 if state is None else int(state.values["outputs"][name][0])
        items = _items(self._replay, name, partition, task.name, seq)
        if name == "executions":  # at a cut the venue leaves its orders in hand to the next run, which answers them
            items = takewhile(lambda item: item.seq < self.recording.outputs_of(task, name), items)
        return self._chosen(name, partition, items, self.plan.split)

    @property
    def _was_split(self) -> bool:
        return self.recording.opening.split

    def _chosen(self, name: str, partition: int, items: Iterator[Item], split: bool) -> Iterator[Item]:
        source = named(self.recording.source, partition, self.recording.opening.partitions)
        for item in items:
            if name == "executions" and item.time >= self._answered:
                continue
            if name == "features" and self.sampled and split and not self._in_sample(item, source):
                continue
            yield item

    def _in_sample(self, item: Item, source: str) -> bool:
        row = np.frombuffer(item.value, dtype=item.dtype)[0]
        root = (source, int(row["root_seq"]), int(row["root_part"]))
        return root[1] % FEATURE_SAMPLE == 0 or root in self._wanted

    def ahead(self, task: TaskHops, item: Item) -> bool:
        """Whether the recording had yet to work off the input behind something that the replay made."""
        at = self._worked_off.get(task.name)
        return at is not None and item.ordinal >= at

    def _inputs_of(self, task: TaskHops) -> int | None:
        """Inputs that a recorded task had worked off by its newest snapshot."""
        if not any(task.hops == other.hops for other in self.plan.tasks):
            return None
        if task.name in self.recording.ends:
            return self.recording.inputs_of(task)
        newest = None
        for value in snapshots(self.recording, task):
            newest = value
        return None if newest is None else int(load_values(newest)["input"]["ordinal"])

    def _until(self) -> int:
        return max((payload_times(self.recording, partition)[1] for partition in self.recording.begin), default=0)

    def _last_tick(self) -> int:
        """Log time of the last tick: the venue answers an order by the first that is later."""
        newest = 0
        for partition in self.recording.begin:
            for record, header in self._replay.scan(TICKS_TOPIC, partition):
                if header is not None and header.schema != END.number:
                    rows = decode_rows(header.schema, header.version, record.value, header.count)
                    newest = max(newest, int(rows["ts_log"][-1]))
        return newest

    def _intents(self) -> set[tuple[str, int, int]]:
        wanted = set()
        for record, header in self.recording.scan("orders.intent"):
            if header is not None and header.schema != END.number:
                root = getattr(decode_any(record.value), "root", None)
                if root is not None:
                    wanted.add((root.source, root.seq, root.part))
        return wanted


def _compare(
    sides: Sides, task: TaskHops, name: str, partition: int, found: Parity, digest: Any
) -> dict[str, Any] | None:  # fmt: skip
    was, now = sides.recorded(task, name, partition), sides.replayed(task, name, partition)
    if name == "dlq":
        was, now = _told(was), _told(now)
    count = 0
    first = None
    while True:
        a, b = next(was, None) if first is None else None, next(now, None)
        if a is None and b is None:
            break
        if b is not None and (a is not None or not sides.ahead(task, b)):
            digest.update(b.key + b.value)
        if first is not None:
            continue  # the rest counts for the digest alone
        if a is not None and b is not None and a.key == b.key and a.value == b.value:
            count += 1
        elif (a is None and b is not None and sides.ahead(task, b)) or (
            b is None and a is not None and a.time >= sides.until + sides.whole
        ):
            break
        else:
            first = _difference(name, partition, a, b)
    found.compared[name] = found.compared.get(name, 0) + count
    return first


def _items(run: Recording, name: str, partition: int, writer: str, seq: int) -> Iterator[Item]:
    for record, header in run.scan(name, partition):
        if header is None or header.writer != writer or header.schema == END.number:
            continue
        if header.seq + header.count <= seq:
            continue
        if name not in ROW_SCHEMAS:
            yield Item(header.seq, header.time, header.cause, record.key or b"", record.value, None)
            seq = header.seq + 1
            continue
        rows = decode_rows(header.schema, header.version, record.value, header.count)
        width = rows.dtype.itemsize
        for i in range(max(0, seq - header.seq), header.count):
            time = int(rows["ts_log"][i])
            value = record.value[i * width : (i + 1) * width]
            yield Item(header.seq + i, time, header.cause + i, b"", value, rows.dtype)
        seq = header.seq + header.count


def _told(letters: Iterator[Item]) -> Iterator[Item]:
    """Dead letters of what is replayed, without where they were written down."""
    for item in letters:
        try:
            letter = decode(item.value, DeadLetter)
        except BadInput:
            continue
        raw = letter.topic.rpartition("raw.")[1] == "raw."
        if raw or not is_strangers(letter):
            told = {k: v for k, v in orjson.loads(item.value).items() if k not in LETTER_FREE and (raw or k != "seq")}
            yield item._replace(time=letter.ts, value=orjson.dumps(told))


def _difference(name: str, partition: int, a: Item | None, b: Item | None) -> dict[str, Any]:
    either = a or b
    if either is None:
        raise AssertionError("no difference")
    told: dict[str, Any] = {
        "topic": name, "partition": partition, "seq": either.seq, "time": either.time,
        "kind": "missing" if b is None else "added" if a is None else "changed",
    }  # fmt: skip
    for side, item in (("recorded", a), ("replayed", b)):
        if item is not None:
            told[side] = _shown(item)
    if a is not None and b is not None:
        was, now = told["recorded"], told["replayed"]
        told["fields"] = [key for key in was if was[key] != now.get(key)]
    return told


def _shown(item: Item) -> dict[str, Any]:
    if item.dtype is None:
        document: dict[str, Any] = orjson.loads(item.value)
        return document
    row: Any = np.frombuffer(item.value, dtype=item.dtype)[0]
    return {name: row[name].tolist() for name in item.dtype.names}
