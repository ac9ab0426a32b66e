"""What the eight features and a linear score of one tick cost, by batch size; CPU time, best of each round's calls."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np

from benchmarks.declare import Found, Series
from benchmarks.harness import Harness
from benchmarks.spread import significant
from features.view import DEFAULT_VIEW
from models.linear import DEFAULT_MODEL, load_file

ROWS = 204_800
BATCHES = (1, 256, 4_096)
CALLS_MAX = 10_000


def run(harness: Harness) -> Found:
    """Each batch size in turn, as often as there are pairs."""
    rows = harness.tape[:ROWS]
    ids = np.unique(rows["instrument_id"])
    slots = np.searchsorted(ids, rows["instrument_id"]).astype(np.int32)
    values, scores = np.zeros((len(rows), len(DEFAULT_VIEW.features))), np.zeros(len(rows))
    state = DEFAULT_VIEW.start(len(ids))
    model = load_file(DEFAULT_MODEL, view=DEFAULT_VIEW.hash, features=DEFAULT_VIEW.names)

    def compute(begin: int, end: int) -> None:
        state.compute(rows[begin:end], slots[begin:end], values[begin:end])

    def score(begin: int, end: int) -> None:
        model.score(values[begin:end], scores[begin:end])

    found: dict[str, list[float]] = {}
    for _ in range(harness.pairs):
        for batch in BATCHES:
            for name, call in (("features", compute), ("score", score)):
                found.setdefault(f"{name}, batches of {batch}", []).append(ns_per_row(call, len(rows), batch))
    return Found({name: Series(values) for name, values in found.items()})


def ns_per_row(call: Callable[[int, int], object], rows: int, batch: int) -> float:
    """CPU ns a row; ``call`` gets begin and end of each batch."""
    rows = min(rows, batch * CALLS_MAX) // batch * batch
    call(0, batch)
    began = time.process_time_ns()
    for at in range(0, rows, batch):
        call(at, at + batch)
    return significant((time.process_time_ns() - began) / rows)
