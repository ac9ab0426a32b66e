"""Times that the live tape carries: the clock's newest, and how long after the venue's time ticks were received."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from operations.live_run import newest
from schemas.catalog import TICK_SCHEMA
from schemas.clock import Clock
from schemas.codec import decode
from schemas.errors import BadInput
from schemas.header import unpack
from schemas.topics import topic_name
from streams.frame import decode_rows
from streams.log import Log, Record

RECORDS = 256
"""Newest offsets of ticks that are looked at, markers included."""


@dataclass(frozen=True, slots=True)
class TickTimes:
    """Times of the newest ticks, ns.

    Attributes:
        lags: ``ts_recv - ts_event`` of each that has an event time.
        newest_recv: The latest ``ts_recv``.
    """

    lags: tuple[int, ...]
    newest_recv: int


def clock_ns(log: Log) -> int | None:
    """Time that the newest record of ``clock`` carries; None where there is none that can be read.

    Raises:
        BrokerError: The log cannot be read.
    """
    record = newest(log, topic_name("", "clock"))
    try:
        return None if record is None else decode(record.value, Clock).ts
    except BadInput:
        return None


def tick_times(log: Log, source: str) -> TickTimes | None:
    """Times of the newest ticks of the live run; None where there are none.

    Raises:
        BrokerError: The log cannot be read.
    """
    topic = topic_name("", "ticks.<source>", source)
    lags: list[int] = []
    latest = 0
    for record in _newest(log, topic):
        try:
            header = unpack(record.header or b"")
            if header.schema != TICK_SCHEMA.number:
                continue
            rows = decode_rows(header.schema, header.version, record.value, header.count)
        except BadInput:  # a stranger's, which every task refuses as well
            continue
        latest = max(latest, int(rows["ts_recv"].max()))
        timed = rows[rows["ts_event"] > 0]
        lags += (timed["ts_recv"].astype(np.int64) - timed["ts_event"].astype(np.int64)).tolist()
    return TickTimes(tuple(lags), latest) if latest else None


def _newest(log: Log, topic: str) -> Iterator[Record]:
    """The newest records of every partition."""
    for partition in range(log.partitions(topic)):
        low, high = log.bounds(topic, partition)
        if high > low:
            yield from log.scan(topic, partition, max(low, high - RECORDS), committed=False)
