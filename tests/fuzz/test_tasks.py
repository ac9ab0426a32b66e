"""Any record on any topic that a task reads: refused whole or used; the task ends in the tree's words or goes on."""

from __future__ import annotations

from base64 import b64decode
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.topology import HOP_FACTORIES, SPLIT, deployment, writers
from replay.plan import PlayPlan, open_run
from schemas.catalog import CATALOG
from schemas.codec import decode, encode
from schemas.dead_letter import DeadLetter
from schemas.error_kinds import KINDS
from schemas.errors import SnapshotError, StateDiverged, TapedeckError
from schemas.feature import feature_dtype
from schemas.header import Header, pack
from schemas.score import SCORE
from schemas.tick import TICK
from streams.log import Record
from streams.memory import MemoryLog
from streams.runner import Task
from streams.task_plan import TaskPlan
from tests.fuzz.doors import TS, context
from tests.fuzz.seeds import DEPTH, QUOTE, TRADE
from tests.fuzz.test_doors import BOUNDED, bends, bent
from tests.golden.test_golden_bytes import DOCUMENTS

PLAN = PlayPlan(run="r", speed=0.0, split=True)
TASKS = {task.name: task for external in (False, True) for task in deployment(True, 1, external=external)}
WRITERS = writers(SPLIT, PLAN.source)
TURNS_MAX = 200
"""A task that still moves then is caught in something: there are a handful of records."""


@dataclass(frozen=True, slots=True)
class Thrown:
    """A record, and which of the task's topics it is put on."""

    topic: int
    key: bytes | None
    value: bytes
    header: Header | bytes | None
    forged: bool


GOOD = [encode(document) for document in DOCUMENTS.values()] + [QUOTE, TRADE, DEPTH]
ROWS = [bytes(2 * dtype.itemsize) for dtype in (TICK, SCORE, feature_dtype(8), feature_dtype(2))]
values = st.one_of(
    st.binary(max_size=64), st.sampled_from(GOOD + ROWS), st.builds(bent, st.sampled_from(GOOD + ROWS), bends)
)
numbers = st.one_of(st.integers(0, 9), st.sampled_from([2**47 - 2, 2**63, 2**64 - 1]))
headers = st.builds(
    Header, schema=st.sampled_from([schema.number for schema in CATALOG] + [0, 255]), version=st.integers(1, 3),
    seq=numbers, time=st.sampled_from([0, TS, -1, 2**63 - 1, -(2**63)]), writer=st.sampled_from(["evil", "", "people"]),
    count=st.integers(1, 3), cause=numbers, hops=st.lists(st.integers(0, 7), max_size=3).map(tuple),
)  # fmt: skip
thrown = st.builds(
    Thrown, topic=st.integers(0, 3), key=st.sampled_from([None, b"", b"spot:BTCUSDT", b"\xff\xfe"]), value=values,
    header=st.one_of(st.none(), st.binary(max_size=60), headers, headers, headers), forged=st.booleans(),
)  # fmt: skip


class Stage:
    """One task of one hop, and what is thrown at it."""

    def __init__(self, hop: str) -> None:
        self.hop = hop
        self.log = MemoryLog()
        open_run(self.log, PLAN)
        agent = HOP_FACTORIES[hop](context())
        self.tables = (agent.reads, *agent.sides)

    def put(self, record: Thrown) -> None:
        table = self.tables[record.topic % len(self.tables)]
        head = record.header
        if isinstance(head, Header):
            writer = WRITERS.get(table, head.writer) if record.forged else head.writer
            head = pack(Header(**{**{name: getattr(head, name) for name in head.__struct_fields__}, "writer": writer}))
        self.log.appender().append(PLAN.topic(table), 0, record.key, record.value, head)

    def run(self) -> None:
        """A life, to the end of what is there."""
        hops = TASKS[self.hop]
        plan = TaskPlan(
            name=self.hop, namespace=PLAN.namespace, source=PLAN.source, run="r", commit_interval_s=0.0,
            state_partition=hops.state_partition, writers=WRITERS,
        )  # fmt: skip
        task = Task(plan, [HOP_FACTORIES[self.hop](context())], self.log)
        for _ in range(TURNS_MAX):
            if task.done or not task.turn(0.0):
                return
        raise AssertionError("it does not come to an end")

    def letters(self) -> list[DeadLetter]:
        records = self.log.scan(PLAN.topic("dlq"), 0, 0, committed=True)
        return [decode(record.value, DeadLetter) for record in records]

    def record(self, letter: DeadLetter) -> Record:
        return next(self.log.scan(letter.topic, letter.partition, letter.offset, committed=True))


@pytest.mark.parametrize("hop", sorted(HOP_FACTORIES))
def test_a_task_takes_any_record(hop: str) -> None:
    @BOUNDED
    @given(st.lists(thrown, max_size=6), st.lists(thrown, max_size=3))
    def throw(first: list[Thrown], then: list[Thrown]) -> None:
        stage, ended = Stage(hop), ""
        try:
            for records in (first, then):  # the second life recovers from the first's snapshot
                for record in records:
                    stage.put(record)
                stage.run()
        except StateDiverged as error:  # a hole in what passes for its writer's own numbers, answers to nobody
            ended = error.kind
        assert not ended or ended in KINDS
        for letter in stage.letters():
            whole = stage.record(letter)
            assert letter.kind in KINDS
            assert b64decode(letter.payload) in whole.value  # all of it, or the one row of it that was refused
            assert letter.reason

    throw()


@pytest.mark.parametrize("hop", sorted(HOP_FACTORIES))
def test_a_task_takes_any_snapshot_that_passes_for_its_own(hop: str) -> None:
    @BOUNDED
    @given(st.binary(max_size=80), st.booleans())
    def throw(value: bytes, whole: bool) -> None:
        from tests.fuzz.doors import sealed
        from tests.fuzz.seeds import SEALED

        stage = Stage(hop)
        partition = TASKS[hop].state_partition
        state = sealed(SEALED if whole else value, "task/1")
        stage.log.appender().append(PLAN.topic("state"), partition, hop.encode(), state, None)
        refused: Any = None
        try:
            stage.run()
        except TapedeckError as error:
            refused = error
        assert isinstance(refused, SnapshotError)
        assert refused.kind in ("snapshot.torn", "snapshot.foreign")

    throw()
