"""The spine on a real Kafka, beside a bare confluent-kafka echo: flat out, tick to intent, and the adapter.

Run: ``python -m benchmarks.spine [--pairs 5] [--quick] [--bootstrap HOST:PORT] [--only flat|latency|adapter]``.
Progress on stderr, one JSON object as the last line of stdout. Kind: informational.

1. **Flat out** from ticks on Kafka, at 256 rows a frame and at one. Hot: the fused task (feature, score, strategy) in a
   process of its own, default publishing (scores whole, features sampled, snapshots), in transactions. Its run has no
   ``position_max``, so nothing is traded and no answer is awaited. Echo: ``benchmarks/spine_echo.py``, same client
   settings, no transactions; per record read it writes as many records, of the same mean value and header size, as the
   hot task wrote in a first run that is not counted. At one row a frame the hot task joins rows into frames before it
   writes, and so the echo writes few records; ``echo_record_by_record`` writes every record back as it is. Seconds run
   from the opening of the reader (nothing fetched yet) to the last acknowledgement or commit.
2. **Tick to intent**, open loop: every tick is due at its own time and what is due leaves as one frame. The fused hot
   task with risk and venue, default parameters; latency is from a tick's scheduled time to the moment a third process
   holds the intent, uncommitted. The echo writes each tick record back; its latency is counted row by row.
3. **Adapter**: ``benchmarks/adapter.py``.

Ticks are the recorded captures through the adapter, repeated with times and numbers that go on.
"""

from __future__ import annotations

import argparse
import os
import platform
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from benchmarks.spine_process import END_S_MAX, REPOSITORY, Broker, guard_broker
from streams.broker import EmbeddedBroker
from streams.clock import monotonic_s
from streams.home import use_kernel_cache
from streams.kafka import KafkaLog, connect

use_kernel_cache()

from benchmarks.spine_flat import FlatOut  # noqa: E402 - the kernel cache must have its place before numba
from benchmarks.spine_latency import TickToIntent  # noqa: E402
from benchmarks.spine_runs import drop  # noqa: E402
from benchmarks.spine_ticks import captures, normalised  # noqa: E402
from schemas.errors import TapedeckError, TaskFailed  # noqa: E402

PAIRS, QUICK_PAIRS = 5, 2
TICKS = {256: 2_000_000, 1: 200_000}
"""Ticks by rows a frame, flat out."""
QUICK_TICKS = {256: 500_000, 1: 50_000}
RATES = (1_000, 10_000)
SECONDS, QUICK_SECONDS = 20.0, 5.0
PARTS = ("flat", "latency", "adapter")
INTERRUPTED = 130


def say(message: str) -> None:
    """Progress."""
    print(f"{monotonic_s() - BEGAN:7.1f} s  {message}", file=sys.stderr, flush=True)


BEGAN = monotonic_s()


@contextmanager
def broker_for(bootstrap: str | None, folder: Path) -> Iterator[Broker]:
    """The broker named, else an embedded one of a temporary home, gone at the end whichever way this process ends."""
    if bootstrap:
        yield Broker(bootstrap, None)
        return
    guard = guard_broker(folder)
    embedded = EmbeddedBroker(folder)
    try:
        status = embedded.up(progress=say)
        assert status.bootstrap is not None
        yield Broker(status.bootstrap, status.pid)
    finally:
        embedded.down()
        guard.communicate(timeout=END_S_MAX * 3)


def adapter() -> dict[str, Any]:
    """Messages a second through the adapter, measured in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.adapter", str(captures()[0].parent)], cwd=REPOSITORY, capture_output=True,
        check=False,
    )  # fmt: skip
    if done.returncode:
        raise TaskFailed("benchmarks.adapter failed", got=done.stderr.decode(errors="replace")[-500:])
    found: dict[str, Any] = msgspec.json.decode(done.stdout)
    say(f"adapter: {found['messages_per_s_best']:,} messages/s")
    return found


def on_kafka(log: KafkaLog, broker: Broker, folder: Path, args: argparse.Namespace) -> dict[str, Any]:
    """Parts 1 and 2."""
    tape = normalised(captures())
    np.save(folder / "tape.npy", tape)
    say(f"{len(tape):,} ticks from {len(captures())} captures")
    found: dict[str, Any] = {}
    if "flat" in args.only:
        ticks = QUICK_TICKS if args.quick else TICKS
        found["flat_out"] = {
            str(rows): FlatOut(log, broker, tape, rows, count, say).measure(args.pairs) for rows, count in ticks.items()
        }
    if "latency" in args.only:
        seconds = QUICK_SECONDS if args.quick else SECONDS
        found["tick_to_intent"] = {
            str(rate): TickToIntent(log, broker, folder, rate, seconds, say).measure(args.pairs) for rate in RATES
        }
    return found


def measure(args: argparse.Namespace) -> dict[str, Any]:
    """All parts asked for."""
    found: dict[str, Any] = {
        "kind": "informational", "pairs": args.pairs, "quick": args.quick, "cores": os.cpu_count(),
        "python": platform.python_version(), "load_at_start": os.getloadavg()[0],
    }  # fmt: skip
    if {"flat", "latency"} & set(args.only):
        with (
            tempfile.TemporaryDirectory(prefix="tapedeck-spine-", ignore_cleanup_errors=True) as name,
            broker_for(args.bootstrap, Path(name)) as broker,
            closing(connect(broker.bootstrap)) as log,
        ):
            try:
                found |= on_kafka(log, broker, Path(name), args)
            finally:
                drop(log)
    if "adapter" in args.only:
        found["adapter"] = adapter()
    return found


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.spine", description="The spine beside a bare echo.")
    parser.add_argument("--pairs", type=int, help=f"alternating pairs (default {PAIRS}, with --quick {QUICK_PAIRS})")
    parser.add_argument("--quick", action="store_true", help="short runs: to see that it works, not to quote")
    parser.add_argument("--bootstrap", help="HOST:PORT of a Kafka that is there (default: an embedded one, temporary)")
    parser.add_argument("--only", action="append", choices=PARTS, help="one part; may be repeated (default: all)")
    args = parser.parse_args()
    args.pairs = args.pairs or (QUICK_PAIRS if args.quick else PAIRS)
    args.only = args.only or list(PARTS)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        found = measure(args)
    except KeyboardInterrupt:
        return INTERRUPTED
    except TapedeckError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    print(msgspec.json.encode(found).decode())
    return 0


if __name__ == "__main__":
    sys.exit(main())
