"""Latencies of a run from its committed topics: whole, over time, in bursts and out of them, at its start and later.

The run's time is cut into at most ``SLICES_MAX`` slices. A slice is a **burst** where more than ``BURST_FACTOR`` times
the median slice's ticks came; the first ``COLD_S`` seconds are **cold**. Each slice of each interval is one histogram,
which is kept only until its figures are taken, so that a run of any length needs the same memory.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from hdrh.log import HistogramLogWriter

from agents.topology import partitions_of
from replay.acknowledged import Acknowledged
from replay.hdr import Hdr
from replay.hops import BORN, INTERVALS, HopLatencies, HopSummary, Interval
from replay.items import records
from replay.shape import Shape
from schemas.errors import BadInput
from schemas.header import HOP_NUMBER, Header, unpack
from streams.log import Log

SLICES_MAX = 240
"""Slices of a run's time, at most."""
SLICE_S_MIN = 0.05
BURST_FACTOR = 3.0
SPIKE_FACTOR = 5.0
"""A slice's p99 above so many times the interval's median slice is a spike."""
COLD_S = 2.0
"""The start of a run: processes are fresh, caches are cold."""
CURVE = (0.0, 10.0, 25.0, 50.0, 75.0, 90.0, 95.0, 99.0, 99.5, 99.9, 99.95, 99.99, 99.999, 100.0)
"""Percentiles of a curve."""
NANOS = 1_000_000_000
US_NS = 1_000
CLASSES = ("burst", "calm", "cold", "warm")

OnProgress = Callable[[str, int], None]


@dataclass(frozen=True, slots=True)
class Slice:
    """One interval in one slice of time; us."""

    at: int
    count: int
    p50_us: float
    p99_us: float
    max_us: float


@dataclass
class Measured:
    """A run's latencies.

    Attributes:
        start_ns: Wall time of its first scheduled publication.
        slice_s: Length of a slice.
        ticks: Ticks scheduled in each slice.
        bursts: Whether each slice is one.
        hops: All of it, as the run's summary has it.
        classes: By class (``CLASSES``).
        series: Slices by interval, in their order, those with values alone.
    """

    start_ns: int
    slice_s: float
    ticks: list[int]
    bursts: list[bool]
    hops: HopLatencies
    classes: dict[str, HopLatencies]
    series: dict[str, list[Slice]] = field(default_factory=dict)

    def summary(self) -> dict[str, HopSummary]:
        """Figures of every interval."""
        return self.hops.summary()

    def curve(self, name: str) -> list[tuple[float, float]]:
        """(percentile, us) of an interval, as far as so many values can tell; empty where nothing was counted."""
        if name not in self.hops.intervals or not self.hops.intervals[name].count:
            return []
        hdr = self.hops.intervals[name]
        told = [p for p in CURVE if p == 100.0 or hdr.count * (100.0 - p) >= 100.0]
        return [(p, v / US_NS) for p, v in zip(told, hdr.percentiles_ns(told), strict=True)]

    def end_of(self, name: str) -> float:
        """Percentile at which an interval's longest value lies."""
        count = self.hops.intervals[name].count if name in self.hops.intervals else 0
        return 100.0 * (1.0 - 0.5 / max(count, 1))

    def spikes(self) -> dict[int, list[str]]:
        """Slices in which two intervals or more spiked at once, and which; ``tick_to_order`` spans all, and is none."""
        found: dict[int, list[str]] = {}
        for name, slices in self.series.items():
            if name == "tick_to_order" or len(slices) < 2:
                continue
            usual = float(np.median([s.p99_us for s in slices]))
            for one in slices:
                if one.p99_us > SPIKE_FACTOR * usual:
                    found.setdefault(one.at, []).append(name)
        return {at: names for at, names in sorted(found.items()) if len(names) > 1}


def measure(
    log: Log, shape: Shape, hlog: Path | None = None, on_progress: OnProgress = lambda _what, _n: None
) -> Measured:
    """Read a run's headers.

    Args:
        log: Where.
        shape: The run.
        hlog: Folder for one ``<interval>.hlog`` each, an interval line a slice, ns; None: none are written.
        on_progress: Hears how many records are behind.

    Raises:
        BrokerError: The log cannot be read.
        OSError: The folder cannot be written.
    """
    reading = _Reading(log, shape, on_progress)
    start_ns, slice_s, ticks = reading.rates()
    usual = float(np.median([n for n in ticks if n] or [0]))
    split, external = shape.opened.split, bool(shape.opened.gateway)
    measured = Measured(
        start_ns, slice_s, ticks, [n > BURST_FACTOR * usual for n in ticks],
        HopLatencies(split=split, external=external),
        {name: HopLatencies(split=split, external=external) for name in CLASSES},
    )  # fmt: skip
    if hlog is not None:
        hlog.mkdir(parents=True, exist_ok=True)
    for interval in INTERVALS:
        if interval.name in measured.hops.intervals:
            with _Written(hlog, interval.name, start_ns) as written:
                measured.series[interval.name] = reading.slices(interval, measured, written)
    return measured


