"""When a record of the tape was: its own time, the running maximum of it, and what lies between two times.

Raw payloads go by ``ts_recv``, rows and documents by log time, as their headers have it; a payload without a header by
the log's timestamp. A frame of rows belongs where its first row does. Time never runs backwards here: what is stamped
earlier than the record before it counts as of that one's time. Where a clock was set back by more than an hour, that is
a leap: days tell it, and no range that it touches is taken, so that one range never means two things. All of a tape is
taken whatever its clock did: nothing of it needs a place in time.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from replay.header_peek import Peek, peek
from replay.recording import NO_END
from schemas.catalog import RAW
from schemas.errors import ConfigError
from streams.log import Log, Record

NS_PER_MS = 1_000_000
LOOK_RECORDS = 10_000
"""Records behind a leap in which a clock that was set right again is looked for, at least."""
NEAR_OFFSETS = 65_536
"""A place is found by halving down to so many offsets; the rest is read."""
SET_BACK_NS = 3_600_000_000_000
"""A payload stamped so much before the one before it: its clock had leapt. A place in time is looked for from so much
earlier on, so of stamps out of order by less none is passed over."""


def iso(ns: int) -> str:
    """A time as people read and type it, UTC; its fraction where it has one.

    >>> iso(1_723_161_480 * 10**9), iso(1_723_161_480_500_000_000)
    ('2024-08-08T23:58:00', '2024-08-08T23:58:00.500000000')
    """
    seconds, rest = divmod(ns, 1_000 * NS_PER_MS)
    return str(np.datetime64(seconds, "s")) + (f".{rest:09}" if rest else "")


class Timed(NamedTuple):
    """A record, what its header begins with, and the running maximum of time, ns."""

    record: Record
    head: Peek | None
    time: int


def timed(log: Log, topic: str, partition: int, start: int = 0, *, raw: bool = False) -> Iterator[Timed]:
    """Committed records with their times, from an offset on.

    Raises:
        BrokerError, SnapshotError: It cannot be read.
    """
    newest = 0
    for record in log.scan(topic, partition, start, committed=True):
        head = peek(record.header)
        newest = max(newest, own_time(record, head, raw=raw))
        yield Timed(record, head, newest)


def own_time(record: Record, head: Peek | None, *, raw: bool) -> int:
    """A record's own time, ns; 0 where it has none."""
    if head is not None:
        return head.time
    return record.timestamp_ms * NS_PER_MS if raw and record.header is None else 0


def between(log: Log, topic: str, partition: int, since: int, until: int, *, raw: bool) -> Iterator[Timed]:
    """As ``stretch``, of a partition that still has where it begins.

    Raises:
        ConfigError: Its beginning is no longer there, or its clock leaps.
        BrokerError, SnapshotError: It cannot be read.
    """
    low, _ = log.bounds(topic, partition)
    if low > 0:
        first = next(timed(log, topic, partition, low, raw=raw), None)
        if first is None or first.time >= since:  # where nothing is left, nobody knows of what time it was
            raise removed(topic, partition, low, "the beginning of the range is no longer in the log")
    return stretch(log, topic, partition, since, until, raw=raw)


def stretch(log: Log, topic: str, partition: int, since: int, until: int, *, raw: bool) -> Iterator[Timed]:
    """Records from ``since`` on and before ``until``: one stretch of the partition, as far as it is there.

    Raises:
        ConfigError: Its clock leaps.
        BrokerError, SnapshotError: It cannot be read.
    """
    whole = since <= 0 and until >= NO_END
    before, newest = True, 0
    tape = timed(log, topic, partition, place_before(log, topic, partition, since, raw=raw), raw=raw)
    for entry in tape:
        if raw and newest and not before and not whole:
            _check_leap(entry, newest)
        if entry.time >= until:
            if raw and not whole and (not newest or entry.time > newest + SET_BACK_NS):
                _check_comes_back(tape, entry, newest, until)
            return
        newest = entry.time
        if entry.time >= since:
            before = False
            yield entry


def place_before(log: Log, topic: str, partition: int, time: int, *, raw: bool) -> int:
    """An offset behind which all records of that time or later lie, and not many earlier ones.

    Raises:
        BrokerError, SnapshotError: It cannot be read.
    """
    low, high = log.bounds(topic, partition)
    while high - low > NEAR_OFFSETS and time > SET_BACK_NS:
        middle = (low + high) // 2
        found = 0
        for record in log.scan(topic, partition, middle, committed=True):
            found = own_time(record, peek(record.header), raw=raw)
            if found or record.offset >= high:
                break
        if not 0 < found < time - SET_BACK_NS:
            high = middle
        else:
            low = middle
    return low


def removed(topic: str, partition: int, low: int, told: str, begin: int = 0) -> ConfigError:
    """The error of a pin that needs records below ``low``, from ``begin`` on, which retention took away."""
    got = f"offsets {begin} to {low - 1} are removed" if begin else f"offsets below {low} are removed"
    return ConfigError(
        told, kind="pin_removed", got=got, allowed="a log, or an archive, that reaches further back",
        where=f"{topic}[{partition}]",
    )  # fmt: skip


def lost(log: Log, topic: str) -> list[str]:
    """What of a topic retention took away and no archive has, in words: a line a partition.

    Raises:
        BrokerError: It cannot be told.
    """
    lows = ((partition, log.bounds(topic, partition)[0]) for partition in range(log.partitions(topic)))
    return [f"offsets below {low} of {topic}[{partition}] are removed" for partition, low in lows if low > 0]


def _check_leap(entry: Timed, newest: int) -> None:
    """Refuse a clock that was ahead and was set back: where its records belong is not known."""
    head = entry.head
    if head is not None and head.schema == RAW.number and head.time < newest - SET_BACK_NS:
        raise _leaps(newest - head.time, entry.record)


def _check_comes_back(tape: Iterator[Timed], entry: Timed, newest: int, until: int) -> None:
    """A leap over the end is a pause of the market, unless what follows is of the range again.

    A clock that leapt is set back before the range ends, so within as much of its own time as the range had left: that
    is looked through, however many payloads it holds. Of a tape that begins behind the end nobody knows how much.
    """
    end = entry.time + (until - newest if newest else 0)
    for n, later in enumerate(tape):
        if n >= LOOK_RECORDS and later.time >= end:
            return
        head = later.head
        if head is not None and head.schema == RAW.number and head.time < min(until, entry.time - SET_BACK_NS):
            raise _leaps(entry.time - (newest or head.time), entry.record)


def _leaps(by_ns: int, record: Record) -> ConfigError:
    return ConfigError(
        "the clock of the recording leaps", kind="clock_leaps", got=f"{by_ns / 1e9:.0f} s ahead, and back",
        allowed=f"{SET_BACK_NS / 1e9:.0f} s",
        where=f"{record.topic}[{record.partition}]@{record.offset}",
        fix="take what lies on either side of it by itself",
    )  # fmt: skip
