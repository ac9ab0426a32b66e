"""What counting one latency costs: the kernel in batches of 256, beside hdrhistogram's own ``record_value``."""

from __future__ import annotations

import time

import numpy as np
from hdrh.histogram import HdrHistogram

from benchmarks.declare import Found, Series
from benchmarks.harness import Harness
from benchmarks.spread import ratios, significant
from replay.hdr import HIGHEST_NS, LOWEST_NS, SIGNIFICANT_FIGURES, Hdr

BATCH = 256
KERNEL_VALUES = BATCH * 4_000
LIBRARY_VALUES = 20_000


def run(harness: Harness) -> Found:
    """Alternating pairs."""
    values = (10.0 ** np.random.default_rng(1).uniform(3, 9, KERNEL_VALUES)).astype(np.int64)
    few = values[:LIBRARY_VALUES].tolist()
    kernel_ns(values[:BATCH])
    taken: dict[str, list[float]] = {"library": [], "kernel": []}
    for _ in range(harness.pairs):
        taken["kernel"].append(significant(kernel_ns(values)))
        taken["library"].append(significant(library_ns(few)))
    return Found(
        {
            "kernel": Series(taken["kernel"]),
            "library to kernel": Series(ratios(taken["library"], taken["kernel"]), taken),
        }
    )


def kernel_ns(values: np.ndarray) -> float:
    """CPU ns a value."""
    hdr = Hdr()
    began = time.process_time_ns()
    for at in range(0, len(values), BATCH):
        hdr.record(values[at : at + BATCH])
    return (time.process_time_ns() - began) / len(values)


def library_ns(values: list[int]) -> float:
    """CPU ns a value."""
    histogram = HdrHistogram(LOWEST_NS, HIGHEST_NS, SIGNIFICANT_FIGURES)
    began = time.process_time_ns()
    for value in values:
        histogram.record_value(value)
    return (time.process_time_ns() - began) / len(values)
