"""Warming compiles all that a stage will call: no record waits for a compiler."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import orjson

from agents.context import context_of
from agents.normalise import Normalise
from agents.warm import warm
from feeds import binance_hot, binance_numbers, binance_sync, binance_tables, binance_wire
from feeds.definitions import DEFINITIONS
from feeds.simulator import SOURCE, simulate
from replay.plan import PlayPlan
from streams.agent import Batch, Payload

REPOSITORY = Path(__file__).resolve().parents[2]

KERNELS: list[Any] = [
    binance_hot.read_hot, binance_numbers.read_numbers, binance_wire.nesting, binance_sync.apply_messages,
    binance_tables.tables_of,
]  # fmt: skip
"""Those that Python calls."""


def compiled() -> list[int]:
    return [len(kernel.signatures) for kernel in KERNELS]


def play() -> None:
    """Warm a stage, then give it all kinds of batches: nothing more may be compiled."""
    context = context_of(PlayPlan(run="r", venue_latency_ns=1).opening(), DEFINITIONS)
    stage = Normalise(context)
    warm([stage], context)
    before = compiled()
    assert all(before)
    payloads = [Payload(SOURCE, i, m.ts_recv, m.key, m.payload) for i, m in enumerate(simulate(seconds=1, seed=3))]
    payloads.append(Payload(SOURCE, len(payloads), 10**18, payloads[0].key, b"garbage"))
    payloads.append(Payload(SOURCE, 2**63, 10**18, payloads[0].key, orjson.dumps({})))
    state = stage.start()
    for batch in (payloads[:1], payloads, payloads[-1:], payloads[-2:]):
        stage.step(state, Batch.of(batch))
    stage.restore(stage.snapshot(state))
    assert compiled() == before


def test_normalise_compiles_nothing_after_it_was_warmed() -> None:
    # In a process of its own: here, other tests have long compiled everything.
    code = "from tests.unit import test_warm; test_warm.play()"
    done = subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
