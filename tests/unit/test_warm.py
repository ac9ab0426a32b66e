"""Warming compiles all that a stage will call: no record waits for a compiler."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import orjson
import pytest
from numba.core.dispatcher import Dispatcher

from agents import peer_scan
from agents.context import context_of, read_context
from agents.normalise import Normalise
from agents.topology import FUSED, writers
from agents.topology_file import PeersTable
from agents.warm import warm
from feeds import binance_hot, binance_numbers, book_sync, book_tables, nesting
from feeds.definitions import DEFINITIONS
from feeds.simulator import SOURCE, simulate
from replay.plan import PlayPlan
from replay.session import MemorySession
from streams.agent import Batch, Payload
from streams.frame_run import warm as warm_frames
from streams.runner import Task
from streams.task_plan import TaskPlan

REPOSITORY = Path(__file__).resolve().parents[2]

KERNELS: list[Any] = [
    binance_hot.read_hot, binance_numbers.read_numbers, nesting.nesting, book_sync.apply_messages,
    book_tables.tables_of, peer_scan.flag_suspects,
]  # fmt: skip
"""Those that Python calls."""
COMPARED = PeersTable(compare=True)


def compiled() -> list[int]:
    return [len(kernel.signatures) for kernel in KERNELS]


def play() -> None:
    """Warm a stage, then give it all kinds of batches: nothing more may be compiled."""
    context = context_of(PlayPlan(run="r", venue_latency_ns=1, peers=COMPARED).opening(), DEFINITIONS)
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


def signatures() -> dict[str, int]:
    """How often each kernel of ours has been compiled."""
    ours = ("agents", "features", "feeds", "models", "streams")
    modules = [module for name, module in sys.modules.items() if name.split(".")[0] in ours]
    kernels = {k for m in modules for k in vars(m).values() if isinstance(k, Dispatcher)}
    return {f"{k.py_func.__module__}.{k.py_func.__qualname__}": len(k.signatures) for k in kernels}


def work(name: str) -> None:
    """Make a task as a worker does, then let it work off what a session has for it: nothing more may be compiled."""
    session = MemorySession(PlayPlan(run="r", seconds=5.0, seed=1, venue_latency_ns=50_000_000, peers=COMPARED))
    session.run(lambda: None)
    log, plan = session.log, session.plan
    hops = next(task for task in FUSED if task.name == name)
    context = read_context(log, plan.namespace)
    stages = hops.build(context)
    kernels: list[Any] = [k for m in list(sys.modules.values()) for k in vars(m).values() if isinstance(k, Dispatcher)]
    for kernel in kernels:
        kernel._reset_overloads()  # as in a process that has done nothing yet
    warm(stages, context)
    warm_frames()
    before = signatures()
    # Another name: it begins at the beginning, and the log's own tasks are none of its business.
    again = TaskPlan(
        name="again", namespace=plan.namespace, source=plan.source, run=plan.run, state_partition=hops.state_partition,
        writers=writers(FUSED, plan.source),
    )  # fmt: skip
    task = Task(again, stages, log)
    for _ in range(2_000):
        task.turn(0.0)
    assert task.inputs > 10
    after = signatures()
    assert after == before, {kernel: n for kernel, n in after.items() if n != before.get(kernel)}


@pytest.mark.parametrize("call", ["play()", *(f"work({task.name!r})" for task in FUSED)])
def test_a_task_compiles_nothing_after_it_was_warmed(call: str) -> None:
    # In a process of its own: here, other tests have long compiled everything.
    code = f"from tests.unit import test_warm; test_warm.{call}"
    done = subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
