"""What makes intents slow, told from stamps and from the log: when the hot task stood still, and why.

It stands still where ticks lay ready and it took none for longer than ``STALL_NS``: the score topic's stamps tell
when. Why: it awaited an answer where the batch before reached past the time at which an answer fell due that had not
left yet; it committed where its snapshot falls into that time; else it is its own work between two batches, or the
scheduler, or the broker, and the CPU shares beside tell which.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from agents.topology import FUSED
from benchmarks.spine_figures import percentiles
from replay.plan import PlayPlan
from schemas.codec import decode_any
from schemas.decision import Decision
from schemas.document import Document
from schemas.execution import Execution
from schemas.header import unpack
from streams.log import Log

HOT = next(task for task in FUSED if task.name == "hot")
RECEIVED, BORN, PUBLISHED, HOT_IN, SCORED, STRATEGY_IN, STRATEGY_OUT = 0, 1, 3, 4, 7, 8, 9
"""Columns of an intent: when it was received, then its stamps (born, and in and out of each of the four hops)."""

INTERVALS = {
    "publisher_late": (BORN, PUBLISHED), "kafka_and_wait_for_hot": (PUBLISHED, HOT_IN),
    "feature_and_score": (HOT_IN, SCORED), "strategy": (STRATEGY_IN, STRATEGY_OUT),
    "kafka_to_reader": (STRATEGY_OUT, RECEIVED), "born_to_strategy_out": (BORN, STRATEGY_OUT),
}  # fmt: skip
STALL_NS = 3_000_000
"""Between a tick's publication and its being taken: more than a Kafka hop is waiting."""
SLOWEST_SHARE = 0.05
NANOS_PER_MS = 1_000_000
CAUSES = ("answer awaited", "commit", "own work, scheduler or broker")
FAST = "none: it did not stand still"


def stalls(log: Log, plan: PlayPlan, scores: Any) -> Any:
    """When the hot task of a finished run stood still: int64 (begin, end, index into CAUSES), wall ns, shape (n, 3).

    Args:
        log: Where the run lies.
        plan: The run; its log time is wall time.
        scores: Stamps of every score in order: born, and in and out of normalise, feature and score.
    """
    taken = np.flatnonzero(np.diff(scores[:, 3])) + 1  # the first row of each batch but the first
    begin = np.maximum(scores[taken - 1, 6], scores[taken, 2])
    end = scores[taken, 3]
    long = end - begin > STALL_NS
    reached = scores[taken - 1, 0]
    reached_before = np.concatenate((scores[:1, 0] - 1, reached[:-1]))
    waited = _awaited(_answers(log, plan), reached_before[long], reached[long], scores[taken - 1, 3][long])
    begin, end = begin[long], end[long]
    state = log.scan(plan.topic("state"), HOT.state_partition, 0, committed=False)
    commits = np.array([r.timestamp_ms * NANOS_PER_MS for r in state if r.key == HOT.name.encode()], dtype=np.int64)
    committing = ((commits >= begin[:, None] - NANOS_PER_MS) & (commits <= end[:, None])).any(axis=1)
    return np.stack((begin, end, np.select([waited, committing], [0, 1], 2)), axis=1)


def stood_still(found: Any, elapsed_ns: int) -> dict[str, float]:
    """Share of the time, in percent, by cause."""
    lengths = found[:, 1] - found[:, 0]
    return {name: round(100 * float(lengths[found[:, 2] == i].sum()) / elapsed_ns, 2) for i, name in enumerate(CAUSES)}


def stalled_ns(intents: Any, found: Any) -> Any:
    """How much of each intent's way to the strategy's exit fell into stalls of each cause: shape (intents, CAUSES)."""
    begin = np.maximum(intents[:, PUBLISHED, None], found[:, 0])
    overlap = np.maximum(0, np.minimum(intents[:, STRATEGY_OUT, None], found[:, 1]) - begin)
    return np.stack([(overlap * (found[:, 2] == i)).sum(axis=1) for i in range(len(CAUSES))], axis=1)


def explained(intents: Any, stalled: Any) -> dict[str, Any]:
    """Latency by main cause, what the slowest intents waited for, and each interval of the way."""
    latency = intents[:, RECEIVED] - intents[:, BORN]
    slowest = latency >= np.quantile(latency, 1 - SLOWEST_SHARE)
    cause = np.where(stalled.any(axis=1), stalled.argmax(axis=1), len(CAUSES))
    named = dict(enumerate((*CAUSES, FAST)))
    return {
        "latency_by_main_cause": {name: percentiles(latency[cause == i]) for i, name in named.items()},
        "slowest_5_percent_by_main_cause": {name: int((cause[slowest] == i).sum()) for i, name in named.items()},
        "slowest_5_percent_mean_us": {
            "latency": _mean_us(latency[slowest]),
            **{f"in stalls: {name}": _mean_us(stalled[slowest, i]) for i, name in enumerate(CAUSES)},
            **{name: _mean_us(intents[slowest, b] - intents[slowest, a]) for name, (a, b) in INTERVALS.items()},
        },
        "intervals": {name: percentiles(intents[:, b] - intents[:, a]) for name, (a, b) in INTERVALS.items()},
    }


def _answers(log: Log, plan: PlayPlan) -> Any:
    """When each final answer fell due, and when it left risk or the venue: wall ns, shape (answers, 2)."""
    found = []
    for topic in ("executions", "orders.decision"):
        for record in log.scan(plan.topic(topic), 0, 0, committed=False):
            assert record.header is not None
            due = _due(decode_any(record.value), plan.venue_latency_ns)
            if due is not None:
                found.append((due, int(unpack(record.header).stamps[0, -1])))
    return np.array(found, dtype=np.int64).reshape(-1, 2)


def _due(document: Document, venue_latency_ns: int) -> int | None:
    """When a final answer falls due, log time (here wall ns); None for anything else."""
    if isinstance(document, Execution) and document.final:
        return document.ts
    if isinstance(document, Decision) and document.verdict == "denied":
        return document.ts + venue_latency_ns
    return None


def _awaited(answers: Any, after: Any, until: Any, taken_ns: Any) -> Any:
    """Whether a batch reached an answer's due time (``after`` < due <= ``until``) before that answer had left."""
    due, left = answers[:, 0], answers[:, 1]
    return ((due > after[:, None]) & (due <= until[:, None]) & (left > taken_ns[:, None])).any(axis=1)


def _mean_us(values_ns: Any) -> float:
    return round(float(values_ns.mean()) / 1_000, 1)
