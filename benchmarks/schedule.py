"""When each tick is due: offsets in ns from a segment's beginning. No publisher that falls behind changes them."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np

SECOND_NS = 1_000_000_000
MS_NS = 1_000_000
BURST_FACTOR = 10
"""A burst has this many times the sustained rate, and a spike in it this many times the burst's."""
SPIKE_EVERY_NS = 100 * MS_NS
SPIKE_NS = MS_NS


class Segment(msgspec.Struct, frozen=True, kw_only=True):
    """A stretch of ticks for one side.

    Attributes:
        side: ``hot`` or ``echo``.
        label: What it belongs to, e.g. the rate.
        burst_s: Length of a burst in the middle; 0: none.
        seconds: Length at the sustained rate, half of it before a burst and half behind.
        counted: Whether its latencies count.
    """

    side: str
    label: str
    rate: int
    seconds: float
    burst_s: float = 0.0
    counted: bool = True

    def due_ns(self) -> Any:
        """int64 offsets, ascending."""
        if not self.burst_s:
            return even(self.rate, 0, int(self.seconds * SECOND_NS))
        begin, end = self.burst_ns
        return np.concatenate(
            (
                even(self.rate, 0, begin),
                burst(self.rate * BURST_FACTOR, begin, end),
                even(self.rate, end, end + int(self.seconds * SECOND_NS) - begin),
            )
        )

    @property
    def burst_ns(self) -> tuple[int, int]:
        """Beginning and end of the burst."""
        begin = int(self.seconds * SECOND_NS) // 2
        return begin, begin + int(self.burst_s * SECOND_NS)


def even(rate: int, begin_ns: int, end_ns: int) -> Any:
    """Ticks at equal distances.

    >>> even(4, 0, 1_000_000_000).tolist()
    [0, 250000000, 500000000, 750000000]
    """
    return begin_ns + np.arange((end_ns - begin_ns) * rate // SECOND_NS, dtype=np.int64) * SECOND_NS // rate


def burst(rate: int, begin_ns: int, end_ns: int) -> Any:
    """Ticks at ``rate``, and for the first millisecond of every tenth of a second at ten times that.

    >>> len(burst(100_000, 0, 1_000_000_000))
    109000
    """
    parts, at = [], begin_ns
    while at < end_ns:
        spiked, until = min(at + SPIKE_NS, end_ns), min(at + SPIKE_EVERY_NS, end_ns)
        parts += [even(rate * BURST_FACTOR, at, spiked), even(rate, spiked, until)]
        at = until
    return np.concatenate(parts)
