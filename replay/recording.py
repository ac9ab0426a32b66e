"""What there is to play again: the recorded topics of a run, and the stretch of them that is meant.

Read as committed, from whatever log holds it: the live topics, another run's, or the archive joined with what Kafka
still has. A stretch begins where a task's recorded state stands, or with nothing at the first record.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from agents.context import Context, context_of
from agents.topology import PRIMARY, TaskHops, deployment
from schemas.catalog import END, RAW
from schemas.codec import decode, decode_any
from schemas.control import Halt, LimitsChanged, Resume, RunOpened
from schemas.definition import Definition
from schemas.errors import BadFrame, ConfigError, SnapshotError
from schemas.header import Header, unpack
from schemas.topics import TOPICS, topic_name
from streams.log import Log, Record
from streams.snapshot import TaskState, from_bytes
from streams.state_bytes import load_values

RAW_TOPIC = "raw.<source>"
TICKS_TOPIC = "ticks.<source>"
DAY_NS = 86_400_000_000_000
LEAP_NS = DAY_NS
"""A receive time that leaps ahead of the one before by more than this is a clock's fault, not a pause of the market."""


@dataclass(frozen=True)
class Recording:
    """A stretch of a recorded run.

    Attributes:
        log: Where it lies.
        namespace: Its topic prefix; none for live.
        opening: The opening that was in force.
        definitions: Instruments as they were defined.
        begin: By partition of raw: the first offset that is played.
        end: The offset after the last.
        states: By task: its snapshot where the stretch begins. Empty: with nothing, from the first record.
        folder: Where the paths of the desk's own code begin.
        pin: Id of the pin that it is; empty: none.
        known_by: Of a pin: definitions that became known later are not there; None: all are.
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
        return deployment(self.opening.split, self.opening.partitions)

    @property
    def context(self) -> Context:
        """What its agents were built from."""
        return context_of(self.opening, self.definitions, self.folder)

    def topic(self, table_name: str) -> str:
        """Full name of a topic of the table."""
        return topic_name(self.namespace, table_name, self.source)

    def scan(self, table_name: str, partition: int = 0, start: int = 0) -> Iterator[tuple[Record, Header | None]]:
        """Committed records of a topic with their headers; none where there is no such topic."""
        topic = self.topic(table_name)
        if partition < self.log.partitions(topic):
            cutoff = self.known_by if table_name == "definitions" else None
            for record in self.log.scan(topic, partition, start, committed=True):
                header = header_of(record)
                if cutoff is None or header is None or header.time <= cutoff:
                    yield record, header

    def writer_of(self, table_name: str, partition: int = 0) -> str:
        """Name of the task of a partition that writes a topic; of a task that there is once, whatever the partition."""
        hop = next(topic.written_by for topic in TOPICS if topic.name == table_name)
        found = [task for task in self.tasks if hop in task.hops]
        return next((task.name for task in found if task.partition == partition), found[0].name)


def header_of(record: Record) -> Header | None:
    """A record's header; None where it has none that can be read."""
    try:
        return None if record.header is None else unpack(record.header)
    except BadFrame:
        return None


def open_recording(
    log: Log, namespace: str = "", *, since_ns: int | None = None, until_ns: int | None = None, folder: Path = Path()
) -> Recording:
    """The recorded run of a namespace, or a stretch of it.

    Args:
        log: Where.
        namespace: Topic prefix, none for live.
        since_ns: First receive time that is meant; None: from the first record on.
        until_ns: The first receive time behind it; None: to the end of what has been worked off.
        folder: Where the paths of the desk's own code begin.

    Raises:
        ConfigError: There is nothing in it, or its clock leaps.
        SnapshotError: No run was opened there, or no state of that time is there to begin with.
    """
    openings, definitions = documents(log, namespace, RunOpened), documents(log, namespace, Definition)
    if not openings:
        raise SnapshotError(
            "no run was opened here", kind="no_run", where=topic_name(namespace, "control"), allowed="a run record"
        )
    whole = Recording(log, namespace, openings[-1], tuple(definitions), {}, {}, {}, folder)
    begin, end = {}, {}
    for partition in range(log.partitions(whole.topic(RAW_TOPIC))):
        begin[partition], end[partition] = _stretch(whole, partition, since_ns, until_ns)
    if not any(end[p] > begin[p] for p in begin):
        raise ConfigError(
            "there is nothing to replay", kind="nothing_recorded", got="no record in that time",
            where=whole.topic(RAW_TOPIC), fix="tapedeck days list shows what there is",
        )  # fmt: skip
    states = _states(whole, begin) if any(_behind_the_first(whole, p, at) for p, at in begin.items()) else {}
    for task in whole.tasks:
        if task.hops[0] == "normalise":
            state = states.get(task.name)
            begin[task.partition] = 0 if state is None else int(state.values["input"]["offset"])
    check_spans(openings, states, begin, whole)
    return Recording(log, namespace, openings[-1], tuple(definitions), begin, end, states, folder)


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


