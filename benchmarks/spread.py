"""Medians, ranges, ratios pair by pair, and percentiles."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median
from typing import Any

from replay.hdr import Hdr

PERCENTILES = {"p50": 50.0, "p99": 99.0, "p999": 99.9}
CURVE = (0, 10, 25, 50, 75, 90, 95, 97.5, 99, 99.5, 99.75, 99.9, 99.95, 99.99, 100)
"""Percentiles of a plotted curve."""
NANOS_PER_US = 1_000


def spread(values: Sequence[float]) -> dict[str, float]:
    """Median and range; values to six significant digits.

    Raises:
        ValueError: There are none.
    """
    return {name: significant(of(values)) for name, of in (("median", median), ("min", min), ("max", max))}


def significant(value: float) -> float:
    """A value to six significant digits: more would be noise in a file."""
    return float(f"{value:.6g}")


def ratios(over: Sequence[float], under: Sequence[float]) -> list[float]:
    """``over`` to ``under``, pair by pair: what disturbs a pair disturbs both of its sides.

    Raises:
        ValueError: A side lacks a run.
    """
    return [significant(a / b) for a, b in zip(over, under, strict=True)]


def percentiles_us(latencies_ns: Any) -> dict[str, float]:
    """Count, HDR percentiles and maximum of int64 ns, in microseconds."""
    hdr = _counted(latencies_ns)
    if not hdr.count:
        return {"count": 0}
    values = hdr.percentiles_ns(list(PERCENTILES.values()))
    found = {name: round(value / NANOS_PER_US, 1) for name, value in zip(PERCENTILES, values, strict=True)}
    return {"count": hdr.count, **found, "max": round(hdr.max_ns / NANOS_PER_US, 1)}


def curve_us(latencies_ns: Any) -> list[list[float]]:
    """(percentile, microseconds) pairs, to be plotted."""
    values = _counted(latencies_ns).percentiles_ns(CURVE)
    return [[p, round(v / NANOS_PER_US, 1)] for p, v in zip(CURVE, values, strict=False)]


def _counted(latencies_ns: Any) -> Hdr:
    hdr = Hdr()
    hdr.record(latencies_ns)
    return hdr
