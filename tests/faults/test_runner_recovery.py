"""The runner on the memory log: killed anywhere, it gives what it would have given, once."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from schemas.catalog import CLOCK, END, TICK_SCHEMA
from schemas.clock import Clock
from schemas.codec import decode_any, encode
from schemas.control import End
from schemas.errors import Fenced, SnapshotError, StateDiverged
from schemas.header import Header, pack, unpack
from schemas.tick import TICK
from streams.agent import Batch, DocumentOut, Out
from streams.failpoints import STARTING
from streams.frame import encode_rows
from streams.log import TopicSpec
from streams.memory import MemoryLog
from streams.runner import Task
from streams.scheduler import SimulatedCrash
from streams.state_bytes import dump, load
from streams.task_plan import TaskPlan

ROWS = 400
TOPICS = ("ticks.test", "clock", "orders", "state", "dlq")


class Summing:
    """Adds up sizes; a clock record on the side replaces the factor from where it lies. Speaks at every third row."""

    name = "risk"
    reads = "ticks.<source>"
    sides = ("clock",)
    writes = ("orders",)

    def __init__(self, drift: int = 0) -> None:
        self._drift = drift

    def start(self) -> dict[str, int]:
        return {"total": 0, "factor": 1}

    def step(self, state: dict[str, int], batch: Batch) -> Out:
        out = Out(consumed=len(batch))
        rows: Any = batch.items
        for i in range(len(batch)):
            state["total"] += state["factor"] * int(rows["size"][i])
            if int(rows["size"][i]) % 3 == 0:
                out.documents.append(DocumentOut("orders", b"k", Clock(ts=state["total"] + self._drift), i))
        return out

    def offer(self, state: dict[str, int], topic: str, items: Any, *, ended: bool) -> None:
        for item in items:
            state["factor"] = item.ts

    def finish(self, state: dict[str, int]) -> Out:
        return Out(consumed=0)

    def snapshot(self, state: dict[str, int]) -> bytes:
        return dump("summing/1", {}, state)

    def restore(self, data: bytes) -> dict[str, int]:
        return load("summing/1", data)[1]


def plan() -> TaskPlan:
    return TaskPlan(
        name="summing", namespace="", source="test", run="r", mode="live", commit_interval_s=5.0, records_max=2
    )  # fmt: skip


def log_with_ticks(seed: int, frame_rows_max: int = 9) -> MemoryLog:
    log = MemoryLog()
    log.create([TopicSpec(t, partitions=6 if t == "state" else 1) for t in TOPICS])
    appender = log.appender()
    rng = random.Random(seed)
    rows = np.zeros(ROWS, dtype=TICK)
    rows["size"] = np.arange(ROWS)
    rows["ts_log"] = np.arange(ROWS)
    at = 0
    while at < ROWS:
        n = rng.randrange(1, frame_rows_max)
        chunk = rows[at : at + n]
        header = Header(schema=TICK_SCHEMA.number, version=1, seq=at, time=at, writer="feed", count=len(chunk))
        appender.append("ticks.test", 0, None, encode_rows(chunk), pack(header))
        at += n
    end = Header(schema=END.number, version=1, seq=ROWS, time=ROWS, writer="feed")
    appender.append("ticks.test", 0, None, encode(End(run="r", ts=ROWS, inputs=ROWS)), pack(end))
    return log


def say_factor(log: MemoryLog, seq: int, factor: int) -> None:
    header = Header(schema=CLOCK.number, version=1, seq=seq, time=0, writer="clock")
    log.appender().append("clock", 0, None, encode(Clock(ts=factor)), pack(header))


def committed(log: MemoryLog) -> list[int]:
    documents = []
    for record in log.scan("orders", 0, 0, committed=True):
        document = decode_any(record.value)
        if isinstance(document, Clock):
            documents.append(document.ts)
    return documents


def seen_uncommitted(log: MemoryLog) -> dict[int, set[bytes]]:
    seen: dict[int, set[bytes]] = {}
    for record in log.scan("orders", 0, 0, committed=False):
        assert record.header is not None
        seen.setdefault(unpack(record.header).seq, set()).add(record.value)
    return seen


def finish(task: Task) -> None:
    while not task.done:
        task.turn(0.0)


def long_ago() -> int:
    """A wall before any clock record: these are numbers to count with, and nothing is to be held for them."""
    return 0


class Clockwork:
    """Turns as time: commits fall where the seed says."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize("seed", range(40))
