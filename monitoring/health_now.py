"""The newest health of a source's instruments, as a monitor has told it; followed from the log."""

from __future__ import annotations

from typing import Any

from monitoring.health_topic import LOOK_BACK, health_topic, written
from monitoring.place_health import NANOS
from schemas.feed_health import FeedHealth
from streams.log import Log

NANOS_PER_MS = 1_000_000
INSTRUMENTS_MAX = 4_096
"""Instruments told of; the one that was told of longest ago is forgotten."""


class HealthNow:
    """Follows ``feed.health`` for one source.

    Args:
        log: Where.
        namespace: Topic prefix of the run.
        source: Its name.
    """

    def __init__(self, log: Log, namespace: str, source: str) -> None:
        self._log, self._namespace, self._source = log, namespace, source
        self._at: int | None = None
        self._ticks: dict[str, FeedHealth] = {}
        self._letters: dict[str, FeedHealth] = {}

    def look(self) -> dict[str, dict[str, Any]]:
        """Newest window by instrument; empty where no monitor has told any.

        Raises:
            BrokerError: The log cannot be read.
        """
        if self._at is None:
            topic = health_topic(self._namespace)
            if not self._log.partitions(topic):
                return {}
            low, high = self._log.bounds(topic, 0)
            self._at = max(low, high - LOOK_BACK)
        for offset, health in written(self._log, self._namespace, self._at):
            self._at = offset + 1
            if health.source == self._source:
                self._take(self._ticks if health.last_ts else self._letters, health)
        return {name: told(health, self._letters.get(name)) for name, health in sorted(self._ticks.items())}

    @staticmethod
    def _take(kept: dict[str, FeedHealth], health: FeedHealth) -> None:
        known = kept.pop(health.instrument, None)
        kept[health.instrument] = health if known is None or health.end_offset >= known.end_offset else known
        while len(kept) > INSTRUMENTS_MAX:
            kept.pop(next(iter(kept)))


def told(health: FeedHealth, letters: FeedHealth | None) -> dict[str, Any]:
    """One window in figures for people; what was refused is told of the newest window that had any."""
    return {
        "window_start": health.window_start, "window_s": health.window_ns / NANOS,
        "rate_per_s": round(health.ticks * NANOS / health.window_ns, 3),
        "gaps": health.gaps, "synced": health.synced, "stale_ms": _ms(health.stale_ns),
        "skew_ms": _ms(health.skew_ns_mean), "skew_ms_min": _ms(health.skew_ns_min),
        "skew_ms_max": _ms(health.skew_ns_max),
        "suspect_share": round(health.suspect / health.ticks, 6) if health.ticks else None,
        "rejected": letters.rejected if letters is not None else 0,
        "rejected_window_start": letters.window_start if letters is not None else None,
        "reasons": letters.reasons if letters is not None else {},
    }  # fmt: skip


def _ms(ns: int | None) -> float | None:
    return None if ns is None else round(ns / NANOS_PER_MS, 3)
