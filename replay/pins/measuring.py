"""Reading what a selection means in a log, in one pass and flat memory: the data of a pin, and where it lies here.

Raw first: it tells where the range begins, and so which states it begins with. Then every other topic, then what was
known at the cutoff. Each partition is hashed while it is read; nothing is kept of it but its hash and its marks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from itertools import takewhile

from agents.topology import deployed
from replay.header_peek import Peek, peek
from replay.known import check_schema
from replay.pins.chain import Chain, Marks
from replay.pins.manifest import Data, Part, SchemaUsed, StateUsed
from replay.pins.selection import CONTROL, RAW, Selection, known_topics, pinned_topics
from replay.pins.starting import Start, lead, midnight_before, starts_at
from replay.recording import Recording, documents
from replay.tape_time import Timed, between, place_before, timed
from schemas.catalog import BY_NUMBER, PIN_TAG
from schemas.control import RunOpened
from schemas.errors import ConfigError
from schemas.fingerprints import FINGERPRINTS
from streams.log import Log, Place, Record

TELL_RECORDS = 4_096
"""Records after which it is told how far it is."""

OnProgress = Callable[[int], None]
"""Hears how many more records have been read."""


@dataclass(slots=True)
class Measured:
    """What is there.

    Attributes:
        data: The pin's data.
        offsets: By topic without prefix and partition: the first offset of the range, and the one after the last.
        lead: By partition of raw: the offset from which the states go on.
        marks: Along the range, by topic without prefix and partition.
        starts: The states at the beginning, by task.
        openings: Runs that made it, as far as they were open by its end, in order.
        span: Times of the first and the last record of raw, ns.
        unnumbered: Whether any payload of a stock producer is among them.
    """

    data: Data
    offsets: dict[Place, tuple[int, int]]
    lead: dict[int, int]
    marks: dict[Place, Marks]
    starts: dict[str, Start]
    openings: list[RunOpened]
    span: tuple[int, int]
    unnumbered: bool


@dataclass(slots=True)
class _Reading:
    """What has been read so far."""

    log: Log
    selection: Selection
    on_progress: OnProgress
    schemas: set[tuple[int, int]] = field(default_factory=set)
    offsets: dict[Place, tuple[int, int]] = field(default_factory=dict)
    marks: dict[Place, Marks] = field(default_factory=dict)
    first: dict[Place, Record] = field(default_factory=dict)
    begun: list[int] = field(default_factory=list)
    newest: int = 0
    unnumbered: bool = False

    def full(self, name: str) -> str:
        return self.selection.namespace + name


Begin = Callable[[Recording, Mapping[int, Record]], dict[str, Start]]
"""Finds the states to begin with: see ``replay.pins.starting.starts_at``."""


def measure(
    log: Log, selection: Selection, on_progress: OnProgress = lambda _n: None, begin: Begin = starts_at
) -> Measured:  # fmt: skip
    """What a selection means in a log.

    Raises:
        ConfigError: Nothing was recorded in that time, its beginning is gone, its clock leaps, or a record is of a
            schema version that this build does not know.
        SnapshotError: The state at its beginning has been removed.
        BrokerError: The log cannot be read.
    """
    reading = _Reading(log, selection, on_progress)
    names = log.names(selection.namespace)
    topics = [
        name for name, _ in pinned_topics(names, selection.namespace)
        if not selection.topics or name in selection.topics
    ]  # fmt: skip
    topics.sort(key=lambda name: (not name.startswith(RAW), name))
    parts = [
        part
        for name in topics
        for partition in range(log.partitions(reading.full(name)))
        if (part := _range(reading, name, partition)).records
    ]
    if not any(part.topic != CONTROL for part in parts):
        raise ConfigError(
            "there is nothing to pin", kind="nothing_recorded", got="no record in that time",
            where=f"{selection.namespace or 'live'} {', '.join(selection.topics)}".strip(),
            fix="tapedeck days list shows what there is",
        )  # fmt: skip
    openings = documents(log, selection.namespace, RunOpened, selection.end - 1)
    starts, leads, led = _beginning(reading, topics, openings, begin)
    known = [
        part for name in known_topics(names, selection.namespace) if (part := _known(reading, name)).records
    ]  # fmt: skip
    data = Data(
        topics=tuple(sorted(parts, key=_place)), lead=tuple(sorted(leads, key=_place)),
        known=tuple(known), schemas=tuple(_fingerprint(*pair) for pair in sorted(reading.schemas)),
        states=tuple(StateUsed(task=s.task, hash=sha256(s.value).hexdigest()) for s in starts.values()),
    )  # fmt: skip
    return Measured(data, reading.offsets, led, reading.marks, starts, openings,
                    (min(reading.begun, default=0), reading.newest), reading.unnumbered)  # fmt: skip


def _range(reading: _Reading, name: str, partition: int) -> Part:
    selection, topic = reading.selection, reading.full(name)
    raw = name.startswith(RAW)
    if name == CONTROL:  # what people say is few, and bears the times of several clocks: each goes by its own
        entries = _said(reading.log, topic, selection.since, selection.end)
    else:
        entries = between(reading.log, topic, partition, selection.since, selection.end, raw=raw)
    chain, first, last = Chain(), -1, -1
    for record, head, time in entries:
        if first < 0:
            first = record.offset
            if raw:
                reading.first[(name, partition)] = record
                reading.begun.append(time)
        _count(reading, chain, record, head)
        last = record.offset
        if raw:
            reading.newest = max(reading.newest, time)
    reading.on_progress(chain.records % TELL_RECORDS)
    if chain.records:
        reading.offsets[(name, partition)] = (first, last + 1)
        reading.marks[(name, partition)] = chain.marks
    return Part(topic=name, partition=partition, records=chain.records, hash=chain.digest)


def _said(log: Log, topic: str, since: int, until: int) -> Iterator[Timed]:
    """What people said between two times, without tags: that a pin gets a name does not change it."""
    for record in log.scan(topic, 0, 0, committed=True):
        head = peek(record.header)
        if head is not None and head.schema != PIN_TAG.number and since <= head.time < until:
            yield Timed(record, head, head.time)


def _known(reading: _Reading, name: str) -> Part:
    """What had been written by the cutoff, from the first on. A record without a time was known from the beginning."""
    chain = Chain()
    for record in reading.log.scan(reading.full(name), 0, 0, committed=True):
        head = peek(record.header)
        if head is None or head.time <= reading.selection.known_by:
            _count(reading, chain, record, head)
    return Part(topic=name, partition=0, records=chain.records, hash=chain.digest)


def _beginning(
    reading: _Reading, topics: list[str], openings: list[RunOpened], begin: Begin
) -> tuple[dict[str, Start], list[Part], dict[int, int]]:  # fmt: skip
    """States at the beginning, what lies between them and the range, and where of raw that begins."""
    # Where an execution system reports is raw too: what the desk is fed alone tells where it begins.
    source = RAW + openings[-1].source if openings else ""
    fed = {partition: record for (name, partition), record in sorted(reading.first.items()) if name == source}
    if not fed:
        return {}, [], {p: record.offset for (_, p), record in reading.first.items()}
    whole = Recording(reading.log, reading.selection.namespace, openings[-1], (), {}, {}, {})
    starts = begin(whole, fed)
    by_partition = {
        task.partition: starts[task.name]
        for task in deployed(openings[-1])
        if task.hops[0] == "normalise" and task.name in starts
    }
    parts, led = [], {}
    for partition, first in fed.items():
        led[partition] = lead(whole, first, by_partition.get(partition))
        chain = Chain()
        for record in reading.log.scan(first.topic, partition, led[partition], committed=True):
            if record.offset >= first.offset:
                break
            _count(reading, chain, record, peek(record.header))
        if chain.records:
            parts.append(Part(topic=source, partition=partition, records=chain.records, hash=chain.digest))
    beside = [name for name in topics if name != source]
    parts += _leading(reading, beside, midnight_before(fed) if starts else 0)
    return starts, parts, led


def _leading(reading: _Reading, topics: list[str], since: int) -> list[Part]:
    """What came beside the feed from a time on and before the range: a replay from the states plays with it."""
    parts = []
    log, until = reading.log, reading.selection.since
    for name in topics:
        raw = name.startswith(RAW)
        for partition in range(log.partitions(reading.full(name))):
            topic, chain = reading.full(name), Chain()
            entries = (
                _said(log, topic, since, until) if name == CONTROL else
                timed(log, topic, partition, place_before(log, topic, partition, since, raw=raw), raw=raw)
            )  # fmt: skip
            for record, head, time in takewhile(lambda entry: entry.time < until, entries):
                if time >= since:
                    _count(reading, chain, record, head)
            if chain.records:
                parts.append(Part(topic=name, partition=partition, records=chain.records, hash=chain.digest))
    return parts


def _place(part: Part) -> Place:
    return part.topic, part.partition


def _count(reading: _Reading, chain: Chain, record: Record, head: Peek | None) -> None:
    chain.add(record)
    reading.unnumbered |= record.header is None
    if head is not None and (head.schema, head.version) not in reading.schemas:
        check_schema(record, head)
        reading.schemas.add((head.schema, head.version))
    if chain.records % TELL_RECORDS == 0:
        reading.on_progress(TELL_RECORDS)


def _fingerprint(number: int, version: int) -> SchemaUsed:
    name = BY_NUMBER[number].name
    return SchemaUsed(name=name, version=version, hash=FINGERPRINTS[name, version])
