"""Every topic of a run that has come to rest, read back once: as a committed reader and as a reader of ours see it.

A reader of ours takes what is not committed yet, and drops what bears a ``seq`` that its writer has been seen past.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, NamedTuple

from agents.topology import FUSED, TaskHops, writers
from schemas.errors import BadFrame
from schemas.header import Header, unpack
from schemas.partitions import named
from schemas.topics import TOPICS, topic_name
from streams.admission import Writers
from streams.log import Log, Record


@dataclass(frozen=True, slots=True)
class Shape:
    """What a run is, for whoever reads it back.

    Attributes:
        source: Name of the source.
        namespace: Topic prefix, with its dot; none for live.
        mode: ``live`` or ``play``.
        tasks: Its tasks.
        folder: Where the paths of the desk's own code begin.
    """

    source: str
    namespace: str = ""
    mode: Literal["live", "play"] = "live"
    tasks: tuple[TaskHops, ...] = FUSED
    folder: Path = field(default_factory=Path)

    def topic(self, table_name: str) -> str:
        """Full name of a topic of the table."""
        return topic_name(self.namespace, table_name, self.source)

    def writers(self, partition: int | None = None) -> Mapping[str, Writers]:
        """Who writes each topic, by table name; of those that have several partitions, into one. None: into any."""
        return writers(self.tasks, self.source, partition)

    def writers_of(self, table_name: str, partition: int | None = None) -> tuple[str, ...]:
        """The same of one topic; none where each task may write."""
        known = self.writers(partition).get(table_name, ())
        return (known,) if isinstance(known, str) else known

    def source_of(self, partition: int) -> str:
        """Name under which the inputs of one partition are counted."""
        return named(self.source, partition, max(task.partitions for task in self.tasks))


class Entry(NamedTuple):
    """A record, and its header where it has one that can be read."""

    record: Record
    header: Header | None


@dataclass(slots=True)
class Strip:
    """One partition.

    Attributes:
        table_name: Topic by its name in the table.
        topic: Full name.
        partition: Counted from 0.
        committed: What a committed reader sees.
        written: What an uncommitted one sees, with all that was aborted.
    """

    table_name: str
    topic: str
    partition: int
    committed: list[Entry]
    written: list[Entry]

    @property
    def place(self) -> str:
        """For messages."""
        return f"{self.topic}[{self.partition}]"

    def of(self, writer: str, *, committed: bool = True) -> Iterator[tuple[Record, Header]]:
        """Records of a writer."""
        for record, header in self.committed if committed else self.written:
            if header is not None and header.writer == writer:
                yield record, header


class Tape:
    """All strips of a run.

    Args:
        log: Where; nobody may be writing to the run any more.
        shape: What the run is.
    """

    def __init__(self, log: Log, shape: Shape) -> None:
        self.log = log
        self.shape = shape
        self.strips: dict[tuple[str, int], Strip] = {}
        for row in TOPICS:
            topic = shape.topic(row.name)
            for partition in range(log.partitions(topic)):
                self.strips[(row.name, partition)] = _read(log, row.name, topic, partition)

    def strip(self, table_name: str, partition: int) -> Strip | None:
        """A partition of a topic of the table; None where the run has none."""
        return self.strips.get((table_name, partition))

    def all(self, table_name: str) -> Iterator[Strip]:
        """Every partition of a topic."""
        for (name, _), strip in self.strips.items():
            if name == table_name:
                yield strip


def _read(log: Log, table_name: str, topic: str, partition: int) -> Strip:
    written = [Entry(record, _header(record)) for record in log.scan(topic, partition, 0, committed=False)]
    by_offset = {entry.record.offset: entry for entry in written}
    committed: list[Entry] = []
    for record in log.scan(topic, partition, 0, committed=True):
        known: Any = by_offset.get(record.offset)
        committed.append(known if known is not None and known.record == record else Entry(record, _header(record)))
    return Strip(table_name, topic, partition, committed, written)


def _header(record: Record) -> Header | None:
    try:
        return None if record.header is None else unpack(record.header)
    except BadFrame:
        return None
