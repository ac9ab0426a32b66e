"""What there is to play again: the recorded topics of a run, and the stretch of them that is meant.

Read as committed, from whatever log holds it: the live topics, another run's, or the archive joined with what Kafka
still has. Which stretch that is, and where it begins: ``replay/spans.py``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from agents.context import Context, context_of
from agents.topology import TaskHops, deployed
from replay.header_peek import peek
from schemas.catalog import END
from schemas.codec import decode, decode_any
from schemas.control import Halt, LimitsChanged, Resume, RunOpened, TaskStart
from schemas.definition import Definition
from schemas.errors import BadFrame, SnapshotError
from schemas.header import Header, unpack
from schemas.topics import TOPICS, topic_name
from streams.log import Log, Record
from streams.snapshot import TaskState
from streams.state_bytes import load_values

RAW_TOPIC = "raw.<source>"
TICKS_TOPIC = "ticks.<source>"
DAY_NS = 86_400_000_000_000
NANOS_PER_MS = 1_000_000
NO_END = 1 << 63
"""Further than any number goes."""


@dataclass(frozen=True)
class Recording:
    """A stretch of a recorded run.

    Attributes:
        log: Where it lies.
        namespace: Its topic prefix; none for live.
        opening: The opening that was in force; there is one alone.
        definitions: Instruments as they were defined.
        begin: By partition of raw: the first offset that is played.
        end: The offset after the last.
        states: By task: its snapshot where the stretch begins. Empty: with nothing, from the first record.
        folder: Where the paths of the desk's own code begin.
        pin: Id of the pin that it is; empty: none.
        known_by: Of a pin: definitions that became known later are not there; None: all are.
        ends: By task: where it left, if another run succeeded this one. Nothing behind it is of this run.
        times: What ``payload_times`` has found, by partition, begin and end.
    """

    log: Log
    namespace: str
    opening: RunOpened
    definitions: tuple[Definition, ...]
    begin: Mapping[int, int]
    end: Mapping[int, int]
    states: Mapping[str, TaskState]
    folder: Path = Path()
    pin: str = ""
    known_by: int | None = None
    ends: Mapping[str, TaskStart] = field(default_factory=dict)
    times: dict[tuple[int, int, int], tuple[int, int]] = field(default_factory=dict, compare=False, repr=False)

    @property
    def source(self) -> str:
        """Name of its source."""
        return self.opening.source

    @property
    def mode(self) -> Literal["live", "play"]:
        """Whether its order is recorded (live), or follows from log time (play)."""
        return self.opening.mode

    @property
    def tasks(self) -> tuple[TaskHops, ...]:
        """The tasks that made it."""
        return deployed(self.opening)

    @property
    def context(self) -> Context:
        """What its agents were built from."""
        return context_of(self.opening, self.definitions, self.folder)

    def topic(self, table_name: str) -> str:
        """Full name of a topic of the table."""
        return topic_name(self.namespace, table_name, self.source)

    @property
    def reports(self) -> str:
        """Full name of the topic to which its execution system reported; empty where it has none, or none is left."""
        topic = topic_name(self.namespace, RAW_TOPIC, self.opening.gateway or "")
        return topic if self.opening.gateway and self.log.partitions(topic) else ""

    def scan(self, table_name: str, partition: int = 0, start: int = 0) -> Iterator[tuple[Record, Header | None]]:
        """Committed records of a topic with their headers; none where there is no such topic."""
        topic = self.topic(table_name)
        if partition < self.log.partitions(topic):
            cutoff = self.known_by if table_name == "definitions" else None
            for record in self.log.scan(topic, partition, start, committed=True):
                header = header_of(record)
                if cutoff is None or header is None or header.time <= cutoff:
                    yield record, header

    def inputs_of(self, task: TaskHops) -> int:
        """Inputs that a task had consumed when another run succeeded this one; without end where none did."""
        return self.ends[task.name].inputs if task.name in self.ends else NO_END

    def outputs_of(self, task: TaskHops, table_name: str) -> int:
        """The first ``seq`` of a task's output that a succeeding run wrote; without end where there is none."""
        return self.ends[task.name].seqs.get(table_name, 0) if task.name in self.ends else NO_END

    def writer_of(self, table_name: str, partition: int = 0) -> str:
        """Name of the task of a partition that writes a topic; of a task that there is once, whatever the partition."""
        written = next(topic for topic in TOPICS if topic.name == table_name)
        found = [task for task in self.tasks if written.made_by(task.hops)]
        return next((task.name for task in found if task.partition == partition), found[0].name)


