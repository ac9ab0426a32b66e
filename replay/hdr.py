"""An HDR histogram whose counts a kernel writes: HdrHistogram's own array, without a Python call per value.

The histogram is hdrhistogram's ``HdrHistogram`` (Tene, HdrHistogram, 2012), so its percentiles, its encoding and every
tool that reads it work as ever; only recording is ours. Its index arithmetic is repeated in ``_index``: values below
2**11 have a slot each, and every doubling above has 2**10 slots, so a value is kept to 3 significant figures.

Never the expected-interval correction: intervals run from scheduled times, so omission is already in them.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from hdrh.histogram import HdrHistogram

from features.kernel import kernel

LOWEST_NS = 1
"""Lowest value told apart from 0, ns."""

HIGHEST_NS = 3_600_000_000_000
"""Highest value kept, ns: one hour. A longer one counts as this, and in ``overflows``."""

SIGNIFICANT_FIGURES = 3
"""Decimal digits to which a value is kept."""

_HALF_BITS = 10
_HALF = 1 << _HALF_BITS
_MASK = 2 * _HALF - 1
_MANTISSA_BITS = 52
_EXPONENT_BIAS = 1023

_TOTAL, _MIN, _MAX, _OVERFLOWS, _NEGATIVES, _UNSTAMPED, _FIRST, _LAST = range(8)
_TALLIES = 8
_NONE = sys.maxsize


class Hdr:
    """A histogram of durations, int64 ns, and what did not fit.

    Attributes:
        counts: uint64 view of the histogram's own counters.
    """

    __slots__ = ("_histogram", "_tallies", "counts")

    def __init__(self) -> None:
        self._histogram = HdrHistogram(LOWEST_NS, HIGHEST_NS, SIGNIFICANT_FIGURES)
        assert self._histogram.sub_bucket_half_count == _HALF
        assert self._histogram.unit_magnitude == 0
        self.counts: npt.NDArray[np.uint64] = np.frombuffer(self._histogram.counts, dtype=np.uint64)
        self._tallies = np.zeros(_TALLIES, dtype=np.int64)
        self._tallies[_MIN] = self._tallies[_FIRST] = _NONE

    def record(self, values_ns: npt.NDArray[np.int64], weight: int = 1) -> None:
        """Count every value ``weight`` times.

        Args:
            values_ns: Shape (n,). Below 0 (a clock stepped back) counts as 0 and in ``negatives``; above
                ``HIGHEST_NS`` counts as that and in ``overflows``.
            weight: How many each value stands for, >= 1.
        """
        _record_values(values_ns, weight, self.counts, self._tallies)

    def record_between(self, stamps: npt.NDArray[np.int64], start: int, end: int, rows: int) -> None:
        """Count ``stamps[:, end] - stamps[:, start]`` of every row.

        Args:
            stamps: Wall ns, shape (rows, columns), or (1, columns) where all rows share them.
            start: Column of the beginning.
            end: Column of the end.
            rows: Rows that the stamps stand for.

        A row with either stamp 0 was not measured: it counts in ``unstamped`` only.
        """
        weight = rows if len(stamps) == 1 else 1
        _record_between(stamps, start, end, weight, self.counts, self._tallies)

    def merge(self, other: Hdr) -> None:
        """Add what another histogram has counted."""
        self.counts += other.counts
        mine, others = self._tallies, other._tallies
        for i in (_TOTAL, _OVERFLOWS, _NEGATIVES, _UNSTAMPED):
            mine[i] += others[i]
        for i in (_MIN, _FIRST):
            mine[i] = min(mine[i], others[i])
        for i in (_MAX, _LAST):
            mine[i] = max(mine[i], others[i])

    @property
    def count(self) -> int:
        """Values counted."""
        return int(self._tallies[_TOTAL])

    @property
    def overflows(self) -> int:
        """Values above ``HIGHEST_NS``, counted as that."""
        return int(self._tallies[_OVERFLOWS])

    @property
    def negatives(self) -> int:
        """Values below 0, counted as 0: a clock stepped back between two stamps."""
        return int(self._tallies[_NEGATIVES])

    @property
    def unstamped(self) -> int:
        """Rows that carried no stamp to measure by; not counted."""
        return int(self._tallies[_UNSTAMPED])

    @property
    def max_ns(self) -> int:
        """Highest value that is equivalent to the longest counted; 0 when none."""
        return int(self.histogram().get_max_value())

    def percentiles_ns(self, percentiles: Sequence[float]) -> list[int]:
        """Values at percentiles (0 to 100, ascending), as hdrhistogram gives them; empty when nothing was counted.

        One pass in a kernel; hdrhistogram's own walks every counter in Python.
        """
        if self.count == 0:
            return []
        histogram = self.histogram()
        targets = [histogram.get_target_count_at_percentile(p) for p in percentiles]
        indices = _indices_at(self.counts, np.array(targets, dtype=np.int64)).tolist()
        values = [histogram.get_value_from_index(index) for index in indices]
        return [
            int(histogram.get_highest_equivalent_value(v) if p else histogram.get_lowest_equivalent_value(v))
            for p, v in zip(percentiles, values, strict=True)
        ]

    def histogram(self) -> Any:
        """The ``HdrHistogram`` itself, brought up to date; start and end stamps are those of the first and last row."""
        histogram, tallies = self._histogram, self._tallies
        histogram.total_count = int(tallies[_TOTAL])
        histogram.min_value = int(tallies[_MIN])
        histogram.max_value = int(tallies[_MAX])
        if tallies[_LAST]:
            histogram.set_start_time_stamp(int(tallies[_FIRST]) // 1_000_000)
            histogram.set_end_time_stamp(int(tallies[_LAST]) // 1_000_000)
        return histogram


def warm() -> None:
    """Load the kernels from the cache, or compile them."""
    hdr = Hdr()
    for rows in (1, 2):  # as headers give them: shared stamps are a view of bytes, others an array of their own
        stamps = np.ones((rows, 3), dtype=np.int64)
        stamps.setflags(write=rows > 1)
        hdr.record_between(stamps, 0, 1, 1)
    hdr.percentiles_ns([50.0])


@kernel
def _index(value: int) -> int:
    """Counter of a value from 0 to ``HIGHEST_NS``: HdrHistogram's countsArrayIndex with unit magnitude 0."""
    # The exponent of a float64 is the position of the highest bit; HIGHEST_NS is far below 2**53, so it is exact.
    bits = np.float64(value | _MASK).view(np.int64)
    bucket = (bits >> _MANTISSA_BITS) - _EXPONENT_BIAS - _HALF_BITS
    return int(((bucket + 1) << _HALF_BITS) + (value >> bucket) - _HALF)


