"""A burst: one second at ten times the sustained rate, with spikes of 1 ms at ten times that, twenty times a run.

Ticks to scores, open loop, beside a bare echo that writes each tick record back. Every tick must be scored once, with a
gapless ``seq``; everything that was due by the burst's end must be in a third process's hands within a second; and the
processes' memory must be afterwards what it was before. Latency is from each tick's scheduled time to its score's
arrival, over the second of the burst.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.declare import Found, Series
from benchmarks.harness import Harness
from benchmarks.rig import BORN, ECHO_BACK, RECEIVED, SEQ, Rig, RigFound
from benchmarks.runs import drop, untraded
from benchmarks.schedule import BURST_FACTOR, MS_NS, SECOND_NS, Segment
from benchmarks.spread import curve_us, percentiles_us, ratios, significant

SECONDS, QUICK_SECONDS = 4.0, 2.0
BURST_S = 1.0
LAG_STEP_NS = 10 * MS_NS
TOPICS = {"hot": "scores", "echo": ECHO_BACK}
MEMORY_OF = ("hot", "broker", "echo")


def run(harness: Harness, *, rate: int) -> Found:
    """A burst a side that is not counted, then all pairs, in one run of the rig."""
    plan = untraded(f"burst{rate}", "live")
    seconds = QUICK_SECONDS if harness.quick else SECONDS
    segments = [
        Segment(side=side, label="burst", rate=rate, seconds=seconds, burst_s=BURST_S, counted=n > 0)
        for n in range(harness.pairs + 1)
        for side in ("hot", "echo")
    ]
    try:
        rig = Rig(harness, plan, segments, list(TOPICS.values()), None).run()
    finally:
        drop(harness.log, plan.namespace)
    return _found(harness, rig, segments)


def _found(harness: Harness, rig: RigFound, segments: list[Segment]) -> Found:
    counted = [(segment, said) for segment, said in zip(segments, rig.segments, strict=True) if segment.counted]
    bursts: dict[str, list[dict[str, Any]]] = {"hot": [], "echo": []}
    for segment, said in counted:
        bursts[segment.side].append(_burst(segment, said, rig.rows[TOPICS[segment.side]]))
    p999 = {side: [one["latency"]["p999"] for one in found] for side, found in bursts.items()}
    drained = {side: [one["drained_s"] for one in found] for side, found in bursts.items()}
    lost, doubled = _counted(rig, "hot")
    together = percentiles_us(np.concatenate([one["latencies"] for one in bursts["hot"]]))
    memory = memory_of(rig, counted[0][1]["origin_ns"], counted[-1][1]["end_ns"])
    harness.say(
        f"  hot drained in {max(drained['hot']) * 1000:,.0f} ms at most, p99.9 {together['p999'] / 1000:,.1f} ms, "
        f"lost {lost}, doubled {doubled}"
    )
    series = {
        "lost": Series([lost]),
        "doubled": Series([doubled]),
        "drained": Series(drained["hot"], drained),
        "memory after to before": Series([memory["hot"]["after_to_before"]]),
        "p99.9": Series([significant(v / 1_000) for v in p999["hot"]]),
        "p99.9 hot to echo": Series(ratios(p999["hot"], p999["echo"]), p999),
    }
    detail = {
        "ticks_of_a_burst": int(np.count_nonzero(_in_burst(counted[0][0], counted[0][0].due_ns()))),
        "rate": {"sustained": segments[0].rate, "burst": segments[0].rate * BURST_FACTOR,
                 "spike": segments[0].rate * BURST_FACTOR**2},
        "latency_us": {side: [one["latency"] for one in found] for side, found in bursts.items()},
        "before_the_burst_us": {side: [one["before"] for one in found] for side, found in bursts.items()},
        "curve_us": {side: curve_us(np.concatenate([o["latencies"] for o in found])) for side, found in bursts.items()},
        "lag": {side: found[-1]["lag"] for side, found in bursts.items()},
        "publisher_late_ms": [round(said["late_ns_max"] / MS_NS, 2) for _, said in counted],
        "memory_mb": memory,
    }  # fmt: skip
    return Found(series, detail)


def _burst(segment: Segment, said: dict[str, Any], rows: Any) -> dict[str, Any]:
    """One burst: latencies of its ticks, when it was drained, and the lag in its course."""
    begin, end = (said["origin_ns"] + at for at in segment.burst_ns)
    own = rows[(rows[:, BORN] >= said["origin_ns"]) & (rows[:, BORN] <= said["end_ns"])]
    inside = own[(own[:, BORN] >= begin) & (own[:, BORN] < end)]
    latencies = inside[:, RECEIVED] - inside[:, BORN]
    return {
        "latencies": latencies,
        "latency": percentiles_us(latencies),
        "before": percentiles_us((own[:, RECEIVED] - own[:, BORN])[own[:, BORN] < begin]),
        "drained_s": significant(max(0, int(inside[:, RECEIVED].max()) - end) / SECOND_NS),
        "lag": lag(said["origin_ns"] + segment.due_ns(), own[:, RECEIVED], begin, end + SECOND_NS // 2),
    }


def lag(due: Any, received: Any, begin: int, end: int) -> list[list[int]]:
    """(ms since ``begin``, ticks due and not received) at equal steps from a fifth of a second before it."""
    at = np.arange(begin - SECOND_NS // 5, end, LAG_STEP_NS)
    behind = np.searchsorted(np.sort(due), at, side="right") - np.searchsorted(np.sort(received), at, side="right")
    return [[int((t - begin) // MS_NS), int(n)] for t, n in zip(at, behind, strict=True)]


def memory_of(rig: RigFound, since_ns: int, until_ns: int) -> dict[str, dict[str, float]]:
    """Resident memory of each process in MB: in the second from ``since_ns``, the most, the last second."""
    times = rig.memory[:, 0]
    before = (times >= since_ns) & (times < since_ns + SECOND_NS)
    during = (times >= since_ns) & (times <= until_ns)
    after = during & (times > until_ns - SECOND_NS)
    found = {}
    for i, name in enumerate(rig.names):
        rss = rig.memory[:, 1 + 2 * i]
        figures = {
            "before": rss[before].mean(),
            "peak": rss[times >= since_ns].max(),
            "after": rss[after & (rss > 0)].mean(),
        }
        found[name] = {key: round(float(value), 1) for key, value in figures.items()}
        found[name]["after_to_before"] = round(found[name]["after"] / found[name]["before"], 4)
    return found


def _counted(rig: RigFound, side: str) -> tuple[int, int]:
    """Ticks that never came back, and that came more than once."""
    seqs = rig.rows[TOPICS[side]][:, SEQ]
    published = sum(s["count"] for s in rig.segments if s["side"] == side)
    distinct = len(np.unique(seqs))
    in_order = np.array_equal(np.unique(seqs), np.arange(distinct))
    return published - distinct + (0 if in_order else 1), len(seqs) - distinct


def _in_burst(segment: Segment, due: Any) -> Any:
    begin, end = segment.burst_ns
    return (due >= begin) & (due < end)
