"""Captures' messages a second through the Binance adapter, on one core: payloads in memory to tick rows.

Run: ``python -m benchmarks.adapter [FOLDER_OF_CAPTURES]``. Prints one JSON object. Kind: informational.
"""

from __future__ import annotations

import gc
import hashlib
import os
import sys
from pathlib import Path
from typing import Any

import orjson

from streams.clock import monotonic_s
from streams.home import use_kernel_cache

use_kernel_cache()

from feeds.binance import BinanceAdapter  # noqa: E402 - the kernel cache must have its place before numba is imported
from feeds.captures import open_captures  # noqa: E402
from streams.agent import Payload  # noqa: E402

ROUNDS = 5
BATCH = 1024


def measure(folder: Path, rounds: int = ROUNDS, batch: int = BATCH) -> dict[str, Any]:
    """Play a folder's captures so many times; the best and all rounds, and where the best one's time went."""
    began = monotonic_s()
    captures = open_captures(sorted(folder.glob("*.gz")))
    payloads = [Payload("binance", i, line.ts_recv, line.key, line.payload) for i, line in enumerate(captures)]
    reading_s = monotonic_s() - began
    adapter = BinanceAdapter()
    adapter.ingest(adapter.start(), payloads[:batch])
    gc.freeze()
    found = [_round(adapter, payloads, batch) for _ in range(rounds)]
    best = min(found, key=lambda one: one["parse_s"] + one["apply_s"])
    rates = [round(len(payloads) / (one["parse_s"] + one["apply_s"])) for one in found]
    return {
        "messages": len(payloads), "bytes": sum(len(p.value) for p in payloads), "batch": batch,
        "messages_per_s_best": max(rates), "messages_per_s": rates, "parse_s": round(best["parse_s"], 3),
        "apply_s": round(best["apply_s"], 3), "rows_sha256": best["sha256"],
        "capture_lines_per_s": round(len(payloads) / reading_s),
    }  # fmt: skip


def _round(adapter: BinanceAdapter, payloads: list[Payload], batch: int) -> dict[str, Any]:
    state, digest = adapter.start(), hashlib.sha256()
    parse_s = apply_s = 0.0
    for begin in range(0, len(payloads), batch):
        start = monotonic_s()
        messages, _ = adapter.read(payloads[begin : begin + batch])
        middle = monotonic_s()
        rows, _ = adapter.apply(state, messages)
        end = monotonic_s()
        parse_s += middle - start
        apply_s += end - middle
        digest.update(rows.tobytes())
    return {"parse_s": parse_s, "apply_s": apply_s, "sha256": digest.hexdigest()}


def main() -> None:
    """Print the measurement of the folder named, else of the shared captures."""
    shared = Path(os.environ.get("TAPEDECK_DATA", Path(__file__).parents[2] / "shared" / "data")) / "binance"
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else shared
    sys.stdout.write(orjson.dumps(measure(folder), option=orjson.OPT_INDENT_2).decode() + "\n")


if __name__ == "__main__":
    main()