def test_killed_anywhere_a_live_task_repeats_what_readers_have_seen(seed: int) -> None:
    rng = random.Random(seed)
    log = log_with_ticks(seed)
    clockwork = Clockwork()

    def failpoint(name: str, _inputs: int) -> None:
        if deaths[0] < 12 and name not in STARTING and rng.random() < 0.15:
            deaths[0] += 1
            raise SimulatedCrash(name)

    deaths = [0]
    factors = 0
    task = Task(plan(), [Summing()], log, failpoint=failpoint, monotonic=clockwork, wall=long_ago)
    while not task.done:
        if rng.random() < 0.3:
            factors += 1
            say_factor(log, factors - 1, rng.randrange(1, 1000))
        clockwork.now += rng.random() * 3
        try:
            task.turn(0.0)
        except SimulatedCrash:
            task = Task(plan(), [Summing()], log, failpoint=failpoint, monotonic=clockwork, wall=long_ago)
    assert deaths[0] > 1
    assert factors > 3
    seen = seen_uncommitted(log)
    assert sorted(seen) == list(range(len(seen)))
    assert all(len(values) == 1 for values in seen.values()), "a reader has seen two versions of one seq"
    assert len(committed(log)) == (ROWS + 2) // 3
    assert len(set(committed(log))) > 100


def test_a_twin_shuts_the_former_holder_out() -> None:
    log = log_with_ticks(1)
    first = Task(plan(), [Summing()], log, wall=long_ago)
    first.turn(0.0)
    second = Task(plan(), [Summing()], log, wall=long_ago)
    with pytest.raises(Fenced):
        first.commit()
    finish(second)
    assert len(committed(log)) == (ROWS + 2) // 3


def test_another_result_than_the_log_holds_stops_the_task_and_names_the_first() -> None:
    log = log_with_ticks(1)
    task = Task(plan(), [Summing()], log, wall=long_ago)
    task.turn(0.0)
    task = Task(plan(), [Summing(drift=1)], log, wall=long_ago)
    with pytest.raises(StateDiverged, match=r"orders\[0\] seq 0 of summing"):
        finish(task)


def test_a_torn_snapshot_is_never_passed_over_for_an_older_one() -> None:
    log = log_with_ticks(1)
    task = Task(plan(), [Summing()], log, wall=long_ago)
    task.turn(0.0)
    task.commit()
    writer = log.writer("torn")
    writer.begin()
    header = Header(schema=2, version=1, seq=9, time=0, writer="summing")
    writer.append("state", 0, b"summing", b"TDS1 torn", pack(header))
    writer.commit()
    with pytest.raises(SnapshotError, match=r"state\[0\]@\d+ of summing"):
        Task(plan(), [Summing()], log, wall=long_ago)


def test_inputs_that_are_gone_are_refused() -> None:
    log = log_with_ticks(1)
    task = Task(plan(), [Summing()], log, wall=long_ago)
    task.turn(0.0)
    task.commit()
    log.truncate("ticks.test", 0, 30)
    with pytest.raises(SnapshotError):
        Task(plan(), [Summing()], log, wall=long_ago).turn(0.0)


def test_a_turn_that_reads_repeats_alone_has_worked_so_a_drain_does_not_end_before_what_lies_behind() -> None:
    log = MemoryLog()
    log.create([TopicSpec(t, partitions=6 if t == "state" else 1) for t in TOPICS])
    appender = log.appender()
    for seq in (0, 0, 0, 1):  # a dead writer's record, written again by its successors
        rows = np.zeros(1, dtype=TICK)
        rows["ts_log"] = seq
        header = Header(schema=TICK_SCHEMA.number, version=1, seq=seq, time=seq, writer="feed")
        appender.append("ticks.test", 0, None, encode_rows(rows), pack(header))
    one_by_one = replace(plan(), records_max=1)
    task = Task(one_by_one, [Summing()], log, wall=long_ago)
    assert [task.turn(0.0) for _ in range(5)] == [True, True, True, True, False]
    assert task.inputs == 2
