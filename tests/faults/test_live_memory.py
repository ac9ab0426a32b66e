"""A live desk over the memory log in simulated time: killed anywhere, nothing is lost or doubled, a halt holds."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest

from agents.context import read_context
from agents.live_plan import load_topology
from agents.topology import FUSED, TaskHops, topic_specs, writers
from agents.warm import warm
from feeds.live_feed import LiveFeed
from feeds.simulator import simulate
from schemas.catalog import DEFINITION
from schemas.codec import decode_any, encode
from schemas.control import Halt, Resume
from schemas.decision import Decision
from schemas.execution import Execution
from schemas.header import Header, no_stamps, pack, unpack
from schemas.intent import Intent
from schemas.order import Order
from streams.failpoints import STARTING
from streams.frame import decode_rows
from streams.memory import MemoryLog
from streams.people import PEOPLE, append
from streams.publisher import Publisher
from streams.runner import Task
from streams.scheduler import SimulatedCrash
from streams.task_plan import TaskPlan
from streams.ticker import Ticker

SOURCE = "simulator"
START_NS = 1_795_557_600_000_000_000
SECONDS = 5.0
STEP_S = 0.004
QUIET_ROUNDS = 400
MS = 1_000_000


class Desk:
    """Clock, feed and tasks in one thread, turned in an order drawn from a seed."""

    def __init__(self, seed: int, kill_share: float) -> None:
        self.rng = random.Random(seed)
        self.kill_share = kill_share
        self.now_s = 0.0
        self.deaths: Counter[str] = Counter()
        self.log = MemoryLog()
        self.plan = load_topology(None)
        self.log.create(topic_specs("", SOURCE))
        appender = self.log.appender()
        for seq, definition in enumerate(self.plan.definitions):
            header = Header(schema=DEFINITION.number, version=1, seq=seq, time=0, writer=PEOPLE, stamps=no_stamps())
            appender.append("definitions", 0, definition.instrument.encode(), encode(definition), pack(header))
        append(self.log, self.plan.opening("r"))
        self.context = read_context(self.log, "")
        for hops in FUSED:
            warm(hops.build(self.context), self.context)
        makers: dict[str, Callable[[], Any]] = {hops.name: partial(self.task, hops) for hops in FUSED}
        makers["clock"] = lambda: Ticker(self.log, "clock", wall=self.wall, monotonic=self.monotonic)
        self.makers = makers
        self.at_work = {name: make() for name, make in makers.items()}
        events = simulate(SECONDS, seed, start_ns=START_NS)
        self.at_work["feed"] = LiveFeed(
            iter(events), Publisher(self.log, SOURCE), origin_ns=START_NS, first_ns=START_NS, wall=self.wall
        )

    def wall(self) -> int:
        return START_NS + int(self.now_s * 1e9)

    def monotonic(self) -> float:
        return self.now_s

    def task(self, hops: TaskHops) -> Task:
        plan = TaskPlan(
            name=hops.name, namespace="", source=SOURCE, run="r", mode="play" if hops.name == "venue" else "live",
            lasting=True, state_partition=hops.state_partition, commit_every_batch=hops.commit_every_batch,
            commit_interval_s=0.1, records_max=self.rng.randrange(20, 80), frame_rows=self.rng.randrange(1, 60),
            writers=writers(FUSED, SOURCE),
        )  # fmt: skip
        return Task(
            plan, hops.build(self.context), self.log, failpoint=self.failpoint(hops.name), monotonic=self.monotonic,
            wall=self.wall,
        )  # fmt: skip

    def failpoint(self, name: str) -> Callable[[str, int], None]:
        def crash(point: str, _inputs: int) -> None:
            # Not where there is nothing to do: it would never come to rest.
            if point not in (*STARTING, "poll") and self.rng.random() < self.kill_share:
                raise SimulatedCrash(name)

        return crash

    def run(self, on_round: Callable[[int], None] = lambda _round: None) -> None:
        """To the end of the feed, and until nothing has moved for a while but the clock."""
        quiet = rounds = 0
        while quiet < QUIET_ROUNDS:
            rounds += 1
            on_round(rounds)
            self.now_s += STEP_S
            moved = False
            for name in self.rng.sample(sorted(self.at_work), len(self.at_work)):
                try:
                    moved |= self.at_work[name].turn(0.0) and name != "clock"
                except SimulatedCrash:
                    self.deaths[name] += 1
                    self.at_work[name] = self.makers[name]()
                    moved = True
            quiet = 0 if moved or not self.at_work["feed"].done else quiet + 1
            assert rounds < 50_000, "it never comes to rest"
        self.kill_share = 0.0
        for hops in FUSED:
            self.at_work[hops.name].commit()

    def documents(self, topic: str, event: type[Any]) -> list[Any]:
        found = [decode_any(record.value) for record in self.log.scan(topic, 0, 0, committed=True)]
        return [document for document in found if isinstance(document, event)]

    def frames(self, topic: str) -> Iterator[Any]:
        """Rows of a topic as they are committed, frame by frame."""
        for record in self.log.scan(topic, 0, 0, committed=True):
            header = unpack(record.header or b"")
            yield decode_rows(header.schema, header.version, record.value, header.count)

    def rows(self, topic: str) -> list[tuple[int, int]]:
        found: list[tuple[int, int]] = []
        next_seq = 0
        for record in self.log.scan(topic, 0, 0, committed=True):
            assert record.header is not None
            header = unpack(record.header)
            assert header.seq == next_seq, f"{topic}: seq {header.seq} where {next_seq} must stand"
            next_seq += header.count
            rows = decode_rows(header.schema, header.version, record.value, header.count)
            found += zip(rows["root_seq"].tolist(), rows["root_part"].tolist(), strict=True)
        return found


def assert_sound(desk: Desk) -> None:
    """Each tick scored once, each intent decided once, each approval ordered once, no order answered twice."""
    assert desk.rows(f"ticks.{SOURCE}") == desk.rows("scores")
    intents = [d.client_order_id for d in desk.documents("orders.intent", Intent)]
    decided = [d.client_order_id for d in desk.documents("orders.decision", Decision)]
    approved = [d.client_order_id for d in desk.documents("orders.decision", Decision) if d.verdict == "approved"]
    ordered = [d.client_order_id for d in desk.documents("orders", Order)]
    final = [d.client_order_id for d in desk.documents("executions", Execution) if d.final]
    assert intents == decided
    assert approved == ordered
    assert len(set(final)) == len(final)
    assert set(final) <= set(ordered)
    assert len(ordered) - len(final) <= len(desk.plan.definitions), "what the last ticks did not answer, one each"
    assert len(ordered) > 5


def position(desk: Desk) -> dict[str, int]:
    """Positions as executions tell them."""
    held: Counter[str] = Counter()
    for report in desk.documents("executions", Execution):
        held[report.instrument] += report.last_quantity if report.side == "buy" else -report.last_quantity
    return {name: quantity for name, quantity in held.items() if quantity}


def known_to(desk: Desk, task: str, stage: int) -> dict[str, int]:
    """Positions as a task's agent knows them."""
    state = desk.at_work[task]._states[stage]
    names = [definition.instrument for definition in desk.context.instruments]
    return {name: int(p) for name, p in zip(names, state.position, strict=True) if p}