def snapshots(recording: Recording, task: TaskHops, start: int = 0) -> Iterator[tuple[int, bytes]]:
    """Offset and bytes of each committed snapshot of a task that is still there, in order."""
    for record, header in recording.scan("state", task.state_partition, start):
        if header is not None and record.key == task.name.encode():
            yield record.offset, record.value


def check_spans(
    openings: list[RunOpened], states: Mapping[str, TaskState], begin: Mapping[int, int], whole: Recording
) -> None:  # fmt: skip
    """Refuse a stretch that a release cuts in two: what came before it was made by other code or parameters.

    Raises:
        ConfigError: The newest run does not cover the stretch.
    """
    before = {str(state.values.get("run", "")) for state in states.values()} - {openings[-1].run}
    if len(openings) > 1 and (before or not states):
        raise ConfigError(
            "a release lies within the stretch: it was made by several runs", kind="replay_spans",
            got=", ".join(opening.run for opening in openings), allowed=f"a stretch of {openings[-1].run} alone",
            where=f"{whole.topic(RAW_TOPIC)} from {min(begin.values(), default=0)}",
            fix="replay from a moment after it: --from-time",
        )  # fmt: skip


def documents(log: Log, namespace: str, event: type[Any], known_by: int | None = None) -> list[Any]:
    """Openings or definitions of a run, in order; with a cutoff, those that had been written by then.

    Raises:
        BrokerError: They cannot be read.
    """
    topic = topic_name(namespace, "control" if event is RunOpened else "definitions")
    found = []
    if log.partitions(topic):
        for record in log.scan(topic, 0, 0, committed=True):
            header = header_of(record)
            if known_by is not None and header is not None and header.time > known_by:
                continue
            try:
                found.append(decode(record.value, event))
            except BadFrame:  # a halt, or a change of limits
                continue
    return found


def _stretch(whole: Recording, partition: int, since_ns: int | None, until_ns: int | None) -> tuple[int, int]:
    """Offsets of the payloads received from ``since_ns`` on and before ``until_ns``; time never runs backwards here."""
    first, after, newest, seen = -1, 0, -(2**63), False
    for record, header in whole.scan(RAW_TOPIC, partition):
        if header is not None and header.schema == END.number:
            break
        if header is not None and header.schema == RAW.number:
            if seen and header.time > newest + LEAP_NS:
                raise ConfigError(
                    "the clock of the recording leaps", kind="clock_leaps",
                    got=f"{(header.time - newest) / 1e9:.0f} s", allowed=f"{LEAP_NS / 1e9:.0f} s between two payloads",
                    where=f"{record.topic}[{record.partition}]@{record.offset}",
                    fix="replay the days on either side of it by themselves",
                )  # fmt: skip
            newest, seen = max(newest, header.time), True
        if until_ns is not None and newest >= until_ns:
            break
        if first < 0 and (since_ns is None or newest >= since_ns):
            first = record.offset
        after = record.offset + 1
    return (0, 0) if first < 0 else (first, after)


def _behind_the_first(whole: Recording, partition: int, begin: int) -> bool:
    """Whether anything lies before a place in raw: then a state must be there to begin with."""
    low, _ = whole.log.bounds(whole.topic(RAW_TOPIC), partition)
    first = next((record.offset for record, _ in whole.scan(RAW_TOPIC, partition)), begin)
    return low > 0 or begin > first


def _states(whole: Recording, begin: Mapping[int, int]) -> dict[str, TaskState]:
    """Each task's newest state from which all that follows can be made again.

    In the data's way: the first task's stands at or before the beginning, each later one's takes no input that the one
    before has yet to make. Where a later one has none so old, its first: what comes before it is not made again.
    """
    found: dict[str, TaskState] = {}
    for task in whole.tasks:
        source = _newest_within(whole, task, begin, found)
        if source is None:
            if whole.log.bounds(whole.topic(RAW_TOPIC), 0)[0] == 0:
                return {}  # all of the log is there: from its first record on
            raise SnapshotError(
                "no state is there to begin with", kind="no_start", where=f"{whole.topic('state')} of {task.name}",
                allowed="a snapshot at or before the beginning",
                fix="replay a later day, or one whose state was archived",
            )  # fmt: skip
        found[task.name] = source
    return found


def _newest_within(
    whole: Recording, task: TaskHops, begin: Mapping[int, int], found: Mapping[str, TaskState]
) -> TaskState | None:
    first: bytes | None = None
    best: bytes | None = None
    for _, value in snapshots(whole, task):
        first = first or value
        if not _reached(task, load_values(value), begin, found):
            break
        best = value
    if best is None and task.hops[0] != "normalise":
        best = first
    return None if best is None else from_bytes(best)


def _reached(task: TaskHops, values: dict[str, Any], begin: Mapping[int, int], found: Mapping[str, TaskState]) -> bool:
    """Whether a state stands at or before the beginning: in raw, or by what the task before it had made by then."""
    if task.hops[0] == "normalise":
        return int(values["input"]["offset"]) <= begin[task.partition]
    primary = PRIMARY[task.hops[0]]
    return all(
        int(seq) <= int(found[writer].values["outputs"][primary][0])
        for writer, seq in values["input"]["seqs"].items()
        if writer in found
    )
