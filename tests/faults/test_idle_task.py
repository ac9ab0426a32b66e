"""A task that hears nothing: what it wrote is committed within its interval, and then it leaves the log alone."""

from __future__ import annotations

from typing import Any

import pytest

from replay.plan import PlayPlan, open_run
from schemas.catalog import RAW
from schemas.header import Header, pack
from streams.agent import Batch, DocumentOut, Out, Payload
from streams.memory import MemoryLog
from streams.runner import Task
from streams.task_plan import COMMIT_INTERVAL_S, TaskPlan

PLAN = PlayPlan(run="r", speed=0.0)


class Speaking:
    """Says the run's opening record again for every payload; waits for an execution at one that says so."""

    name = "normalise"
    reads = "raw.<source>"
    sides = ("executions",)
    writes = ("control",)

    def start(self) -> list[int]:
        return []

    def step(self, state: list[int], batch: Batch) -> Out:
        out = Out(consumed=0)
        for i, payload in enumerate(batch.items):
            assert isinstance(payload, Payload)
            if payload.value == b"wait":
                out.waits = self.sides
                break
            if payload.value == b"speak":
                out.documents.append(DocumentOut("control", b"k", PLAN.opening(), i))
            out.consumed += 1
        return out

    def offer(self, state: list[int], topic: str, items: Any, *, ended: bool) -> None:
        del state, topic, items, ended

    def finish(self, state: list[int]) -> Out:
        return Out(consumed=0)

    def snapshot(self, state: list[int]) -> bytes:
        return b""

    def restore(self, data: bytes) -> list[int]:
        return []


class Stage:
    """One task, a log, and a clock that the test moves."""

    def __init__(self) -> None:
        self.log = MemoryLog()
        open_run(self.log, PLAN)
        self.now = 0.0
        self._seq = 0
        plan = TaskPlan(name="normalise", namespace=PLAN.namespace, source=PLAN.source, run=PLAN.run)
        self.task = Task(plan, [Speaking()], self.log, monotonic=lambda: self.now)

    def say(self, value: bytes) -> None:
        header = Header(schema=RAW.number, version=1, seq=self._seq, time=1, writer=PLAN.source)
        self._seq += 1
        self.log.appender().append(PLAN.topic("raw.<source>"), 0, b"k", value, pack(header))

    def turns(self, count: int = 3) -> None:
        for _ in range(count):
            self.task.turn(0.0)

    def committed(self, table_name: str = "control") -> int:
        """Records beyond the opening one that a committed reader sees."""
        records = list(self.log.scan(PLAN.topic(table_name), 0, 0, committed=True))
        return len(records) - (table_name == "control")

    @property
    def open(self) -> bool:
        """Whether a transaction holds committed readers back."""
        low, high = self.log.bounds(PLAN.topic("control"), 0)
        del low
        return self.log._topics[PLAN.topic("control")][0].stable() < high


@pytest.mark.parametrize("last", [b"speak", b"wait"], ids=["with nothing more to read", "waiting for a side"])
def test_what_it_wrote_is_committed_within_its_interval_though_nothing_comes(last: bytes) -> None:
    stage = Stage()
    stage.say(b"speak")
    stage.say(last)
    stage.turns()
    assert stage.open
    assert stage.committed() == 0
    stage.now = COMMIT_INTERVAL_S - 0.01
    stage.turns()
    assert stage.open
    stage.now = COMMIT_INTERVAL_S
    stage.turns()
    assert not stage.open
    assert stage.committed() == 1 + (last == b"speak")


def test_what_it_read_without_a_word_is_committed_too() -> None:
    stage = Stage()
    stage.say(b"nothing to say")
    stage.turns()
    stage.now = COMMIT_INTERVAL_S
    stage.turns()
    assert stage.committed("state") == 1
    successor = Task(stage.task.plan, [Speaking()], stage.log)
    assert successor.inputs == 1


def test_refused_records_are_committed_within_the_interval() -> None:
    stage = Stage()
    stage.log.appender().append(PLAN.topic("raw.<source>"), 0, b"k", b"x", b"no header")
    stage.turns()
    assert stage.committed("dlq") == 0
    stage.now = COMMIT_INTERVAL_S
    stage.turns()
    assert stage.committed("dlq") == 1


def test_with_nothing_to_do_it_writes_nothing() -> None:
    stage = Stage()
    for hour in range(5):
        stage.now = hour * 3600.0
        stage.turns()
    assert stage.committed("state") == 0
    stage.say(b"speak")
    stage.turns()
    before = stage.log.bounds(PLAN.topic("state"), 0)
    for hour in range(5):
        stage.now += hour * 3600.0
        stage.turns()
    assert stage.log.bounds(PLAN.topic("state"), 0) == before
    assert stage.committed() == 1
