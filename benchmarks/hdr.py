"""What counting one latency costs: the kernel in batches of 256, and hdrhistogram's own ``record_value``.

Run: ``python -m benchmarks.hdr``. Prints one JSON object; exit 1 when the kernel is above its goal. Kind: gate.
"""

from __future__ import annotations

import json
import sys
import time

import numpy as np
from hdrh.histogram import HdrHistogram

from replay.hdr import HIGHEST_NS, LOWEST_NS, SIGNIFICANT_FIGURES, Hdr

GOAL_NS = 10.0
BATCH = 256
KERNEL_VALUES = BATCH * 4_000
LIBRARY_VALUES = 20_000
ROUNDS = 5


def kernel_ns(values: np.ndarray, batch: int) -> float:
    """Best of ``ROUNDS``, ns a value."""
    hdr, best = Hdr(), float("inf")
    hdr.record(values[:0])
    for _ in range(ROUNDS):
        begin = time.perf_counter_ns()
        for at in range(0, len(values), batch):
            hdr.record(values[at : at + batch])
        best = min(best, (time.perf_counter_ns() - begin) / len(values))
    return best


def library_ns(values: list[int]) -> float:
    """Best of ``ROUNDS``, ns a value."""
    histogram, best = HdrHistogram(LOWEST_NS, HIGHEST_NS, SIGNIFICANT_FIGURES), float("inf")
    for _ in range(ROUNDS):
        begin = time.perf_counter_ns()
        for value in values:
            histogram.record_value(value)
        best = min(best, (time.perf_counter_ns() - begin) / len(values))
    return best


def main() -> int:
    """Measure and print."""
    values = (10.0 ** np.random.default_rng(1).uniform(3, 9, KERNEL_VALUES)).astype(np.int64)
    figures = {
        "kind": "gate",
        "goal_ns": GOAL_NS,
        "kernel_ns": round(kernel_ns(values, KERNEL_VALUES), 2),
        f"kernel_batches_of_{BATCH}_ns": round(kernel_ns(values, BATCH), 2),
        "record_value_ns": round(library_ns(values[:LIBRARY_VALUES].tolist()), 1),
    }
    print(json.dumps(figures))
    return int(figures[f"kernel_batches_of_{BATCH}_ns"] > GOAL_NS)  # type: ignore[operator]


if __name__ == "__main__":
    sys.exit(main())
