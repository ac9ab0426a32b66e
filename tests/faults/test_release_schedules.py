"""Cuts under hundreds of schedules: a desk of tiny hops, killed at any failpoint, keeps one release, all and once.

The hops are the smallest that a desk could have; leaving, handing over and taking over are the product's own.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from typing import Any

import msgspec
import numpy as np
import pytest

from agents.builds import check_run
from agents.handover import complete, waits_for
from agents.leaving import Leaving
from agents.release_report import at_work, spans, written_by
from agents.release_watch import ReleaseWatch, release_of
from agents.topology import FUSED, TaskHops, topic_specs, writers
from schemas.catalog import RAW
from schemas.codec import decode
from schemas.control import ReleaseCut, RunOpened
from schemas.decision import Decision
from schemas.errors import ConfigError
from schemas.execution import Execution
from schemas.header import Header, pack, unpack
from schemas.intent import Intent
from schemas.order import Order
from schemas.tick import TICK
from streams.agent import Batch, DocumentOut, Out, RowsOut
from streams.memory import MemoryLog
from streams.people import append
from streams.runner import Task
from streams.scheduler import SimulatedCrash
from streams.state_bytes import dump, load
from streams.task_plan import TaskPlan
from tests.golden.test_golden_bytes import DOCUMENTS

SOURCE = "simulator"
PAYLOADS = 300
RESTS = ("takeover", "recovering", "recovered", "poll")
"""Failpoints at which a task that has nothing to do passes too: seldom, or it never comes to rest."""


class Tiny:
    """A hop whose state is a few numbers, under a kind that its release names."""

    sides: tuple[str, ...] = ()

    def __init__(self, release: str) -> None:
        self.release = release

    def start(self) -> dict[str, int]:
        return {"position": 0, "seen": 0}

    def offer(self, state: dict[str, int], topic: str, items: Any, *, ended: bool) -> None:
        for item in items:
            state["position"] += item.last_quantity

    def finish(self, state: dict[str, int]) -> Out:
        return Out(consumed=0)

    def snapshot(self, state: dict[str, int]) -> bytes:
        return dump("tiny/1", {}, state)

    def restore(self, data: bytes) -> dict[str, int]:
        return load("tiny/1", data)[1]


class Ticks(Tiny):
    name, reads, writes = "normalise", "raw.<source>", ("ticks.<source>",)

    def step(self, state: dict[str, int], batch: Batch) -> Out:
        rows = np.zeros(len(batch), dtype=TICK)
        rows["root_seq"] = [item.seq for item in batch.items]
        rows["ts_log"] = 1
        return Out(len(batch), rows=[RowsOut("ticks.<source>", rows)])


class Wants(Tiny):
    """Speaks at every third tick; its count of ticks is made of them alone, and another release counts anew."""

    name, reads, writes, sides = "strategy", "ticks.<source>", ("orders.intent",), ("executions",)

    def step(self, state: dict[str, int], batch: Batch) -> Out:
        out = Out(len(batch))
        rows: Any = batch.items
        for at, seq in enumerate(rows["root_seq"].tolist()):
            state["seen"] += 1
            if seq % 3 == 0:
                intent = msgspec.structs.replace(
                    DOCUMENTS["intent"], client_order_id=f"{seq}", model=self.release, target=state["seen"]
                )
                out.documents.append(DocumentOut("orders.intent", b"k", intent, at))
        return out

    rebuildable = False

    def rewarm(self, state: dict[str, int], batch: Batch) -> Out:
        state["seen"] += len(batch)
        return Out(len(batch))

    def restore(self, data: bytes) -> Any:
        state = Known(super().restore(data))
        state.cold = state.pop("release_hash", None) != hash_of(self.release)
        if state.cold:
            state["seen"] = 0
        return state

    def snapshot(self, state: dict[str, int]) -> bytes:
        return dump("tiny/1", {}, {**state, "release_hash": hash_of(self.release)})


class Known(dict[str, int]):
    cold = False


def hash_of(release: str) -> int:
    return sum(release.encode())


class Decides(Tiny):
    name, reads, writes = "risk", "orders.intent", ("orders.decision", "orders")

    def step(self, state: dict[str, int], batch: Batch) -> Out:
        out = Out(len(batch))
        for at, intent in enumerate(batch.items):
            for topic, name in (("orders", "order"), ("orders.decision", "decision")):
                made = msgspec.structs.replace(DOCUMENTS[name], client_order_id=intent.client_order_id)
                out.documents.append(DocumentOut(topic, b"k", made, at))
        return out


class Fills(Tiny):
    name, reads, writes = "venue", "orders", ("executions",)

    def step(self, state: dict[str, int], batch: Batch) -> Out:
        out = Out(len(batch))
        for at, order in enumerate(batch.items):
            made = msgspec.structs.replace(DOCUMENTS["execution"], client_order_id=order.client_order_id)
            out.documents.append(DocumentOut("executions", b"k", made, at))
        return out


STAGES: dict[str, type[Any]] = {"normalise": Ticks, "hot": Wants, "risk": Decides, "venue": Fills}


class Desk:
    """Tasks and a supervisor in one thread, in an order drawn from a seed; every step may be somebody's last."""

    def __init__(self, seed: int, kill_share: float) -> None:
        self.rng = random.Random(seed)
        self.kill_share = kill_share
        self.deaths: Counter[str] = Counter()
        self.now_s = 0.0
        self.log = MemoryLog()
        self.log.create(topic_specs("", SOURCE))
        opening: Any = DOCUMENTS["run"]
        self.first: RunOpened = msgspec.structs.replace(
            opening,
            run="r1",
            mode="live",
            source=SOURCE,
            split=False,
            partitions=1,
            starts={},
            build="1" * 64,
            gateway=msgspec.UNSET,
        )
        append(self.log, self.first)
        self.run_at_work = "r1"
        self.at_work: dict[str, Any] = {hops.name: self.come_up(hops) for hops in FUSED}

    def come_up(self, hops: TaskHops) -> Any:
        """A life of a task of the supervisor's run; however often it dies of that."""
        while True:
            watch = ReleaseWatch(self.log)
            if watch.run != self.run_at_work:
                assert watch.succeeded(self.run_at_work)
                return None
            plan = TaskPlan(
                name=hops.name, namespace="", source=SOURCE, run=watch.run, mode="live", lasting=True,
                state_partition=hops.state_partition, commit_every_batch=hops.commit_every_batch,
                commit_interval_s=0.5, records_max=self.rng.randrange(1, 9), frame_rows=self.rng.randrange(1, 9),
                writers=writers(FUSED, SOURCE), build=self.build_of(watch.run),
            )  # fmt: skip
            stages = [STAGES[hops.name](watch.run)]
            try:
                task = Task(
                    plan, stages, self.log, failpoint=self.point(hops.name), monotonic=lambda: self.now_s,
                    wall=lambda: 0, confirm=lambda: check_run(self.log, self.run_at_work, hops),
                )  # fmt: skip
                return Leaving(task, hops, self.log, FUSED, monotonic=lambda: self.now_s)
            except SimulatedCrash:
                self.deaths[hops.name] += 1
            except ConfigError as error:
                if error.kind != "config.other_release":
                    raise
                return None

    @staticmethod
    def build_of(run: str) -> str:
        return run[-1] * 64

    def point(self, name: str) -> Callable[[str, int], None]:
        def crash(point: str, _inputs: int) -> None:
            share = self.kill_share / 10 if point in RESTS else self.kill_share
            if self.rng.random() < share:
                raise SimulatedCrash(name)

        return crash

    def cut(self, run: str) -> None:
        """The record, and no more: the command dies behind it."""
        watch = ReleaseWatch(self.log)
        opening = msgspec.structs.replace(self.first, run=run, build=self.build_of(run), seed=hash_of(run))
        append(self.log, ReleaseCut(
            release=release_of(opening), from_run=watch.run, opening=opening, definitions=[], author="a", reason="b",
            ts=1,
        ))  # fmt: skip

    def supervise(self) -> None:
        watch = ReleaseWatch(self.log)
        left = all(work is None or work.done for work in self.at_work.values())
        if watch.cut is not None and left:
            complete(self.log, watch)
        if left and watch.run != self.run_at_work:
            self.run_at_work = watch.run
            self.at_work = {hops.name: self.come_up(hops) for hops in FUSED}

    def play(self, cuts: dict[int, str]) -> None:
        """All payloads, a few a round; cuts at their rounds; and on until nothing moves."""
        appender = self.log.appender()
        sent = quiet = rounds = 0
        while quiet < 60:
            rounds += 1
            self.now_s += 0.05
            for _ in range(self.rng.randrange(4)):
                if sent < PAYLOADS:
                    header = pack(Header(schema=RAW.number, version=1, seq=sent, time=1, writer=SOURCE))
                    appender.append("raw.simulator", 0, b"k", b"{}", header)
                    sent += 1
            if rounds in cuts:
                self.cut(cuts.pop(rounds))
            moved = False
            for hops in self.rng.sample(FUSED, len(FUSED)):
                work = self.at_work[hops.name]
                if work is None:
                    continue
                try:
                    moved |= work.turn(0.0)
                except SimulatedCrash:
                    self.deaths[hops.name] += 1
                    self.at_work[hops.name] = self.come_up(hops)
                    moved = True
            self.supervise()
            pending = ReleaseWatch(self.log).cut is not None or bool(cuts)
            quiet = 0 if moved or pending or sent < PAYLOADS else quiet + 1
            assert rounds < 20_000, waits_for(self.log, ReleaseWatch(self.log).cut or _none())
        self.kill_share = 0.0
        for work in self.at_work.values():
            work.commit()

    def documents(self, topic: str, event: Any) -> list[Any]:
        found = []
        for at, record in enumerate(self.log.scan(topic, 0, 0, committed=True)):
            assert record.header is not None
            assert unpack(record.header).seq == at, "gapless"
            found.append(decode(record.value, event))
        return found


