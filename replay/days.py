"""What was recorded, day by day: records of each topic, gaps, schema versions, and the hash of the day's data.

One pass over each partition, or the part of it that is asked for, in flat memory. A day is a UTC day or a session of a
calendar, by receive time (raw) and log time (all else). Loss is judged by ``seq``, writer by writer: gaps in offsets
are normal. A day's hash is over the same parts as those of a pin of that day (``replay/pins/manifest.py``: ``topics``),
but for what people said.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from replay.calendars import UTC_DAYS, Calendar, Session
from replay.header_peek import Peek
from replay.pins.chain import Chain
from replay.pins.manifest import Part, hash_of
from replay.pins.selection import CONTROL, RAW, pinned_topics
from replay.recording import NO_END
from replay.tape_time import SET_BACK_NS, place_before, timed
from schemas.catalog import BY_NUMBER, END
from schemas.catalog import RAW as PAYLOAD
from streams.admission import RETRY
from streams.log import Log, Place

TELL_RECORDS = 4_096
NO_DAY = Session("", 0, 0)
NONE_ARCHIVED: Mapping[Place, int] = MappingProxyType({})


@dataclass(slots=True)
class Day:
    """A day.

    Attributes:
        day: Its date.
        since: When it began, ns UTC.
        until: When it ended.
        records: Records by topic, without the run's prefix.
        events: Rows, documents and payloads by topic: a record of ticks holds many, a run's end record none.
        gaps: Numbers that are missing, by topic; topics without any are left out.
        leaps: How often a payload was stamped more than an hour before the one before it: a clock had been ahead.
        schemas: Versions by schema name.
        archived: Whether the archive holds all of it.
        last: The offset of its last record, by topic without prefix, and partition.
    """

    day: str
    since: int
    until: int
    records: dict[str, int] = field(default_factory=dict)
    events: dict[str, int] = field(default_factory=dict)
    gaps: dict[str, int] = field(default_factory=dict)
    leaps: int = 0
    schemas: dict[str, set[int]] = field(default_factory=dict)
    archived: bool = False
    chains: dict[Place, Chain] = field(default_factory=dict)
    last: dict[Place, int] = field(default_factory=dict)

    @property
    def hash(self) -> str:
        """SHA-256 over the day's parts."""
        return hash_of([
            Part(topic=topic, partition=partition, records=chain.records, hash=chain.digest)
            for (topic, partition), chain in sorted(self.chains.items())
        ])  # fmt: skip


def days_in(
    log: Log, namespace: str = "", calendar: Calendar = UTC_DAYS, archived: Mapping[Place, int] = NONE_ARCHIVED,
    on_progress: Callable[[int], None] = lambda _n: None, *, since: int = 0, until: int = NO_END,
) -> list[Day]:  # fmt: skip
    """Days of a run in which anything was received, in order.

    Args:
        log: Where.
        namespace: Topic prefix of the run; none for live.
        calendar: What a day is.
        archived: By topic, without the prefix, and partition: the offset after the last that an archive holds.
        on_progress: Hears how many more records have been read.
        since: Days that began earlier, ns, are left out, and not read.
        until: Nor are those that began then or later.

    Raises:
        BrokerError, SnapshotError: The log cannot be read.
    """
    days: dict[str, Day] = {}
    topics = [name for name, _ in pinned_topics(log.names(namespace), namespace) if name != CONTROL]
    topics.sort(key=lambda name: (not name.startswith(RAW), name))
    for name in topics:
        for partition in range(log.partitions(namespace + name)):
            tape = _Tape(days, calendar, name, partition, (since, until))
            tape.read(log, namespace + name, on_progress)
    received = [day for day in days.values() if any(topic.startswith(RAW) for topic in day.records)]
    for day in received:
        day.archived = all(archived.get(place, 0) > last for place, last in day.last.items())
    return sorted(received, key=lambda day: day.since)


class _Tape:
    """One partition on its way through the days."""

    def __init__(
        self, days: dict[str, Day], calendar: Calendar, name: str, partition: int, begun: tuple[int, int]
    ) -> None:  # fmt: skip
        self._days = days
        self._calendar = calendar
        self._name, self._partition = name, partition
        self._begun = begun
        self._session = NO_DAY
        self._day: Day | None = None
        self._chain = Chain(marked=False)
        self._next: dict[str, int] = {}
        self._last_ns = 0

    def read(self, log: Log, topic: str, on_progress: Callable[[int], None]) -> None:
        raw, n = self._name.startswith(RAW), 0
        start = place_before(log, topic, self._partition, self._begun[0], raw=raw)
        for n, (record, head, time) in enumerate(timed(log, topic, self._partition, start, raw=raw), 1):
            if time < self._begun[0]:
                continue
            if not self._session.since <= time < self._session.until:
                self._turn(time)
            if self._session.since >= self._begun[1]:
                break
            missing = 0 if head is None else self._missing(head)
            if self._day is not None:
                self._chain.add(record)
                self._day.last[(self._name, self._partition)] = record.offset
                self._count(self._day, head, missing)
            if n % TELL_RECORDS == 0:
                on_progress(TELL_RECORDS)
        on_progress(n % TELL_RECORDS)

    def _turn(self, time: int) -> None:
        """To the session of a time; none where the market was closed then."""
        session = self._calendar.at_or_after(time)
        if time < session.since:
            self._session, self._day = Session("", self._session.until, session.since), None
            return
        self._session = session
        if not self._begun[0] <= session.since < self._begun[1]:
            self._day = None
            return
        day = self._days.setdefault(session.day, Day(session.day, session.since, session.until))
        self._day = day
        self._chain = day.chains.setdefault((self._name, self._partition), Chain(marked=False))

    def _count(self, day: Day, head: Peek | None, missing: int) -> None:
        name = self._name
        day.records[name] = day.records.get(name, 0) + 1
        events = 1 if head is None else 0 if head.schema == END.number else head.items
        day.events[name] = day.events.get(name, 0) + events
        if missing:
            day.gaps[name] = day.gaps.get(name, 0) + missing
        if head is None:
            return
        schema = BY_NUMBER.get(head.schema)
        day.schemas.setdefault(str(head.schema) if schema is None else schema.name, set()).add(head.version)
        if head.schema == PAYLOAD.number:
            day.leaps += head.time < self._last_ns - SET_BACK_NS
            self._last_ns = head.time

    def _missing(self, head: Peek) -> int:
        """Numbers that a writer left out before this record; what repeats is none."""
        expected = self._next.get(head.writer, head.seq)
        self._next[head.writer] = max(expected, head.seq + head.items)
        return 0 if head.writer == RETRY else max(0, head.seq - expected)
