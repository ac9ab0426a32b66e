"""Latency of every hop, from the stamps that record headers carry.

A stamp is wall ns; ``born`` is the scheduled publication, so a publisher that falls behind shows up in
``publish_to_normalise`` and ``tick_to_order`` by itself. Each interval is counted on one topic only, weighted by rows:
a frame of n rows counts n times.

    publish ─ publish_to_normalise ─► normalise ─► feature ─► score ─► strategy ─► risk ─► venue
              ticks.<source>          │            scores     │ orders.intent  │
                                      │                       │ orders.decision│ executions
              born ··················· tick_to_order (orders) ················· risk.out
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TypedDict

from hdrh.log import HistogramLogWriter

from replay.hdr import Hdr
from schemas.catalog import DECISION, EXECUTION, INTENT, ORDER, SCORE_SCHEMA, TICK_SCHEMA, Schema
from schemas.header import HOP_NUMBER, Header
from streams.whole_file import written_beside

BORN = "born"
"""The stamp of the scheduled publication."""


@dataclass(frozen=True, slots=True)
class Interval:
    """One latency and where it is read.

    Attributes:
        name: Key in every report.
        topic: Table name of the topic whose headers give it.
        schema: Records of this schema count; the end record of a topic does not.
        start: ``born``, or hop and ``in`` or ``out``, e.g. ``"risk.out"``.
        end: Likewise.
        split_only: Measured only where the two hops are separate processes.
        external_only: Measured only where an execution system works the orders (``replay/acknowledged.py``).
    """

    name: str
    topic: str
    schema: Schema
    start: str
    end: str
    split_only: bool = False
    external_only: bool = False


INTERVALS: tuple[Interval, ...] = (
    Interval("publish_to_normalise", "ticks.<source>", TICK_SCHEMA, BORN, "normalise.in"),
    Interval("normalise", "ticks.<source>", TICK_SCHEMA, "normalise.in", "normalise.out"),
    Interval("normalise_to_feature", "scores", SCORE_SCHEMA, "normalise.out", "feature.in"),
    Interval("feature", "scores", SCORE_SCHEMA, "feature.in", "feature.out"),
    Interval("feature_to_score", "scores", SCORE_SCHEMA, "feature.out", "score.in", split_only=True),
    Interval("score", "scores", SCORE_SCHEMA, "score.in", "score.out"),
    Interval("score_to_strategy", "orders.intent", INTENT, "score.out", "strategy.in", split_only=True),
    Interval("strategy", "orders.intent", INTENT, "strategy.in", "strategy.out"),
    Interval("strategy_to_risk", "orders.decision", DECISION, "strategy.out", "risk.in"),
    Interval("risk", "orders.decision", DECISION, "risk.in", "risk.out"),
    Interval("risk_to_venue", "executions", EXECUTION, "risk.out", "venue.in"),
    Interval("venue_to_gateway", "executions", EXECUTION, "venue.out", "gateway.in", external_only=True),
    Interval("gateway", "executions", EXECUTION, "gateway.in", "gateway.out", external_only=True),
    Interval("order_to_acknowledged", "executions", EXECUTION, "risk.out", "gateway.out", external_only=True),
    Interval("tick_to_order", "orders", ORDER, BORN, "risk.out"),
)
"""Every interval, in the order of the way."""

PERCENTILES = {"p50_us": 50.0, "p95_us": 95.0, "p99_us": 99.0, "p999_us": 99.9}
"""Percentiles of a summary by key."""

PLANS_MAX = 256
"""Most combinations of topic and hops passed whose columns are remembered."""

_US_NS = 1_000
_MS_NS = 1_000_000

_Plan = tuple[tuple[Hdr, int, int], ...]


class HopSummary(TypedDict):
    """Figures of one interval; None where nothing was counted."""

    count: int
    p50_us: float | None
    p95_us: float | None
    p99_us: float | None
    p999_us: float | None
    max_us: float | None


class HopLatencies:
    """Histograms of every interval.

    Args:
        split: Whether feature, score and strategy are separate processes: then the gaps between them count too.
        external: Whether an execution system works the orders: then its way counts too.

    Attributes:
        intervals: Histogram by interval name, in the order of the way.
    """

    def __init__(self, *, split: bool = False, external: bool = False) -> None:
        self.intervals: dict[str, Hdr] = {
            i.name: Hdr() for i in INTERVALS if (split or not i.split_only) and (external or not i.external_only)
        }
        self._plans: dict[tuple[str, int, tuple[int, ...]], _Plan] = {}

    def record(self, topic: str, header: Header, *, repeat: bool = False) -> None:
        """Count what a record's header tells.

        Args:
            topic: Table name of its topic, e.g. ``"ticks.<source>"``; one that gives no interval is ignored.
            header: Its header. One that lacks a hop gives no interval of that hop.
            repeat: A further report of an order that has been counted: it is ignored.
        """
        if repeat or header.stamps is None:
            return
        key = (topic, header.schema, header.hops)
        plan = self._plans.get(key)
        if plan is None:
            if len(self._plans) >= PLANS_MAX:
                self._plans.clear()
            plan = self._plans[key] = tuple(self._plan(*key))
        for hdr, start, end in plan:
            hdr.record_between(header.stamps, start, end, header.count)

    def merge(self, other: HopLatencies) -> None:
        """Add what another process or run has counted; intervals that only it has are taken over."""
        for name, hdr in other.intervals.items():
            if name not in self.intervals:
                self.intervals[name] = Hdr()
                self._plans.clear()
            self.intervals[name].merge(hdr)

    def summary(self) -> dict[str, HopSummary]:
        """Count, percentiles and maximum of every interval, microseconds."""
        return {i.name: _summary(self.intervals[i.name]) for i in INTERVALS if i.name in self.intervals}

    def anomalies(self) -> dict[str, dict[str, int]]:
        """What could not be counted as it was, by interval: ``negatives``, ``overflows``, ``unstamped`` above 0."""
        found: dict[str, dict[str, int]] = {}
        for name, hdr in self.intervals.items():
            odd = {"negatives": hdr.negatives, "overflows": hdr.overflows, "unstamped": hdr.unstamped}
            if any(odd.values()):
                found[name] = {key: n for key, n in odd.items() if n}
        return found

    def write_hlog(self, directory: Path) -> list[Path]:
        """One ``<interval>.hlog`` each (HdrHistogram log format 1.2), nanoseconds, replacing any that are there.

        One interval line spans the run, from the first start to the last end counted; none where nothing was counted.

        Raises:
            OSError: The directory cannot be made or written.
        """
        directory.mkdir(parents=True, exist_ok=True)
        paths = []
        for name, hdr in self.intervals.items():
            path = directory / f"{name}.hlog"
            with written_beside(path) as new, new.open("w", encoding="utf-8") as file:
                _write_log(HistogramLogWriter(file), name, hdr)
            paths.append(path)
        return paths

    def _plan(self, topic: str, schema: int, hops: tuple[int, ...]) -> Iterable[tuple[Hdr, int, int]]:
        for interval in INTERVALS:
            hdr = self.intervals.get(interval.name)
            if hdr is None or interval.topic != topic or interval.schema.number != schema:
                continue
            start, end = _column(interval.start, hops), _column(interval.end, hops)
            if start is not None and end is not None:
                yield hdr, start, end


def _column(stamp: str, hops: tuple[int, ...]) -> int | None:
    """Column of a stamp in a header that has passed ``hops``; None where it has not passed that hop.

    >>> _column("born", ()), _column("feature.out", (0, 1)), _column("risk.in", (0, 1))
    (0, 4, None)
    """
    if stamp == BORN:
        return 0
    hop, _, side = stamp.partition(".")
    number = HOP_NUMBER[hop]
    if number not in hops:
        return None
    return 1 + 2 * hops.index(number) + (side == "out")


def _summary(hdr: Hdr) -> HopSummary:
    if hdr.count == 0:
        return HopSummary(count=0, p50_us=None, p95_us=None, p99_us=None, p999_us=None, max_us=None)
    p50, p95, p99, p999 = (value / _US_NS for value in hdr.percentiles_ns(list(PERCENTILES.values())))
    return HopSummary(count=hdr.count, p50_us=p50, p95_us=p95, p99_us=p99, p999_us=p999, max_us=hdr.max_ns / _US_NS)


def _write_log(writer: HistogramLogWriter, name: str, hdr: Hdr) -> None:
    writer.output_log_format_version()
    writer.output_comment(f"[Tapedeck: {name}, nanoseconds, weighted by rows]")
    if hdr.count:
        histogram = hdr.histogram()
        start_s = histogram.get_start_time_stamp() / 1_000
        # output_start_time() of hdrhistogram calls a method that datetime does not have, so the line is written here
        at = datetime.fromtimestamp(start_s, tz=UTC).isoformat(" ")
        writer.output_comment(f"[StartTime: {start_s:f} (seconds since epoch), {at}]")
    writer.output_legend()
    if hdr.count:
        writer.output_interval_histogram(histogram, max_value_unit_ratio=float(_MS_NS))
