"""Windows of ``ticks.<source>``: rate, gaps, staleness, skew and suspect ticks of each instrument of a partition.

A window is over when a tick of a later one comes, or the run's end. It tells of every instrument that the partition
has had so far: of a silent one, how long it has been silent. So its documents hold all that the next window needs.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from monitoring.place_health import Carry, NameOf, Spot
from schemas.catalog import END, TICK_SCHEMA
from schemas.errors import BadFrame
from schemas.feed_health import FeedHealth
from schemas.header import unpack
from schemas.tick import (
    ACTION_TRADE,
    FLAG_CROSSED,
    FLAG_DEPTH_UNSYNCED,
    FLAG_OUT_OF_ORDER,
    FLAG_RETRACTION,
    FLAG_SUSPECT,
)
from streams.agent import Rows
from streams.frame import decode_rows
from streams.log import Place, Record

SUSPECT = FLAG_DEPTH_UNSYNCED | FLAG_OUT_OF_ORDER | FLAG_CROSSED | FLAG_SUSPECT
"""A tick with one of these flags is suspect."""


@dataclass(slots=True)
class _Seen:
    """One instrument: what it has had in the window, and when it was last heard of."""

    last_ts: int
    synced: bool
    ticks: int = 0
    trades: int = 0
    suspect: int = 0
    out_of_order: int = 0
    retracted: int = 0
    gaps: int = 0
    stale_ns: int = 0
    timed: int = 0
    skew_sum: int = 0
    skew_min: int = 0
    skew_max: int = 0

    def add(self, rows: Rows) -> None:
        """Take in ticks of it, in order."""
        flags = rows["flags"]
        unsynced = (flags & FLAG_DEPTH_UNSYNCED) != 0
        self.ticks += len(rows)
        self.trades += int(np.count_nonzero(rows["action"] == ACTION_TRADE))
        self.suspect += int(np.count_nonzero(flags & SUSPECT))
        self.out_of_order += int(np.count_nonzero(flags & FLAG_OUT_OF_ORDER))
        self.retracted += int(np.count_nonzero(flags & FLAG_RETRACTION))
        self.gaps += int(self.synced and unsynced[0]) + int(np.count_nonzero(unsynced[1:] & ~unsynced[:-1]))
        times = rows["ts_log"]
        self.stale_ns = max(self.stale_ns, int(times[0]) - self.last_ts, int(np.diff(times).max(initial=0)))
        self.last_ts, self.synced = max(self.last_ts, int(times[-1])), not bool(unsynced[-1])
        timed = rows["ts_event"] > 0
        if timed.any():
            skews = (rows["ts_recv"][timed] - rows["ts_event"][timed]).tolist()
            least, most = min(skews), max(skews)
            self.skew_min = min(self.skew_min, least) if self.timed else least
            self.skew_max = max(self.skew_max, most) if self.timed else most
            self.timed += len(skews)
            self.skew_sum += sum(skews)  # of Python's integers: a venue's time may be anything


class TickHealth:
    """Implements ``monitoring.place_health.Health`` for a partition of ticks.

    Args:
        source: Whose ticks.
        place: Topic and partition.
        window_ns: Length of a window.
        name_of: Names instruments.
        carry: Where to go on, from the documents of an earlier window; None: from the first record.
    """

    def __init__(self, source: str, place: Place, window_ns: int, name_of: NameOf, carry: Carry | None = None) -> None:
        self._source, self._place, self._window_ns, self._name_of = source, place, window_ns, name_of
        self._from = carry.at if carry is not None else Spot(-1)
        standings = carry.standings if carry is not None else {}
        self._seen = {number: _Seen(s.last_ts, s.synced) for number, s in standings.items()}
        self._begin: Spot | None = None
        self._window = self._now = 0

    def take(self, record: Record) -> list[FeedHealth]:
        """The documents of the windows that this record ends, in order; what is no frame of ticks is passed over."""
        if record.offset < self._from.offset or record.header is None:
            return []
        try:
            header = unpack(record.header)
            if header.schema == END.number:
                return list(self._close(Spot(record.offset), self._now))
            if header.schema != TICK_SCHEMA.number:
                return []
            rows = decode_rows(header.schema, header.version, record.value, header.count)
        except BadFrame:
            return []
        first = self._from.row if record.offset == self._from.offset else 0
        return list(self._frame(record.offset, first, rows))

    def _frame(self, offset: int, first: int, rows: Rows) -> Iterator[FeedHealth]:
        windows = rows["ts_log"] // self._window_ns
        while first < len(rows):
            if self._begin is not None and windows[first] > self._window:
                yield from self._close(Spot(offset, first), (self._window + 1) * self._window_ns)
            if self._begin is None:
                self._begin, self._window, self._now = Spot(offset, first), int(windows[first]), 0
            later = np.flatnonzero(windows[first:] > self._window)
            upto = first + int(later[0]) if len(later) else len(rows)
            self._add(rows[first:upto])
            first = upto

    def _add(self, rows: Rows) -> None:
        numbers = rows["instrument_id"]
        self._now = max(self._now, int(rows["ts_log"].max()))
        for number in np.unique(numbers).tolist():
            own = rows[numbers == number]
            seen = self._seen.get(number)
            if seen is None:
                seen = self._seen[number] = _Seen(int(own["ts_log"][0]), False)
            seen.add(own)

    def _close(self, end: Spot, until: int) -> Iterator[FeedHealth]:
        """Documents of the window that ends at a place, and at a log time."""
        if self._begin is None:
            return
        begin, self._begin = self._begin, None
        for part, number in enumerate(sorted(self._seen)):
            s = self._seen[number]
            timed = s.timed > 0
            yield FeedHealth(
                source=self._source, instrument=self._name_of(number), instrument_id=number,
                window_start=self._window * self._window_ns, window_ns=self._window_ns,
                topic=self._place[0], partition=self._place[1], begin_offset=begin.offset, begin_row=begin.row,
                end_offset=end.offset, end_row=end.row, part=part, parts=len(self._seen),
                ticks=s.ticks, trades=s.trades, suspect=s.suspect, out_of_order=s.out_of_order, gaps=s.gaps,
                stale_ns=max(s.stale_ns, until - s.last_ts),
                skew_ns_min=s.skew_min if timed else None, skew_ns_max=s.skew_max if timed else None,
                skew_ns_mean=s.skew_sum // s.timed if timed else None, last_ts=s.last_ts, synced=s.synced,
                retracted=s.retracted,
            )  # fmt: skip
            self._seen[number] = _Seen(s.last_ts, s.synced)