def _none() -> ReleaseCut:
    raise AssertionError("it never comes to rest, and no cut is under way")


def assert_whole(desk: Desk, runs: list[str]) -> None:
    """Everything once, in order; each intent by the run in whose span it lies; knowledge as if never interrupted."""
    ids = [str(seq) for seq in range(0, PAYLOADS, 3)]
    intents = desk.documents("orders.intent", Intent)
    assert [intent.client_order_id for intent in intents] == ids
    assert [int(intent.client_order_id) + 1 for intent in intents] == [intent.target for intent in intents]
    for topic, event in (("orders.decision", Decision), ("orders", Order), ("executions", Execution)):
        assert [document.client_order_id for document in desk.documents(topic, event)] == ids
    watch = ReleaseWatch(desk.log)
    assert [found.opening.run for found in watch.history] == runs
    for seq, intent in enumerate(intents):
        span = written_by(watch.history, "orders.intent", "hot", seq)
        assert span is not None
        assert span.run == intent.model
    assert {task.run for task in at_work(desk.log, watch.history[-1].opening)} == {runs[-1]}
    hot = desk.at_work["hot"].task
    assert hot._states[0]["position"] == sum(d.last_quantity for d in desk.documents("executions", Execution))
    assert next(span.first for span in spans(watch.history) if span.topic == "orders") == 0


