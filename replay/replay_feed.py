"""Publishes recorded payloads, or ticks, into a replay's own topic: open loop at their recorded spacing, or flat out.

Each keeps its number, its writer and its receive time. Only the stamp from which latency counts is new: the time at
which it was due. What leaves late is late by that stamp, and the feed says from when on the machine could not keep up.
"""

from __future__ import annotations

import heapq
import struct
from collections.abc import Iterator
from typing import NamedTuple

import msgspec
import numpy as np

from replay.due import Due
from replay.recording import RAW_TOPIC, Recording, time_of
from replay.stress import STALL_NS, Stress
from replay.tick_stretch import ticks_due
from schemas.catalog import END
from schemas.codec import encode
from schemas.control import End
from schemas.header import Header, pack
from schemas.topics import topic_name
from streams.clock import sleep_s, wall_ns
from streams.flushing import flush_all
from streams.inputs import carried_header, is_carried
from streams.log import Log

BURST_MAX = 256
"""Records handed over before the feed looks at the clock again."""
BURST_BYTES_MAX = 4 * 1024 * 1024
"""Bytes of values after which it does so too: in between others work off what was sent."""
NAP_S_MAX = 0.002
"""Longest sleep while waiting for the next due time."""
BEHIND_NS = 100_000_000
"""A record that leaves so long after it was due: the machine does not keep up."""
NANOS = 1_000_000_000
_BORN = struct.Struct("<q")
CALM = Stress()


class Behind(NamedTuple):
    """How far behind its schedule a feed was.

    Attributes:
        since: Log time at which it first was, ns; 0: never.
        most_ns: The longest that anything was late.
    """

    since: int
    most_ns: int