@pytest.mark.parametrize("seed", range(6))
def test_killed_anywhere_nothing_is_lost_or_doubled_and_positions_follow_executions(seed: int) -> None:
    desk = Desk(seed, kill_share=0.01)
    desk.run()
    assert sum(desk.deaths.values()) > 5
    assert_sound(desk)
    assert known_to(desk, "hot", 2) == position(desk)
    assert known_to(desk, "risk", 0) == position(desk)


@pytest.mark.parametrize("seed", range(3))
def test_a_halt_holds_from_one_place_on_whatever_dies(seed: int) -> None:
    desk = Desk(101 + seed, kill_share=0.004)
    places: dict[str, int] = {}

    def people(rounds: int) -> None:
        if rounds == 250:
            append(desk.log, Halt(scope="all", author="a", reason="drill", ts=desk.wall()))
        elif rounds == 550:
            append(desk.log, Resume(scope="all", author="a", reason="over", ts=desk.wall()))
        for name, at in (("halted", 260), ("resumed", 550)):
            if rounds == at:
                places[name] = len(desk.documents("orders.decision", Decision))

    desk.run(people)
    assert_sound(desk)
    decisions = desk.documents("orders.decision", Decision)
    while_halted = decisions[places["halted"] : places["resumed"]]
    assert len(while_halted) > 3
    assert all(d.verdict == "denied" and d.reasons[0] == "trading_state" for d in while_halted)
    assert any(d.verdict == "approved" for d in decisions[: places["halted"]])
    assert any(d.verdict == "approved" for d in decisions[places["resumed"] :])


def test_a_clock_that_stands_still_stops_orders_and_nothing_else() -> None:
    desk = Desk(7, kill_share=0.0)
    approved_at = 0

    def people(rounds: int) -> None:
        nonlocal approved_at
        if rounds == 300:
            desk.at_work["clock"].turn = lambda _wait_s: False
        elif rounds == 300 + int(2.5 / STEP_S):
            approved_at = len(desk.documents("orders", Order))

    desk.run(people)
    assert approved_at > 0
    assert len(desk.documents("orders", Order)) == approved_at, "an order left while nobody knew the time"
    assert len(desk.rows("scores")) == len(desk.rows(f"ticks.{SOURCE}")) > 1_000
