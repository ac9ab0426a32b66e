"""What transactions and snapshots cost: the hot task as it is, without them, and with a transaction for every batch.

Three processes of the same code, changed from outside (``benchmarks/children/commits.py``), take turns. ``throughput``:
each works the same ticks off, flat out, as ``benchmarks/flat_kafka.py`` does; seconds run to the last acknowledgement
or commit. ``latency``: each gets ticks at a rate in segments of its own, open loop, as ``benchmarks/tick_to_intent.py``
does, from a tick's scheduled time to the moment when a third process holds the intent; a stand-in answers.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

import msgspec
import numpy as np

from agents.supervisor import Supervisor
from agents.topology import writers
from agents.worker_spec import WorkerSpec
from benchmarks.declare import Found, Series
from benchmarks.harness import Harness
from benchmarks.processes import Child, close_all
from benchmarks.rig import BORN, PAUSE_S, RECEIVED, SETTLE_S
from benchmarks.runs import BenchRun, drop, open_fresh, untraded
from benchmarks.schedule import Segment
from benchmarks.spread import percentiles_us, ratios, significant
from benchmarks.tick_to_intent import NAMES, SKIP_NS, WARM_S, eager
from benchmarks.ticks import fill
from schemas.errors import TaskFailed
from streams.clock import sleep_s

WAYS = {"hot": "as it is", "plain": "plain", "batch": "each batch"}
"""Sides, and what each does: ``benchmarks/children/commits.py``."""
US_PER_S = 1e6
QUICK_SHARE = 5
BATCH_SHARE = 6
"""With a transaction for every batch a task works a sixth of the ticks off, in which it has hundreds of them."""
SECONDS, QUICK_SECONDS = 4.0, 1.5
INTENTS, DECISIONS = "orders.intent", "orders.decision"


def run(harness: Harness, *, measure: str, **sizes: int) -> Found:
    """Alternating rounds of the three, after one of each that is not counted."""
    return _throughput(harness, **sizes) if measure == "throughput" else _latency(harness, **sizes)


def _throughput(harness: Harness, *, ticks: int, frame_rows: int) -> Found:
    log, count = harness.log, ticks // QUICK_SHARE if harness.quick else ticks
    tapes = {side: untraded("commits-few" if side == "batch" else "commits-all") for side in WAYS}
    counts = {side: count // BATCH_SHARE if side == "batch" else count for side in WAYS}
    for side in ("hot", "batch"):
        open_fresh(log, tapes[side])
        topic = tapes[side].topic("ticks.<source>")
        fill(log, topic, tapes[side].run, harness.tape, counts[side], frame_rows)
    children = {side: Child("commits", bootstrap=harness.broker.bootstrap, way=way) for side, way in WAYS.items()}
    rates: dict[str, list[float]] = {side: [] for side in WAYS}
    cpu: dict[str, list[float]] = {side: [] for side in WAYS}
    try:
        for child in children.values():
            child.hear("ready")
        for turn in range(harness.pairs + 1):
            for side, child in children.items():
                plan = untraded(f"commits-{side}-{turn}")
                open_fresh(log, plan)
                child.tell(namespace=plan.namespace, run=plan.run, source=plan.source, sample=False,
                           ticks=tapes[side].topic("ticks.<source>"))  # fmt: skip
                figures = child.hear("done")
                if figures["inputs"] != counts[side]:
                    raise TaskFailed("a task lost ticks", got=str(figures["inputs"]), allowed=str(counts[side]))
                drop(log, plan.namespace)
                if turn:
                    rates[side].append(significant(counts[side] / figures["elapsed_s"]))
                    cpu[side].append(significant(figures["cpu_s"] * US_PER_S / counts[side]))
            if turn:
                harness.say(
                    f"  {turn} of {harness.pairs}: {', '.join(f'{s} {r[-1]:,.0f}/s' for s, r in rates.items())}"
                )
    finally:
        close_all(children.values())
        for side in ("hot", "batch"):
            drop(log, tapes[side].namespace)
    series = {way: Series(rates[side]) for side, way in WAYS.items()}
    for side in ("hot", "batch"):
        for name, of in (("", rates), ("CPU ", cpu)):
            pair = {s: of[s] for s in (side, "plain")}
            series[f"{name}{WAYS[side]} to plain"] = Series(ratios(of[side], of["plain"]), pair)
    return Found(series, {"ticks": count, "frame_rows": frame_rows})


def _latency(harness: Harness, *, rate: int) -> Found:
    seconds = QUICK_SECONDS if harness.quick else SECONDS
    warm = [Segment(side=side, label="warm", rate=rate, seconds=WARM_S, counted=False) for side in WAYS]
    counted = [Segment(side=s, label="", rate=rate, seconds=seconds) for _ in range(harness.pairs) for s in WAYS]
    plans = {side: eager(f"commits-{side}-{rate}", "live") for side in WAYS}
    for plan in plans.values():
        open_fresh(harness.log, plan)
    try:
        segments, rows = _segments(harness, plans, [*warm, *counted])
    finally:
        for plan in plans.values():
            drop(harness.log, plan.namespace)
    latencies: dict[str, list[Any]] = {side: [] for side in WAYS}
    for segment in segments[len(warm) :]:
        found = rows[segment["side"]]
        inside = (found[:, BORN] >= segment["origin_ns"] + SKIP_NS) & (found[:, BORN] <= segment["end_ns"])
        if not inside.any():
            raise TaskFailed("no intent came back in a segment", got=segment["side"], allowed="some in each")
        latencies[segment["side"]].append(found[inside, RECEIVED] - found[inside, BORN])
    return _compared(harness, latencies)


def _compared(harness: Harness, latencies: Mapping[str, list[Any]]) -> Found:
    figures = {side: [percentiles_us(one) for one in found] for side, found in latencies.items()}
    together = {side: percentiles_us(np.concatenate(found)) for side, found in latencies.items()}
    series = {}
    for key, name in NAMES.items():
        for side, way in WAYS.items():
            series[f"{name} {way}"] = Series([significant(together[side][key])])
        for side in ("hot", "batch"):
            pair = {s: [one[key] for one in figures[s]] for s in (side, "plain")}
            series[f"{name} {WAYS[side]} to plain"] = Series(ratios(pair[side], pair["plain"]), pair)
    for side, found in together.items():
        harness.say(f"  {WAYS[side]}: p50 {found['p50']:,.0f}, p99 {found['p99']:,.0f}, p99.9 {found['p999']:,.0f} us "
                    f"of {found['count']:,}")  # fmt: skip
    return Found(series, {"together": together})


def _segments(
    harness: Harness, plans: Mapping[str, BenchRun], segments: list[Segment]
) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Publish every segment to its side; what the publisher said of each, and what the reader noted by side."""
    bootstrap, file = harness.broker.bootstrap, harness.folder / "commits.npz"
    supervisors = [Supervisor(command=_command(way)) for way in WAYS.values()]
    children: list[Child] = []
    try:
        for supervisor, plan in zip(supervisors, plans.values(), strict=True):
            supervisor.start(_spec(bootstrap, plan))
        intents = {side: plan.topic(INTENTS) for side, plan in plans.items()}
        reader = Child("reader", bootstrap=bootstrap, topics=list(intents.values()), found=str(file))
        answered = {plan.topic(INTENTS): plan.topic(DECISIONS) for plan in plans.values()}
        publisher = Child(
            "publisher", bootstrap=bootstrap, run="commits", tape=str(harness.tape_file), pause_s=PAUSE_S,
            topics={side: plan.topic("ticks.<source>") for side, plan in plans.items()}, segments=segments,
        )  # fmt: skip
        children += [reader, publisher, Child("answers", bootstrap=bootstrap, topics=answered)]
        for supervisor in supervisors:
            supervisor.wait_ready()
        for child in children:
            child.hear("ready")
        publisher.tell(go=True)
        told = [publisher.hear("segment") for _ in segments]
        publisher.hear("done")
        sleep_s(SETTLE_S)
        reader.tell(save=True)
        reader.hear("done")
        for supervisor in supervisors:
            supervisor.poll(0)
            if supervisor.restarts:
                raise TaskFailed("a task died in a benchmark", got=str(supervisor.restarts))
        with np.load(file) as saved:
            return told, {side: saved[topic] for side, topic in intents.items()}
    finally:
        close_all(children)
        for supervisor in supervisors:
            supervisor.close()


def _spec(bootstrap: str, plan: BenchRun) -> WorkerSpec:
    task = next(task for task in plan.tasks if task.name == "hot")
    return WorkerSpec(
        bootstrap=bootstrap, namespace=plan.namespace, run=plan.run, source=plan.source, task=task.name,
        hops=list(task.hops), writers=writers(plan.tasks, plan.source), mode=plan.mode,
    )  # fmt: skip


def _command(way: str) -> Any:
    def command(spec: WorkerSpec) -> list[str]:
        arguments = [msgspec.json.encode({"way": way}).decode(), msgspec.json.encode(spec).decode()]
        return [sys.executable, "-m", "benchmarks.children.commits", *arguments]

    return command
