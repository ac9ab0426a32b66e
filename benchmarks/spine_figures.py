"""Medians, ranges and percentiles of the spine benchmark."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median
from typing import Any

from replay.hdr import Hdr

PERCENTILES = {"p50_us": 50.0, "p99_us": 99.0, "p999_us": 99.9}


def spread(values: Sequence[float]) -> dict[str, float]:
    """Median and range."""
    return {name: round(of(values), 4) for name, of in (("median", median), ("min", min), ("max", max))}


def mean_size(sizes: Sequence[int]) -> int:
    """Mean of sizes in bytes, rounded."""
    return round(sum(sizes) / len(sizes))


def percentiles(latencies_ns: Any) -> dict[str, float]:
    """Count, HDR percentiles and maximum of int64 ns, in microseconds."""
    hdr = Hdr()
    hdr.record(latencies_ns)
    if not hdr.count:
        return {"count": 0}
    values = hdr.percentiles_ns(list(PERCENTILES.values()))
    found = {name: round(value / 1_000, 1) for name, value in zip(PERCENTILES, values, strict=True)}
    return {"count": hdr.count, **found, "max_us": round(hdr.max_ns / 1_000, 1)}
