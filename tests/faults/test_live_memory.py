"""A live desk over the memory log in simulated time: killed anywhere, nothing is lost or doubled, a halt holds."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from agents.context import context_of
from agents.live_plan import load_topology
from agents.topology import FUSED
from agents.warm import warm
from chaos.checks import check
from chaos.desk import START_NS, Actor
from chaos.desk import Desk as SimulatedDesk
from chaos.tape import Shape
from feeds.live_feed import LiveFeed
from feeds.simulator import simulate
from schemas.codec import decode_any
from schemas.control import Halt, Resume
from schemas.decision import Decision
from schemas.execution import Execution
from schemas.header import unpack
from schemas.order import Order
from streams.frame import decode_rows
from streams.memory import MemoryLog
from streams.people import append
from streams.publisher import Publisher
from streams.scheduler import SimulatedCrash

SOURCE = "simulator"
SECONDS = 5.0
STEP_S = 0.004
QUIET_ROUNDS = 400
ROUNDS_MAX = 50_000
READERS = 20


class Desk(SimulatedDesk):
    """The shipped live topology, fed by the simulator; tasks are killed at failpoints drawn from a seed."""

    def __init__(self, seed: int, kill_share: float) -> None:
        self.kill_share = kill_share
        self.plan = load_topology(None)
        self.acknowledged: set[tuple[str, int]] = set()
        opening = self.plan.opening("r")
        context = context_of(opening, self.plan.definitions)
        stages = {hops.name: hops.build(context) for hops in FUSED}
        for agents in stages.values():
            warm(agents, context)
        rng = random.Random(seed)
        super().__init__(
            MemoryLog(), opening, self.plan.definitions, context, FUSED, stages, rng,
            cut=lambda: {
                "commit_interval_s": 0.1, "records_max": rng.randrange(20, 80), "frame_rows": rng.randrange(1, 60),
            },
            failpoint=self.killed_at,
        )  # fmt: skip
        publisher = Publisher(self.log, SOURCE, on_ack=lambda seq: self.acknowledged.add((SOURCE, seq)))
        events = simulate(SECONDS, seed, start_ns=START_NS)
        self.feed = LiveFeed(iter(events), publisher, origin_ns=START_NS, first_ns=START_NS, wall=self.wall)
        self.actors["feed"] = Actor(lambda: self.feed)

    def killed_at(self, name: str) -> Callable[[str, int], None]:
        def crash(point: str, _inputs: int) -> None:
            # Not where there is nothing to do: it would never come to rest.
            if point != "poll" and self.rng.random() < self.kill_share:
                raise SimulatedCrash(name)

        return crash

    def run(self, on_round: Callable[[int], None] = lambda _round: None) -> None:
        """To the end of the feed, and until nothing has moved for a while but the clock."""
        rested = self.settle(QUIET_ROUNDS, STEP_S, ROUNDS_MAX, lambda: self.feed.done, on_round)
        assert rested, "it never comes to rest"
        self.kill_share = 0.0
        for hops in FUSED:
            self.actors[hops.name].commit()

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
    """All that must hold of any run; and no order but each instrument's last is unanswered."""
    found = check(desk.log, Shape(source=SOURCE), desk.acknowledged, starts=READERS)
    assert found.messages == []
    assert found.sound
    ordered = {d.client_order_id for d in desk.documents("orders", Order)}
    final = {d.client_order_id for d in desk.documents("executions", Execution) if d.final}
    assert len(ordered - final) <= len(desk.plan.definitions), "what the last ticks did not answer, one each"
    assert len(ordered) > 5


def position(desk: Desk) -> dict[str, int]:
    """Positions as executions tell them."""
    held: Counter[str] = Counter()
    for report in desk.documents("executions", Execution):
        held[report.instrument] += report.last_quantity if report.side == "buy" else -report.last_quantity
    return {name: quantity for name, quantity in held.items() if quantity}


def known_to(desk: Desk, task: str, stage: int) -> dict[str, int]:
    """Positions as a task's agent knows them."""
    state = desk.actors[task].at_work._states[stage]
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
            desk.actors["clock"].at_work.turn = lambda _wait_s: False
        elif rounds == 300 + int(2.5 / STEP_S):
            approved_at = len(desk.documents("orders", Order))

    desk.run(people)
    assert approved_at > 0
    assert len(desk.documents("orders", Order)) == approved_at, "an order left while nobody knew the time"
    assert len(desk.rows("scores")) == len(desk.rows(f"ticks.{SOURCE}")) > 1_000
