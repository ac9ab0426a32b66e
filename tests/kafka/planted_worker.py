"""A worker as it is, but that one feature of one tick is off by its last bit: what a comparison of replays must name.

Arguments: the worker's spec, the root of the tick, and the feature's place in the view.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

from streams.agent import Agent, Out, RowsOut


def off_by_one_ulp(feature: type[Any], root_seq: int, column: int) -> None:
    """Have a feature hop err once."""
    right = feature.step

    def step(self: Agent, state: Any, batch: Any) -> Out:
        out: Out = right(self, state, batch)
        made = out.rows[0]
        at = np.flatnonzero(made.rows["root_seq"] == root_seq)
        if not len(at):
            return out
        rows = made.rows.copy()
        rows["values"][at[0], column] = np.nextafter(rows["values"][at[0], column], np.inf)
        return Out(out.consumed, [RowsOut(made.topic, rows, made.index)], out.documents, out.rejects, out.waits)

    feature.step = step


def main(argv: list[str]) -> int:
    """Run the task to its end; returns the exit code."""
    from streams.home import use_kernel_cache

    use_kernel_cache()
    from agents import worker
    from agents.feature import Feature

    off_by_one_ulp(Feature, int(argv[1]), int(argv[2]))
    return worker.main(argv[:1])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
