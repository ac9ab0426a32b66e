"""Recorded messages a second through the venue's adapter and its books, on one core: payloads in memory to tick rows.

Beside it: ``orjson.loads`` of the same payloads, which is what reading them costs before anything is known of them.
Both by CPU time, so that what else runs on the machine does not count.
"""

from __future__ import annotations

import gc
import hashlib
import time

import orjson

from benchmarks.declare import Found, Series
from benchmarks.harness import Harness
from benchmarks.spread import ratios
from benchmarks.ticks import payloads
from feeds.adapter import Adapter
from feeds.venues import adapter_of
from streams.agent import Payload

BATCH = 256
"""Payloads at a time: as many as a task takes in one read."""
QUICK_MESSAGES = 50_000


def run(harness: Harness) -> Found:
    """Alternating pairs over all messages."""
    messages = payloads()[: QUICK_MESSAGES if harness.quick else None]
    adapt(adapter_of("binance"), messages[:BATCH])
    gc.collect()
    gc.freeze()
    rates: dict[str, list[float]] = {"adapter": [], "orjson": []}
    digests = set()
    for _ in range(harness.pairs):
        taken_s, digest = adapt(adapter_of("binance"), messages)
        digests.add(digest)
        rates["adapter"].append(round(len(messages) / taken_s))
        rates["orjson"].append(round(len(messages) / parse(messages)))
    gc.unfreeze()
    detail = {
        "messages": len(messages), "bytes": sum(len(p.value) for p in messages), "batch": BATCH,
        "rows_sha256": sorted(digests),
    }  # fmt: skip
    return Found(
        {
            "messages": Series(rates["adapter"]),
            "adapter to orjson": Series(ratios(rates["adapter"], rates["orjson"]), rates),
        },
        detail,
    )


def adapt(adapter: Adapter, messages: list[Payload]) -> tuple[float, str]:
    """CPU seconds, and a hash of the rows."""
    state, digest, taken_ns = adapter.start(), hashlib.sha256(), 0
    for at in range(0, len(messages), BATCH):
        batch = messages[at : at + BATCH]
        began = time.process_time_ns()
        rows = adapter.ingest(state, batch)[0]
        taken_ns += time.process_time_ns() - began
        digest.update(rows.tobytes())
    return taken_ns / 1e9, digest.hexdigest()


def parse(messages: list[Payload]) -> float:
    """CPU seconds of ``orjson.loads`` alone."""
    began = time.process_time_ns()
    for message in messages:
        try:
            orjson.loads(message.value)
        except orjson.JSONDecodeError:
            continue
    return (time.process_time_ns() - began) / 1e9