@pytest.mark.parametrize("seed", range(60))
def test_a_desk_that_dies_everywhere_is_cut_over_and_over(seed: int) -> None:
    rng = random.Random(10_000 + seed)
    desk = Desk(seed, kill_share=0.02)
    rounds = sorted(rng.sample(range(10, 200), 3))
    runs = ["r1"]
    cuts: dict[int, str] = {}
    for at, run in zip(rounds, ("r2", "r3", "r4"), strict=True):
        cuts[at] = run
    desk.play(cuts)
    runs += [found.opening.run for found in ReleaseWatch(desk.log).history[1:]]
    assert len(runs) >= 2
    assert sum(desk.deaths.values()) > 3
    assert_whole(desk, runs)


def test_undisturbed_a_cut_is_where_normalise_stood() -> None:
    desk = Desk(1, kill_share=0.0)
    desk.play({60: "r2"})
    assert_whole(desk, ["r1", "r2"])
    starts = ReleaseWatch(desk.log).history[-1].opening.starts
    place = starts["normalise"].inputs
    assert 0 < place < PAYLOADS
    assert starts["hot"].inputs == starts["normalise"].seqs["ticks.<source>"] == place
    assert starts["risk"].inputs == starts["hot"].seqs["orders.intent"] == len(range(0, place, 3))
    hot = desk.at_work["hot"].task.succession
    assert (hot.rewarmed, hot.rows, hot.build) == (["strategy"], place, "1" * 64)