class _Written:
    """The ``.hlog`` of one interval; does nothing without a folder."""

    def __init__(self, folder: Path | None, name: str, start_ns: int) -> None:
        self._path = None if folder is None else folder / f"{name}.hlog"
        self._name = name
        self._start_ns = start_ns
        self._file: Any = None

    def add(self, hdr: Hdr) -> None:
        """One slice."""
        if self._file is not None:
            self._writer.output_interval_histogram(hdr.histogram(), max_value_unit_ratio=1_000_000.0)

    def __enter__(self) -> _Written:
        if self._path is not None:
            self._file = self._path.open("w", encoding="ascii")
            self._writer: Any = HistogramLogWriter(self._file)
            self._writer.output_log_format_version()
            self._writer.output_comment(f"[Tapedeck: {self._name}, nanoseconds, weighted by rows, a line a slice]")
            start_s = self._start_ns // 1_000_000 / 1_000  # as the lines have it: a start behind the first loses it
            self._writer.output_comment(f"[StartTime: {start_s:f} (seconds since epoch)]")
            self._writer.output_base_time(0)
            self._writer.output_legend()
        return self

    def __exit__(self, *exception: object) -> None:
        if self._file is not None:
            self._file.close()


class _Reading:
    def __init__(self, log: Log, shape: Shape, on_progress: OnProgress) -> None:
        self._log = log
        self._shape = shape
        self._on_progress = on_progress

    def rates(self) -> tuple[int, float, list[int]]:
        """Start of the run, length of a slice, and ticks scheduled in each."""
        first = last = 0
        for header in self._headers("ticks.<source>", "rates"):
            born, out = int(header.stamps[0, 0]), int(header.stamps[-1, -1])
            first = min(first, born) if first and born else first or born
            last = max(last, out)
        seconds = max(last - first, 0) / NANOS
        slice_s = max(seconds / SLICES_MAX, SLICE_S_MIN)
        counts = np.zeros(int(seconds / slice_s) + 1, dtype=np.int64)
        self._first, self._slice_ns = first, int(slice_s * NANOS)
        for header in self._headers("ticks.<source>", "rates"):
            at = np.clip((header.stamps[:, 0] - first) // self._slice_ns, 0, len(counts) - 1)
            if len(at) == 1:
                counts[at[0]] += header.count
            else:
                counts += np.bincount(at, minlength=len(counts))
        self._slices = len(counts)
        return first, slice_s, counts.tolist()

    def slices(self, interval: Interval, measured: Measured, written: _Written) -> list[Slice]:
        """One interval over time; adds to the whole and to its classes."""
        series: list[Slice] = []
        hdr, at = Hdr(), 0
        for header in self._headers(interval.topic, interval.name):
            if header.schema != interval.schema.number:
                continue
            start, end = _column(interval.start, header.hops), _column(interval.end, header.hops)
            if start is None or end is None:
                continue
            stamp = int(header.stamps[0, end])
            now = min(max((stamp - self._first) // self._slice_ns, at), self._slices - 1) if stamp else at
            if now != at:
                self._close(interval.name, hdr, at, series, measured, written)
                hdr, at = Hdr(), now
            hdr.record_between(header.stamps, start, end, header.count)
        self._close(interval.name, hdr, at, series, measured, written)
        return series

    def _close(self, name: str, hdr: Hdr, at: int, series: list[Slice], measured: Measured, written: _Written) -> None:
        measured.hops.intervals[name].merge(hdr)
        if not hdr.count:
            return
        burst, cold = measured.bursts[at], at * measured.slice_s < COLD_S
        for of in ("burst" if burst else "calm", "cold" if cold else "warm"):
            measured.classes[of].intervals[name].merge(hdr)
        p50, p99 = (v / US_NS for v in hdr.percentiles_ns([50.0, 99.0]))
        series.append(Slice(at, hdr.count, p50, p99, hdr.max_ns / US_NS))
        written.add(hdr)

    def _headers(self, table_name: str, what: str) -> Any:
        """Headers with stamps of a topic's own writers; of an order's reports the first alone."""
        topic = self._shape.topic(table_name)
        acknowledged = Acknowledged()
        if table_name == "executions" and self._shape.opened.gateway:
            for record, _ in records(self._log, self._shape, "orders", 0):
                if (order := None if record.header is None else _header(record.header)) is not None:
                    acknowledged.joined("orders", order, record.value)
        done = 0
        for partition in range(
            min(self._log.partitions(topic), partitions_of(table_name, self._shape.opened.partitions))
        ):
            known = self._shape.writers(table_name, partition)
            for record, head in records(self._log, self._shape, table_name, partition):
                if head.writer not in known or record.header is None:
                    continue
                if table_name == "executions" and b'"report_index":0' not in record.value:
                    continue
                header = _header(record.header)
                if header is None or not header.hops:
                    continue
                header = acknowledged.joined(table_name, header, record.value)
                done += 1
                if not done % 1_000:
                    self._on_progress(what, done)
                yield header


def _header(data: bytes) -> Header | None:
    try:
        return unpack(data)
    except BadInput:
        return None


def _column(stamp: str, hops: tuple[int, ...]) -> int | None:
    if stamp == BORN:
        return 0
    hop, _, side = stamp.partition(".")
    return 1 + 2 * hops.index(HOP_NUMBER[hop]) + (side == "out") if HOP_NUMBER[hop] in hops else None