@kernel
def _count(value: int, weight: int, counts: npt.NDArray[np.uint64], tallies: npt.NDArray[np.int64]) -> None:
    """Count one value, clamped into range."""
    if value < 0:
        value = 0
        tallies[_NEGATIVES] += weight
    elif value > HIGHEST_NS:
        value = HIGHEST_NS
        tallies[_OVERFLOWS] += weight
    counts[_index(value)] += np.uint64(weight)
    tallies[_TOTAL] += weight
    tallies[_MIN] = min(tallies[_MIN], value)
    tallies[_MAX] = max(tallies[_MAX], value)


@kernel
def _record_values(
    values: npt.NDArray[np.int64], weight: int, counts: npt.NDArray[np.uint64], tallies: npt.NDArray[np.int64]
) -> None:
    for i in range(values.size):
        _count(values[i], weight, counts, tallies)


@kernel
def _record_between(
    stamps: npt.NDArray[np.int64], start: int, end: int, weight: int, counts: npt.NDArray[np.uint64],
    tallies: npt.NDArray[np.int64],
) -> None:  # fmt: skip
    for i in range(len(stamps)):
        first, last = stamps[i, start], stamps[i, end]
        if first == 0 or last == 0:
            tallies[_UNSTAMPED] += weight
            continue
        # Unsigned, as the difference of two int64 need not fit one: signed overflow is the compiler's to assume away.
        elapsed = np.uint64(last) - np.uint64(first)
        if last < first:
            _count(-1, weight, counts, tallies)
        elif elapsed > np.uint64(HIGHEST_NS):
            _count(HIGHEST_NS + 1, weight, counts, tallies)
        else:
            _count(int(np.int64(elapsed)), weight, counts, tallies)
        tallies[_FIRST] = min(tallies[_FIRST], first)
        tallies[_LAST] = max(tallies[_LAST], last)


@kernel
def _indices_at(counts: npt.NDArray[np.uint64], targets: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """First counter at which the running total reaches each target; targets ascend."""
    found = np.zeros(targets.size, dtype=np.int64)
    total = np.int64(0)
    j = 0
    for i in range(counts.size):
        total += np.int64(counts[i])
        while j < targets.size and total >= targets[j]:
            found[j] = i
            j += 1
        if j == targets.size:
            break
    return found
