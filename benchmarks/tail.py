"""What makes the slowest intents slow: each one's way is divided among the causes seen while it was under way.

=============  =======================================================================================================
late           the publisher sent the tick after its scheduled time
commit         the hot task was in a commit, or the intent was the first record of the transaction after one
collection     the hot task's Python was collecting garbage
scheduler      threads of publisher, hot task, broker or reader were ready to run and had no core (``schedstat``)
hot            the hot task worked: on this batch, or on the one before
broker         the rest: the two hops through Kafka
=============  =======================================================================================================

An intent's main cause is the part that is the most above that part's median over all intents.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.children.worker import COLLECTION, COMMIT
from benchmarks.rig import BORN, HOT_IN, PUBLISHED, RECEIVED, RigFound
from benchmarks.schedule import SECOND_NS
from benchmarks.spread import percentiles_us

SIDES = ("hot", "echo")
SLOWEST_SHARE = 0.01
CAUSES = ("late", "commit", "collection", "scheduler", "hot", "broker")
PATH = ("publisher", "hot", "broker", "reader")
"""Processes that an intent's way leads through."""
AFTER_COMMIT_NS = 20_000_000
"""The first send of a transaction adds its partition to it; one that leaves this soon after a commit may be it."""
STRATEGY_OUT = -1
"""Column: the last stamp."""
INTERVALS = {
    "born to published": (BORN, PUBLISHED), "published to hot": (PUBLISHED, HOT_IN),
    "hot to its exit": (HOT_IN, STRATEGY_OUT), "exit to reader": (STRATEGY_OUT, RECEIVED),
}  # fmt: skip


def explained(intents: Any, rig: RigFound) -> dict[str, Any]:
    """Of the slowest intents: how many have which main cause, and their mean parts, beside those of all."""
    parts = parts_ns(intents, rig)
    latency = intents[:, RECEIVED] - intents[:, BORN]
    slowest = latency >= np.quantile(latency, 1 - SLOWEST_SHARE)
    cause = np.argmax(parts - np.median(parts, axis=0), axis=1)
    return {
        "slowest": int(slowest.sum()),
        "slowest_by_main_cause": {name: int((cause[slowest] == i).sum()) for i, name in enumerate(CAUSES)},
        "slowest_mean_us": _means(latency[slowest], parts[slowest]),
        "all_mean_us": _means(latency, parts),
        "intervals_us": {n: percentiles_us(intents[:, b] - intents[:, a]) for n, (a, b) in INTERVALS.items()},
        "commit_us": percentiles_us(_lengths(rig.notes, COMMIT)),
        "collection_us": percentiles_us(_lengths(rig.notes, COLLECTION)),
        "scheduler_wait_percent": {side: waited_percent(rig, side) for side in SIDES},
        "cpu_percent_of_a_core": {side: cpu_percent(rig, side) for side in SIDES},
    }


def parts_ns(intents: Any, rig: RigFound) -> Any:
    """How each intent's time divides, int64 (intents, causes); each row adds up to the latency."""
    born, published, received = intents[:, BORN], intents[:, PUBLISHED], intents[:, RECEIVED]
    taken, left = intents[:, HOT_IN], intents[:, STRATEGY_OUT]
    commits, collections = (rig.notes[rig.notes[:, 2] == kind] for kind in (COMMIT, COLLECTION))
    late = np.maximum(0, published - born)
    commit = overlap(published, received, commits) + _first_send(left, received, commits)
    collection = overlap(published, received, collections)
    hot = np.maximum(0, left - taken - overlap(taken, left, commits) - overlap(taken, left, collections))
    rest = received - born
    found = []
    for part in (late, commit, collection, hot):
        found.append(np.minimum(part, rest))
        rest = rest - found[-1]
    scheduler = np.minimum(runnable(rig, published, received), rest)
    late, commit, collection, hot = found
    return np.stack((late, commit, collection, scheduler, hot, rest - scheduler), axis=1)


def overlap(begin: Any, end: Any, windows: Any) -> Any:
    """How much of each interval falls into the windows, which do not overlap each other."""
    if not len(windows):
        return np.zeros(len(begin), dtype=np.int64)
    return np.maximum(
        0, np.minimum(end[:, None], windows[None, :, 1]) - np.maximum(begin[:, None], windows[None, :, 0])
    ).sum(axis=1)


def runnable(rig: RigFound, begin: Any, end: Any) -> Any:
    """For how long, within each interval, processes of the path waited for a core: by linear shares of each look."""
    columns = [1 + rig.names.index(name) for name in PATH if name in rig.names]
    times = rig.waits[:, 0]
    total = np.concatenate(([0], np.cumsum(rig.waits[1:, columns].sum(axis=1))))
    return (np.interp(end, times, total) - np.interp(begin, times, total)).astype(np.int64)


def waited_percent(rig: RigFound, side: str) -> dict[str, float]:
    """Share of a side's segments for which a process's thread was ready and had no core."""
    return _percent(rig, side, rig.waits[:, 0], np.cumsum(rig.waits[:, 1:], axis=0))


def cpu_percent(rig: RigFound, side: str) -> dict[str, float]:
    """CPU of each process during a side's segments, in percent of one core."""
    return _percent(rig, side, rig.memory[:, 0], rig.memory[:, 2::2] * SECOND_NS)


def _percent(rig: RigFound, side: str, times: Any, totals: Any) -> dict[str, float]:
    segments = [(s["origin_ns"], s["end_ns"]) for s in rig.segments if s["side"] == side]
    elapsed = sum(end - begin for begin, end in segments) or 1
    found = {}
    for i, name in enumerate(rig.names):
        used = sum(
            np.interp(end, times, totals[:, i]) - np.interp(begin, times, totals[:, i]) for begin, end in segments
        )
        found[name] = round(100 * float(used / elapsed), 1)
    return found


def _first_send(left: Any, received: Any, commits: Any) -> Any:
    """The time from the strategy's exit to the reader, where a commit ended shortly before that exit."""
    if not len(commits):
        return np.zeros(len(left), dtype=np.int64)
    ends = np.sort(commits[:, 1])
    at = np.searchsorted(ends, left, side="right") - 1
    since = left - ends[np.maximum(at, 0)]
    return np.where((at >= 0) & (since < AFTER_COMMIT_NS), received - left, 0)


def _lengths(notes: Any, kind: int) -> Any:
    of_kind = notes[notes[:, 2] == kind]
    return of_kind[:, 1] - of_kind[:, 0]


def _means(latency: Any, parts: Any) -> dict[str, float]:
    means = {name: round(float(parts[:, i].mean()) / 1_000, 1) for i, name in enumerate(CAUSES)}
    return {"latency": round(float(latency.mean()) / 1_000, 1), **means}
