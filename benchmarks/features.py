"""What the eight features and a linear score of one tick cost, by batch size.

Run: ``python -m benchmarks.features``. Prints one JSON object; exit 1 when batches of 256
are above the goal. Kind: gate.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from features.view import DEFAULT_VIEW
from models.linear import DEFAULT_MODEL, load_file
from schemas.tick import TICK

GOAL_NS = 150.0
INSTRUMENTS = 4
ROWS = 204_800
BATCHES = (1, 16, 256, 4_096)
GATED_BATCH = 256
CALLS_MAX = 20_000
ROUNDS = 5


def market() -> tuple[npt.NDArray[Any], npt.NDArray[np.int32]]:
    """Ticks of a random walk on four instruments, three in ten of them trades."""
    random = np.random.default_rng(1)
    rows = np.zeros(ROWS, dtype=TICK)
    mid, half = 6_000_000 + np.cumsum(random.integers(-1, 2, ROWS)), random.integers(1, 20, ROWS)
    trades = random.random(ROWS) < 0.3
    rows["ts_log"] = 1_700_000_000_000_000_000 + np.cumsum(random.integers(0, 2_000_000, ROWS))
    rows["bid_price"], rows["ask_price"] = (mid - half) * 10_000_000, (mid + half) * 10_000_000
    for name in ("bid_size", "ask_size", "size"):
        rows[name] = random.integers(1, 1_000_000, ROWS)
    rows["action"] = np.where(trades, ord("T"), ord("M"))
    rows["side"] = np.where(trades, np.where(random.random(ROWS) < 0.5, ord("A"), ord("B")), ord("N"))
    return rows, random.integers(0, INSTRUMENTS, ROWS).astype(np.int32)


def ns_per_row(call: Callable[[int, int], object], batch: int) -> float:
    """Best of ``ROUNDS``, ns a row; ``call`` gets begin and end of each batch."""
    rows = min(ROWS, batch * CALLS_MAX) // batch * batch
    call(0, batch)
    best = float("inf")
    for _ in range(ROUNDS):
        begin = time.perf_counter_ns()
        for at in range(0, rows, batch):
            call(at, at + batch)
        best = min(best, (time.perf_counter_ns() - begin) / rows)
    return best


def main() -> int:
    """Measure and print."""
    rows, slots = market()
    values, scores = np.zeros((ROWS, len(DEFAULT_VIEW.features))), np.zeros(ROWS)
    state = DEFAULT_VIEW.start(INSTRUMENTS)
    model = load_file(DEFAULT_MODEL, view=DEFAULT_VIEW.hash, features=DEFAULT_VIEW.names)
    features_ns = {
        batch: ns_per_row(lambda a, b: state.compute(rows[a:b], slots[a:b], values[a:b]), batch) for batch in BATCHES
    }
    score_ns = {batch: ns_per_row(lambda a, b: model.score(values[a:b], scores[a:b]), batch) for batch in BATCHES}
    print(
        json.dumps(
            {
                "kind": "gate",
                "goal_ns": GOAL_NS,
                "features_ns_per_row": {str(batch): round(ns, 1) for batch, ns in features_ns.items()},
                "score_ns_per_row": {str(batch): round(ns, 1) for batch, ns in score_ns.items()},
                "rows_per_s": round(1e9 / features_ns[GATED_BATCH]),
            }
        )
    )
    return int(features_ns[GATED_BATCH] > GOAL_NS)


if __name__ == "__main__":
    sys.exit(main())
