"""Latency of every hop over the last seconds, and since watching began: a ring of histograms."""

from __future__ import annotations

from collections import deque

from replay.hops import HopLatencies
from replay.run_figures import HopFigures
from schemas.header import Header

SLOT_S = 2.5
"""Seconds that one histogram of the ring takes in."""
NANOS = 1_000_000_000
SLOTS = 4
"""Histograms in the ring: with the one being filled, the recent figures cover up to this many slots, 10 s."""


class RecentHops:
    """Counts like ``HopLatencies``, and forgets."""

    def __init__(self) -> None:
        self._past = HopLatencies(split=True, external=True)
        self._ring: deque[HopLatencies] = deque([HopLatencies(split=True, external=True)])
        self._turn_s: float | None = None

    def record(self, topic: str, header: Header, now_ns: int, *, repeat: bool = False) -> None:
        """Count what a record's header tells, as recent only where it was written of late."""
        stamps = header.stamps
        recent = stamps is not None and now_ns - int(stamps[-1, -1]) < SLOT_S * SLOTS * NANOS
        (self._ring[-1] if recent else self._past).record(topic, header, repeat=repeat)

    def turn(self, now_s: float) -> None:
        """Go on to the next slot when it is time."""
        if self._turn_s is None:
            self._turn_s = now_s + SLOT_S
        elif now_s >= self._turn_s:
            self._turn_s = now_s + SLOT_S
            self._ring.append(HopLatencies(split=True, external=True))
            if len(self._ring) > SLOTS:
                self._past.merge(self._ring.popleft())

    def figures(self, *, split: bool, external: bool) -> dict[str, HopFigures]:
        """By interval, in the order of the way; ``split``, ``external``: as of ``HopLatencies``."""
        recent, whole = (HopLatencies(split=split, external=external) for _ in range(2))
        for name, hdr in recent.intervals.items():
            for slot in self._ring:
                hdr.merge(slot.intervals[name])
            whole.intervals[name].merge(self._past.intervals[name])
            whole.intervals[name].merge(hdr)
        of_recent, of_whole = recent.summary(), whole.summary()
        return {
            name: HopFigures(
                of_recent[name]["count"], of_recent[name]["p50_us"], of_recent[name]["p99_us"],
                found["count"], found["p50_us"], found["p99_us"],
            )
            for name, found in of_whole.items()
        }  # fmt: skip
