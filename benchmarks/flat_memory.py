"""Flat out in one process: the hot task over ticks in the memory log, beside the least that any program would do.

The least: read the frames, join them, run the same kernels over the same rows, append as many bytes. What the hot task
does beside: headers, identity, order, the strategy's look at each score, and all that recovery needs. Both in a process
of their own, by wall and by CPU time.
"""

from __future__ import annotations

from benchmarks.declare import Found, Series
from benchmarks.harness import Harness
from benchmarks.processes import Child
from benchmarks.spread import ratios, significant

QUICK_SHARE = 4


def run(harness: Harness, *, frame_rows: int, ticks: int) -> Found:
    """Alternating pairs in one child process."""
    count = ticks // QUICK_SHARE if harness.quick else ticks
    child = Child("memory", tape=str(harness.tape_file), ticks=count, frame_rows=frame_rows)
    found: dict[str, dict[str, list[float]]] = {"hot": {}, "least": {}}
    try:
        child.hear("ready")
        for n in range(harness.pairs + 1):
            for side in found:
                child.tell(side=side)
                figures = child.hear("done")
                if n:
                    for key in ("elapsed_s", "cpu_s"):
                        found[side].setdefault(key, []).append(count / figures[key])
    finally:
        child.close()
    rates = {side: [significant(v) for v in by["elapsed_s"]] for side, by in found.items()}
    by_cpu = {side: [significant(v) for v in by["cpu_s"]] for side, by in found.items()}
    return Found(
        {
            "hot to least": Series(ratios(by_cpu["hot"], by_cpu["least"]), by_cpu),
            "hot": Series(rates["hot"]),
            "hot by CPU": Series(by_cpu["hot"]),
        },
        {"ticks": count, "frame_rows": frame_rows},
    )
