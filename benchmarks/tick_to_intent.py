"""Tick to intent, open loop: the fused hot task, beside a bare echo that writes the same records.

Every tick is due at its own time, and what is due leaves as one frame. Latency runs from the scheduled time of the tick
that called for an intent to the moment when a third process holds the intent, uncommitted. The echo reads the same
ticks and writes as many records of the same sizes, among them an intent-sized one for every so many ticks; its latency
is counted the same way. The strategy's parameters are changed so that it sends many intents: percentiles need them.
What is measured is the fused task: a stand-in answers its intents. With ``tasks`` risk and paper venue run beside it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Literal

import numpy as np

from benchmarks.declare import Found, Series
from benchmarks.harness import Harness
from benchmarks.rig import BORN, ECHO_FEATURES, ECHO_INTENTS, ECHO_SCORES, RECEIVED, Rig, RigFound
from benchmarks.runs import BenchRun, drop
from benchmarks.schedule import SECOND_NS, Segment
from benchmarks.spread import PERCENTILES, curve_us, percentiles_us, ratios, significant, spread
from benchmarks.tail import explained
from benchmarks.ticks import tape_captures
from schemas.errors import TaskFailed

SECONDS, QUICK_SECONDS = 5.0, 2.0
WARM_S = 2.0
"""The first segment of each side is not counted."""
SKIP_NS = SECOND_NS // 2
"""Nor is the beginning of each: a side that had nothing to do for seconds wakes up."""
REST_MS = 50
"""An instrument's time between intents. Longer than the way of an order to its report: else each intent would follow
on the answer to the one before, and would find broker and task busy with just that."""
VENUE_LATENCY_NS = 5_000_000
INTENTS_PER_S = 80
"""Of the echo: four instruments at that distance."""
INTENT_BYTES = 800
NAMES = {"p50": "p50", "p99": "p99", "p999": "p99.9"}


def run(harness: Harness, *, rate: int, tasks: Sequence[str] = ("hot",)) -> Found:
    """All pairs at one rate, in one run of the rig."""
    plan = eager(f"paced-{len(tasks)}-{rate}", "live")
    seconds = QUICK_SECONDS if harness.quick else SECONDS
    warm = [Segment(side=side, label=str(rate), rate=rate, seconds=WARM_S, counted=False) for side in ("hot", "echo")]
    counted = [
        Segment(side=side, label=str(rate), rate=rate, seconds=seconds)
        for _ in range(harness.pairs)
        for side in ("hot", "echo")
    ]
    echo = {
        "intents": ECHO_INTENTS, "scores": ECHO_SCORES, "features": ECHO_FEATURES,
        "intent_every": max(1, rate // INTENTS_PER_S), "intent_bytes": INTENT_BYTES,
    }  # fmt: skip
    rig = Rig(harness, plan, [*warm, *counted], ["orders.intent", ECHO_INTENTS], echo, tasks=tasks)
    try:
        return _found(harness, rig.run(), len(warm))
    finally:
        drop(harness.log, plan.namespace)


def eager(run: str, mode: Literal["live", "play"]) -> BenchRun:
    """A run whose strategy always wants another position, and whose limits let every order pass."""
    plan = BenchRun(run=run, captures=tape_captures(), mode=mode, venue_latency_ns=VENUE_LATENCY_NS)
    largest = {name: units * 1_000 for name, units in plan.opening().parameters["position_max"].items()}
    changed = {"position_max": largest, "rest_ms": REST_MS, "score_full_bps": 0.25}
    return replace(plan, changed=tuple(changed.items()), limits=wide(plan.opening().limits))


def wide(limits: Any) -> dict[str, Any]:
    """Limits at which nothing of a benchmark is denied for its size or number."""
    return {
        "account": {**limits["account"], "message_rate_max": 10_000},
        "default": {**limits["default"], "notional_max": 9e9},
        "instrument": {
            name: {**table, "quantity_max": "1000000000", "position_max": "1000000000"}
            for name, table in limits["instrument"].items()
        },
    }


def _found(harness: Harness, rig: RigFound, warm: int) -> Found:
    topics = {"hot": "orders.intent", "echo": ECHO_INTENTS}
    by_side: dict[str, list[Any]] = {"hot": [], "echo": []}
    for segment in rig.segments[warm:]:
        side = segment["side"]
        rows = rig.of(topics[side], segment, SKIP_NS)
        if not len(rows):
            raise TaskFailed(f"no intent of {side} came back in a segment", got=f"{len(rig.rows[topics[side]])} in all")
        by_side[side].append(rows)
    latencies = {side: [rows[:, RECEIVED] - rows[:, BORN] for rows in found] for side, found in by_side.items()}
    figures = {side: [percentiles_us(one) for one in found] for side, found in latencies.items()}
    series: dict[str, Series] = {}
    for key, name in NAMES.items():
        sides = {side: [one[key] for one in found] for side, found in figures.items()}
        series[f"{name} hot to echo"] = Series(ratios(sides["hot"], sides["echo"]), sides)
    together = {side: percentiles_us(np.concatenate(found)) for side, found in latencies.items()}
    for key in PERCENTILES:
        # Of all pairs together: a percentile this high needs more intents than one segment has.
        series[f"{NAMES[key]} hot"] = Series([significant(together["hot"][key])])
        series[f"{NAMES[key]} echo"] = Series([significant(together["echo"][key])])
    intents = np.concatenate(by_side["hot"])
    harness.say(f"  {_line('hot', together['hot'])}; {_line('echo', together['echo'])}")
    detail = {
        "intents": {side: together[side]["count"] for side in together},
        "pairs": figures,
        "together": together,
        "curve_us": {side: curve_us(np.concatenate(found)) for side, found in latencies.items()},
        "frames": {
            side: spread([s["frames"] for s in rig.segments[warm:] if s["side"] == side]) for side in ("hot", "echo")
        },
        "ticks": {side: sum(s["count"] for s in rig.segments[warm:] if s["side"] == side) for side in ("hot", "echo")},
        "tail": explained(intents, rig),
    }
    return Found(series, detail)


def _line(side: str, found: dict[str, float]) -> str:
    return (
        f"{side} p50 {found['p50']:,.0f}, p99 {found['p99']:,.0f}, p99.9 {found['p999']:,.0f} us of {found['count']:,}"
    )
