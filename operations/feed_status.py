"""What became of what a source has published: received, accepted, refused and why. By the log alone, from any host.

A payload counts as accepted when normalise has committed past it and it is not in ``dlq``. Read in one pass, and from
then on what comes; what is kept does not grow with what is read.
"""

from __future__ import annotations

from collections import Counter, OrderedDict, deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from agents.topology import TaskHops, deployed
from operations.letters import DLQ, filed_of
from operations.live_run import opened
from schemas.catalog import RAW
from schemas.control import RunOpened
from schemas.errors import BadFrame, ConfigError
from schemas.header import Header, unpack
from schemas.topics import topic_name
from streams.admission import RETRY
from streams.frame import decode_rows
from streams.log import Log, Record
from streams.progress import progress

LAST_DEFAULT = 100_000
"""Newest payloads of each partition that are looked at, unless all are asked for."""
SESSIONS_MAX = 16
"""Publishers told apart on a partition; the oldest is forgotten."""
KINDS_MAX = 64
"""Kinds of refusals told apart; further ones count under their class."""
PLACES_MAX = 3
"""Newest places named of a kind."""
RATE_S = 60
"""Seconds over which the rate is taken."""
SKEW_RECORDS = 64
"""Newest records of ticks from which the skew is taken."""
NANOS_PER_MS = 1_000_000


@dataclass(slots=True)
class Refused:
    """Payloads refused for one reason: how many, and the newest of them as (input, number in ``dlq``)."""

    count: int = 0
    places: deque[tuple[str, str]] = field(default_factory=lambda: deque(maxlen=PLACES_MAX))


@dataclass(slots=True)
class _Partition:
    start: int
    at: int
    payloads: int = 0
    repeats: int = 0
    stock: int = 0
    put_back: int = 0
    next_seq: int = -1
    ended_at: int = -1
    sessions: OrderedDict[int, int] = field(default_factory=OrderedDict)
    session: int = 0
    crossed: set[int] = field(default_factory=set)


