"""Side records of a task that dies and comes back: each is told once, from where the snapshot stands."""

from __future__ import annotations

import random
from typing import Any

import pytest

from replay.plan import PlayPlan, open_run
from schemas.catalog import CLOCK, END, EXECUTION, RAW
from schemas.clock import Clock
from schemas.codec import decode, encode
from schemas.control import End
from schemas.document import Root
from schemas.execution import Execution
from schemas.header import Header, pack, unpack
from streams.agent import Batch, DocumentOut, Out
from streams.failpoints import STARTING
from streams.memory import MemoryLog
from streams.runner import Task
from streams.scheduler import SimulatedCrash
from streams.state_bytes import dump, load
from streams.task_plan import TaskPlan

PLAN = PlayPlan(run="r", speed=0.0)
PAYLOADS, REPORTS = 60, 240
NAME = "counting"
State = dict[str, int]


class Counting:
    """Goes on at each payload only when it has been told enough; at the end it says how much it was told."""

    name = "risk"
    reads = "raw.<source>"
    sides = ("executions",)
    writes = ("clock",)

    def start(self) -> State:
        return {"told": 0, "sum": 0, "seen": 0, "ended": 0}

    def step(self, state: State, batch: Batch) -> Out:
        out = Out(consumed=0)
        for _ in batch.items:
            if state["told"] < state["seen"] * REPORTS // (3 * PAYLOADS):  # the rest comes while it finishes
                out.waits = self.sides
                break
            state["seen"] += 1
            out.consumed += 1
        return out

    def offer(self, state: State, topic: str, items: Any, *, ended: bool) -> None:
        assert topic == "executions"
        state["told"] += len(items)
        state["sum"] += sum(item.ts for item in items)
        state["ended"] += ended

    def finish(self, state: State) -> Out:
        if not state["ended"]:
            return Out(consumed=0, waits=self.sides)
        said = [DocumentOut("clock", b"", Clock(ts=state[name])) for name in ("told", "sum", "seen", "ended")]
        return Out(consumed=0, documents=said)

    def snapshot(self, state: State) -> bytes:
        return dump("counting/1", {}, state)

    def restore(self, data: bytes) -> State:
        return load("counting/1", data)[1]


def report(seq: int) -> Execution:
    return Execution(
        execution_id=str(seq), client_order_id=str(seq), root=Root(source="test", seq=seq), ts=seq, account="a",
        strategy="s", instrument_id=1, instrument="spot:BTCUSDT", side="buy", status="filled", last_quantity=1,
        last_price=1, cumulative_quantity=1, leaves_quantity=0, report_index=0, final=True,
    )  # fmt: skip


def written(rng: random.Random) -> MemoryLog:
    """Payloads; reports of a venue that died now and then and said again what it had left uncommitted; strangers."""
    log = MemoryLog()
    open_run(log, PLAN)
    appender = log.appender()
    raw, executions = PLAN.topic("raw.<source>"), PLAN.topic("executions")
    for seq in range(PAYLOADS):
        header = Header(schema=RAW.number, version=1, seq=seq, time=1, writer=PLAN.source)
        appender.append(raw, 0, b"k", b"{}", pack(header))
    end = encode(End(run="r", ts=1, inputs=0))
    appender.append(
        raw, 0, b"", end, pack(Header(schema=END.number, version=1, seq=PAYLOADS, time=1, writer=PLAN.source))
    )
    at = 0
    while at < REPORTS:
        said = rng.randrange(1, 12)
        for seq in range(at, min(at + said, REPORTS)):
            header = Header(schema=EXECUTION.number, version=1, seq=seq, time=1, writer="venue")
            appender.append(executions, 0, b"k", encode(report(seq)), pack(header))
        if rng.random() < 0.3:
            appender.append(executions, 0, b"k", b"garbage", rng.choice([None, b"cut", pack(header)]))
        at += max(1, said - rng.choice([0, 0, 0, 1, 5]))
    end_header = Header(schema=END.number, version=1, seq=REPORTS, time=1, writer="venue")
    appender.append(executions, 0, b"", end, pack(end_header))
    return log


@pytest.mark.parametrize("seed", range(30))
def test_each_side_record_is_told_once_whatever_dies(seed: int) -> None:
    rng = random.Random(seed)
    log = written(rng)
    deaths, now = [0], [0.0]

    def fault(point: str, _inputs: int) -> None:
        if point not in STARTING and deaths[0] < 15 and rng.random() < 0.2:
            deaths[0] += 1
            raise SimulatedCrash("drill")

    plan = TaskPlan(
        name=NAME, namespace=PLAN.namespace, source=PLAN.source, run="r", records_max=rng.randrange(1, 20),
        commit_interval_s=2.0,
    )  # fmt: skip

    def life() -> Task:
        return Task(plan, [Counting()], log, failpoint=fault, monotonic=lambda: now[0])

    task, turns = life(), 0
    while not task.done:
        turns += 1
        assert turns < 5_000
        now[0] += rng.random()
        try:
            task.turn(0.0)
        except SimulatedCrash:
            task = life()
    found = []
    for record in log.scan(PLAN.topic("clock"), 0, 0, committed=True):
        assert record.header is not None
        if unpack(record.header).schema == CLOCK.number:
            found.append(decode(record.value, Clock).ts)
    assert found == [REPORTS, REPORTS * (REPORTS - 1) // 2, PAYLOADS, 1]
    assert deaths[0] > 3