def header_of(record: Record) -> Header | None:
    """A record's header; None where it has none that can be read."""
    try:
        return None if record.header is None else unpack(record.header)
    except BadFrame:
        return None


def time_of(record: Record, header: Header | None) -> int:
    """Receive time of a raw record, ns: of a stock producer's by its timestamp."""
    return record.timestamp_ms * NANOS_PER_MS if header is None else header.time


def payload_times(recording: Recording, partition: int) -> tuple[int, int]:
    """Receive times of the first and the last payload of a stretch, ns; 0 where it holds none. Read once."""
    begin, end = recording.begin[partition], recording.end[partition]
    place = (partition, begin, end)
    if place not in recording.times:
        recording.times[place] = _payload_times(recording, partition, begin, end)
    return recording.times[place]


def _payload_times(recording: Recording, partition: int, begin: int, end: int) -> tuple[int, int]:
    first, last = 0, 0
    topic = recording.topic(RAW_TOPIC)
    if begin >= end or partition >= recording.log.partitions(topic):
        return 0, 0
    for record in recording.log.scan(topic, partition, begin, committed=True):
        if record.offset >= end:
            break
        head = peek(record.header)
        if record.header is None or (head is not None and head.schema != END.number):
            time = record.timestamp_ms * NANOS_PER_MS if head is None else head.time
            first = first or time
            last = max(last, time)
    return first, last


def said_in(recording: Recording) -> tuple[Halt | Resume | LimitsChanged, ...]:
    """What people had said, in order."""
    found = []
    for record, _ in recording.scan("control"):
        try:
            said = decode_any(record.value)
        except BadFrame:
            continue
        if isinstance(said, Halt | Resume | LimitsChanged):
            found.append(said)
    return tuple(found)


def snapshots(recording: Recording, task: TaskHops) -> Iterator[bytes]:
    """Bytes of each committed snapshot that a task took in this run and that is still there, in order."""
    return (record.value for record in snapshot_records(recording, task))


def snapshot_records(recording: Recording, task: TaskHops) -> Iterator[Record]:
    """The records of these snapshots."""
    for record, header in recording.scan("state", task.state_partition):
        if header is not None and record.key == task.name.encode() and _of_run(recording, record.value):
            yield record


def documents(log: Log, namespace: str, event: type[Any], known_by: int | None = None) -> list[Any]:
    """Openings or definitions of a run, in order; with a cutoff, those that had been written by then.

    Raises:
        BrokerError: They cannot be read.
    """
    return [d for time, d in written(log, namespace, event) if known_by is None or time <= known_by]


def written(log: Log, namespace: str, event: type[Any]) -> Iterator[tuple[int, Any]]:
    """The same, each with the time at which it was written, ns; 0 where it bears none.

    Raises:
        BrokerError: They cannot be read.
    """
    topic = topic_name(namespace, "control" if event is RunOpened else "definitions")
    if log.partitions(topic):
        for record in log.scan(topic, 0, 0, committed=True):
            header = header_of(record)
            try:
                document = decode(record.value, event)
            except BadFrame:  # a halt, or a change of limits
                continue
            yield 0 if header is None else header.time, document


def _of_run(recording: Recording, snapshot: bytes) -> bool:
    if not recording.ends and not recording.opening.starts:
        return True  # there is no other
    try:
        return bool(load_values(snapshot).get("run") == recording.opening.run)
    except (SnapshotError, BadFrame):
        return True  # whoever uses it says so