class ReplayFeed:
    """One replay's feed; a later life goes on where the log says that the one before stopped.

    Args:
        log: Where it writes: guarded by the replay's namespace.
        recording: What it plays.
        namespace: Of the replay.
        table_name: The topic that it writes.
        run: For the end record.
        speed: Log seconds per wall second; 0 as fast as it goes.
        origin_ns: Wall time at which the first record is due.
        stress: What is done to the input.

    Attributes:
        done: The end record has been published.
        sent: Records published, by all lives.
        time: Log time of the newest, ns.
        struck: Payloads that each fault of the line has struck, by all lives.
    """

    def __init__(
        self, log: Log, recording: Recording, namespace: str, table_name: str, *, run: str, speed: float,
        origin_ns: int, stress: Stress = CALM,
    ) -> None:  # fmt: skip
        self.done = False
        self.sent = 0
        self.time = 0
        self.behind = Behind(0, 0)
        self._appender = log.appender()
        self._topic = topic_name(namespace, table_name, recording.source)
        self._raw = table_name == RAW_TOPIC
        self._partitions = sorted(recording.begin)
        self._writers = {
            p: recording.source if self._raw else recording.writer_of(table_name, p) for p in self._partitions
        }
        self._next = dict.fromkeys(self._partitions, 0)
        self._run, self._speed, self._origin_ns = run, speed, origin_ns
        self._first: int | None = None
        self._stopping = False
        self._held: Due | None = None
        self._stress = stress
        self._stalls = [fault.at_ns for fault in stress.faults if fault.kind == "stall"]
        self.struck = [0] * len(stress.faults)
        large = not self._raw and not speed and not stress.faults
        self._records = stress.line(merged(recording, table_name, large=large), self.struck)
        # A life that died left of each partition what the broker had taken by then: not the same share of each.
        self._there = {p: log.bounds(self._topic, p)[1] for p in self._partitions}
        if any(self._there.values()):
            self._held = self._next_unsent()

    @property
    def first(self) -> int:
        """Log time of the first record, ns; 0 before any."""
        return self._first or 0

    def stop(self) -> None:
        """End early: the end record follows what has been sent."""
        self._stopping = True

    def turn(self, wait_s: float) -> bool:
        """Publish what is due, at most ``BURST_MAX`` or so many bytes; sleeps a little when nothing is."""
        if self.done:
            return False
        sent = 0
        for _ in range(BURST_MAX):
            held, self._held = self._held, None
            if self._stopping:
                self._drain()
            due = None if self._stopping else held or self._next_unsent()
            if due is None:
                self._finish()
                return True
            self._stall(due.time)
            now, at = wall_ns(), self._due(due.time)
            if self._speed and at > now:
                self._held = due
                self._appender.flush(0)
                sleep_s(min((at - now) / NANOS, max(wait_s, NAP_S_MAX)))
                return True
            if self._speed and now - at > self.behind.most_ns:
                since = self.behind.since or (due.time if now - at > BEHIND_NS else 0)
                self.behind = Behind(since, now - at)
            self._publish(due, at if self._speed else now)
            self._count(due)
            sent += len(due.record.value)
            if sent > BURST_BYTES_MAX:
                break
        return True

    def close(self) -> None:
        """Release the producer."""
        self._appender.close()

    def _next_unsent(self) -> Due | None:
        """The next record that no life before has sent; those before it are counted."""
        for due in self._records:
            if self._there[due.partition] <= 0:
                return due
            self._there[due.partition] -= 1
            self._count(due)
        return None

    def _drain(self) -> None:
        """Count all that a life before has sent: the end record goes on behind its last number, and says how many."""
        while any(left > 0 for left in self._there.values()) and self._next_unsent() is not None:
            pass

    def _stall(self, time: int) -> None:
        """Send nothing for a while where a stall was asked for; what follows is late by it."""
        if self._stalls and time - (time if self._first is None else self._first) >= self._stalls[0]:
            self._stalls.pop(0)
            flush_all(self._appender, self._topic)
            sleep_s(STALL_NS / NANOS)

    def _due(self, time: int) -> int:
        if not self._speed:
            return 0
        self._first = time if self._first is None else self._first
        return self._origin_ns + int(self._stress.offset_ns(max(time, self.time) - self._first) / self._speed)

    def _count(self, due: Due) -> None:
        self._first = due.time if self._first is None else self._first
        self.sent += 1
        self.time = max(self.time, due.time)
        if due.header is not None and not is_carried(due.header) and due.header.writer == self._writers[due.partition]:
            self._next[due.partition] = due.header.seq + due.header.count

    def _publish(self, due: Due, born: int) -> None:
        record, header = due.record, due.header
        packed = record.header
        if packed is None and self._raw:
            packed = pack(carried_header(record))
        elif packed is not None and header is not None and not is_carried(header):
            if self._raw:  # one stamp, and it stands last
                packed = packed[: -_BORN.size] + _BORN.pack(born)
            else:
                stamps = np.full((1, 1 + 2 * len(header.hops)), born, dtype=np.int64)
                packed = pack(msgspec.structs.replace(header, stamps=stamps, sides=()))
        self._appender.append(self._topic, due.partition, record.key, record.value, packed)

    def _finish(self) -> None:
        value = encode(End(run=self._run, ts=max(self.time, 0), inputs=self.sent))
        for partition in self._partitions:
            header = Header(
                schema=END.number, version=END.version, seq=self._next[partition], time=self.time,
                writer=self._writers[partition],
            )  # fmt: skip
            self._appender.append(self._topic, partition, b"", value, pack(header))
        flush_all(self._appender, self._topic)
        self.done = True


def merged(recording: Recording, table_name: str, *, large: bool = False) -> Iterator[Due]:
    """What is played, of all partitions, by log time; within a partition as it was recorded, or in large frames."""
    found = [
        _payloads_due(recording, p) if table_name == RAW_TOPIC else ticks_due(recording, table_name, p, large=large)
        for p in sorted(recording.begin)
    ]
    return found[0] if len(found) == 1 else heapq.merge(*found, key=lambda due: due[:2])


def _payloads_due(recording: Recording, partition: int) -> Iterator[Due]:
    time = 0
    for record, header in recording.scan(RAW_TOPIC, partition, recording.begin[partition]):
        if record.offset >= recording.end[partition]:
            return
        if header is not None and header.schema == END.number:
            continue
        if record.header is None or header is not None:
            time = max(time, time_of(record, header))
        yield Due(time, partition, record, header)