class FeedStatus:
    """Follows one live source.

    Args:
        log: Where.
        source: Its name: the topic is ``raw.<source>``.
        last: Newest payloads of each partition to begin with; 0: all that are there.

    Raises:
        ConfigError: Nothing was ever published under that name.
        BrokerError: The log cannot be read.
    """

    def __init__(self, log: Log, source: str, last: int = LAST_DEFAULT) -> None:
        self._log, self.source = log, source
        self.topic = topic_name("", "raw.<source>", source)
        count = log.partitions(self.topic)
        if not count:
            known = ", ".join(name.removeprefix("raw.") for name in log.names("raw.")) or "none yet"
            raise ConfigError(
                "no such source", kind="no_source", got=source, allowed=known, fix="it is there once it has published"
            )
        self._partitions: list[_Partition] = []
        for partition in range(count):
            low, high = log.bounds(self.topic, partition)
            start = max(low, high - last) if last else low
            self._partitions.append(_Partition(start, start))
        self._letters_at: dict[int, int] = {}
        self._refused: dict[str, Refused] = {}
        self._seconds: Counter[int] = Counter()
        self._newest: tuple[int, int] = (0, 0)
        self._gaps: tuple[tuple[int | None, ...], int | None] = ((), None)

    def look(self) -> dict[str, Any]:
        """Take in what has come, and tell how things stand.

        Raises:
            BrokerError: The log cannot be read.
        """
        found = opened(self._log)
        run = found.run if found is not None and found.run.source == self.source else None
        positions = tuple(self._positions(run))
        for partition, seen in enumerate(self._partitions):
            for record in self._log.scan(self.topic, partition, seen.at, committed=True):
                seen.at = record.offset + 1
                self._take(seen, record)
        for filed in self._letters():
            self._refuse(filed)
        return self._told(run, positions)

    def _take(self, seen: _Partition, record: Record) -> None:
        try:
            header = None if record.header is None else unpack(record.header)
        except BadFrame:
            header = None  # it is refused, and counts as a payload that was
        if header is not None and header.schema != RAW.number:
            seen.ended_at = record.offset
            return
        seen.payloads += 1
        received_ms = record.timestamp_ms or (0 if header is None else header.time // NANOS_PER_MS)
        second = received_ms // 1_000
        self._seconds[second] += 1
        if len(self._seconds) > 2 * RATE_S:
            self._seconds = Counter({s: n for s, n in self._seconds.items() if s > max(self._seconds) - RATE_S})
        ts_recv = received_ms * NANOS_PER_MS if header is None else header.time
        self._newest = max(self._newest, (received_ms, ts_recv))
        if header is None:
            seen.stock += 1
        elif header.writer == RETRY:
            seen.put_back += 1
        elif header.writer == self.source:
            self._number(seen, header)

    def _number(self, seen: _Partition, header: Header) -> None:
        """Repeats, and publishers: one that goes on after another has begun has not ended before it."""
        if 0 <= header.seq < seen.next_seq and header.cause == 0:
            seen.repeats += 1
        seen.next_seq = max(seen.next_seq, header.seq + 1)
        if header.cause != seen.session:
            if header.cause in seen.sessions:
                seen.crossed |= {header.cause, seen.session}
            seen.session = header.cause
        seen.sessions[header.cause] = seen.sessions.get(header.cause, 0) + 1
        while len(seen.sessions) > SESSIONS_MAX:
            seen.crossed.discard(seen.sessions.popitem(last=False)[0])

    def _letters(self) -> Iterator[Any]:
        dlq = topic_name("", DLQ)
        for partition in range(self._log.partitions(dlq)):
            for record in self._log.scan(dlq, partition, self._letters_at.get(partition, 0), committed=True):
                self._letters_at[partition] = record.offset + 1
                filed = filed_of(record)
                if filed is None or filed.letter.topic != self.topic or filed.letter.partition >= len(self._partitions):
                    continue
                if filed.letter.offset >= self._partitions[filed.letter.partition].start:
                    yield filed

    def _refuse(self, filed: Any) -> None:
        kind = filed.letter.kind or filed.letter.code
        if kind not in self._refused and len(self._refused) >= KINDS_MAX:
            kind = kind.partition(".")[0]
        refused = self._refused.setdefault(kind, Refused())
        refused.count += 1
        number = f"{filed.partition}/{filed.offset}" if filed.partition else str(filed.offset)
        refused.places.append((filed.place, number))

    def _positions(self, run: RunOpened | None) -> Iterator[int | None]:
        """By partition: the offset up to which normalise has committed; None where it never has."""
        for partition in range(len(self._partitions)):
            task = task_of(run, partition)
            found = None
            if task is not None and self._log.partitions("state") > task.state_partition:
                found = progress(
                    self._log, state_topic="state", state_partition=task.state_partition, task=task.name,
                    input_topic=self.topic, input_partition=partition,
                )  # fmt: skip
            yield None if found is None else found.offset

    def _told(self, run: RunOpened | None, positions: tuple[int | None, ...]) -> dict[str, Any]:
        waiting = [self._waiting(seen, at) for seen, at in zip(self._partitions, positions, strict=True)]
        received = sum(seen.payloads for seen in self._partitions)
        repeats = sum(seen.repeats for seen in self._partitions)
        rejected = sum(refused.count for refused in self._refused.values())
        newest_ms, ts_recv = self._newest
        skew_ms, newest_tick = self._skew()
        return {
            "source": self.source, "topic": self.topic, "run": None if run is None else run.run,
            "since": {str(p): seen.start for p, seen in enumerate(self._partitions)},
            "received": received, "accepted": max(0, received - repeats - rejected - sum(waiting)),
            "rejected": rejected, "repeated": repeats, "waiting": sum(waiting),
            "by_reason": {
                kind: {"count": r.count, "places": [{"input": i, "letter": n} for i, n in reversed(r.places)]}
                for kind, r in sorted(self._refused.items(), key=lambda item: -item[1].count)
            },
            "rate_per_s": self._rate(newest_ms // 1_000),
            "lag": {str(p): lag for p, lag in enumerate(waiting)},
            "gaps": self._count_gaps(run, positions), "skew_ms": skew_ms,
            "last_seen": newest_ms * NANOS_PER_MS, "last_ts_recv": ts_recv, "last_tick": newest_tick,
            "by_stock_producers": sum(seen.stock for seen in self._partitions),
            "put_back": sum(seen.put_back for seen in self._partitions),
            "publishers": {
                str(p): {
                    "newest": seen.session, "seen": len(seen.sessions), "at_once": len(seen.crossed),
                }
                for p, seen in enumerate(self._partitions) if seen.sessions
            },
        }  # fmt: skip

    @staticmethod
    def _waiting(seen: _Partition, position: int | None) -> int:
        at = max(seen.start, seen.start if position is None else position)
        return max(0, seen.at - at - (1 if seen.ended_at >= at else 0)) if seen.payloads else 0

    def _rate(self, newest: int) -> float:
        recent = {second: n for second, n in self._seconds.items() if second > newest - RATE_S}
        return round(sum(recent.values()) / (newest - min(recent) + 1), 3) if recent else 0.0

    def _skew(self) -> tuple[float | None, int]:
        """Median of receive minus venue time over the newest ticks, ms; and the newest tick's receive time."""
        topic = topic_name("", "ticks.<source>", self.source)
        skews: list[Any] = []
        newest = 0
        for partition in range(self._log.partitions(topic)):
            low, high = self._log.bounds(topic, partition)
            for record in self._log.scan(topic, partition, max(low, high - SKEW_RECORDS), committed=True):
                try:
                    header = unpack(record.header or b"")
                    rows = decode_rows(header.schema, header.version, record.value, header.count)
                except BadFrame:
                    continue
                if rows.dtype.names is not None and "ts_event" in rows.dtype.names:
                    timed = rows[rows["ts_event"] > 0]
                    skews.append((timed["ts_recv"] - timed["ts_event"]).astype(np.float64))
                    newest = max(newest, int(rows["ts_recv"].max()))
        told = np.concatenate(skews) if skews else np.empty(0)
        return (round(float(np.median(told)) / NANOS_PER_MS, 3) if len(told) else None), newest

    def _count_gaps(self, run: RunOpened | None, positions: tuple[int | None, ...]) -> int | None:
        """Holes in the source's own ids, as normalise has counted them; None where nobody has."""
        if run is None or all(position is None for position in positions):
            return None
        if self._gaps[0] != positions:
            from agents.context import read_context
            from agents.normalise import Normalise
            from streams.snapshot import newest

            stage = Normalise(read_context(self._log, ""))
            count = 0
            for partition in range(len(positions)):
                task = task_of(run, partition)
                snapshot = None if task is None else newest(self._log, "state", task.state_partition, task.name)
                count += 0 if snapshot is None else stage.gaps(snapshot.agents[0])
            self._gaps = (positions, count)
        return self._gaps[1]


def task_of(run: RunOpened | None, partition: int) -> TaskHops | None:
    """The task that normalises a partition of the live run; None where none does."""
    tasks = () if run is None else deployed(run)
    return next((t for t in tasks if t.hops[0] == "normalise" and t.input_partition == partition), None)
