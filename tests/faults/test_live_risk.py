"""A live risk task that dies at any step: what people ordered holds from one place on; each intent is decided once."""

from __future__ import annotations

import random
from typing import Any

import pytest

from agents.control_log import read_control
from schemas.catalog import HALT
from schemas.codec import encode
from schemas.control import Halt, LimitChange, LimitsChanged, Resume
from schemas.header import Header, pack
from schemas.order import Order
from streams.failpoints import STARTING
from streams.memory import MemoryLog
from streams.people import PEOPLE
from streams.runner import Task
from streams.scheduler import SimulatedCrash
from tests.live_risk_world import World, seqs, until

SAID: dict[str, Any] = {"author": "j.doe", "reason": "drill", "ts": 1}
DEATHS_MAX = 25


class Mortal:
    """A task that dies at random failpoints and comes back from the log."""

    def __init__(self, world: World, rng: random.Random, death: float, *, every_batch: bool) -> None:
        self.deaths = 0
        self._world = world
        self._rng = rng
        self._death = death
        self._time = 0.0
        self._plan = {"commit_every_batch": every_batch, "records_max": rng.randint(1, 20)}
        self._task = self._life()

    def turn(self) -> None:
        self._time += self._rng.random()
        self._world.tick()
        try:
            self._task.turn(0.0)
        except SimulatedCrash:
            self.deaths += 1
            self._task = self._life()

    def _life(self) -> Task:
        return self._world.task(plan=self._plan, failpoint=self._fail, monotonic=lambda: self._time)

    def _fail(self, point: str, _inputs: int) -> None:
        if point not in STARTING and self.deaths < DEATHS_MAX and self._rng.random() < self._death:
            raise SimulatedCrash("drill")


@pytest.mark.parametrize("seed", range(25))
def test_a_halt_holds_whatever_dies_until_its_resume_and_each_intent_is_decided_once(seed: int) -> None:
    rng = random.Random(seed)
    world = World(MemoryLog())
    task = Mortal(world, rng, 0.25, every_batch=bool(seed % 2))
    expected: list[list[str]] = []
    cut = LimitChange(table="default", name="", key="notional_max", value=1)
    phases: list[tuple[Any, list[str]]] = [
        (Halt(scope="all", **SAID), ["trading_state"]),
        (Resume(scope="all", **SAID), []),
        (Halt(scope="instrument", name="spot:BTCUSDT", **SAID), ["trading_state"]),
        (LimitsChanged(changes=[cut], **SAID), ["trading_state", "notional"]),
        (Resume(scope="instrument", name="spot:BTCUSDT", **SAID), ["notional"]),
        (LimitsChanged(changes=[LimitChange(table="default", key="notional_max", value=25_000)], **SAID), []),
    ]
    for said, reasons in phases:
        where = world.say(said)
        until(lambda where=where: world.noted(where), task.turn)  # type: ignore[misc]
        for _ in range(rng.randint(1, 6)):
            world.ask(quantity=10)
            expected.append(reasons)
            if rng.random() < 0.5:
                task.turn()
            world.answer(rng)
        until(lambda: len(world.decisions()) == len(expected), task.turn)
    decisions = world.decisions()
    assert [d.client_order_id for d in decisions] == [a.client_order_id for a in world.asked]
    assert [d.reasons for d in decisions] == expected
    assert [o.client_order_id for o in world.documents("orders", Order)] == [
        d.client_order_id for d in decisions if d.verdict == "approved"
    ]
    assert seqs(world.log, world.topic("orders.decision")) == list(range(len(expected)))
    assert task.deaths > 3


@pytest.mark.parametrize("seed", range(25))
def test_told_at_any_moment_it_recovers_to_the_same_and_ends_in_the_last_word(seed: int) -> None:
    """Nobody waits for anybody here: that nothing diverges in recovery is the runner's own check."""
    rng = random.Random(1_000 + seed)
    world = World(MemoryLog())
    task = Mortal(world, rng, 0.2, every_batch=bool(seed % 2))
    for _ in range(120):
        act = rng.randrange(6)
        if act <= 1:
            world.ask(quantity=rng.randint(1, 500), side=rng.choice(["buy", "sell"]))
        elif act == 2:
            world.say(rng.choice([
                Halt(scope="all", **SAID), Resume(scope="all", **SAID), Halt(scope="strategy", name="s", **SAID),
                Resume(scope="strategy", name="s", **SAID), Halt(scope="all", state="REDUCING", **SAID),
                LimitsChanged(changes=[LimitChange(table="account", key="message_rate_max", value=2)], **SAID),
                LimitsChanged(changes=[LimitChange(table="account", key="message_rate_max", value=900)], **SAID),
            ]))  # fmt: skip
        elif act == 3:
            world.answer(rng)
        else:
            task.turn()
    until(lambda: len(world.decisions()) == len(world.asked), task.turn)
    where = world.say(Halt(scope="all", **SAID))
    until(lambda: world.noted(where), task.turn)
    world.ask()
    until(lambda: len(world.decisions()) == len(world.asked), task.turn)
    assert "trading_state" in world.decisions()[-1].reasons
    assert [d.client_order_id for d in world.decisions()] == [a.client_order_id for a in world.asked]
    approved = [d.client_order_id for d in world.decisions() if d.verdict == "approved"]
    assert [o.client_order_id for o in world.documents("orders", Order)] == approved
    assert task.deaths > 3


def test_a_halt_given_while_nothing_runs_holds_when_the_task_comes_up() -> None:
    world = World(MemoryLog())
    world.say(Halt(scope="all", **SAID))
    world.ask()
    task = world.task(plan={"commit_every_batch": True})
    until(lambda: len(world.decisions()) == 1, lambda: task.turn(0.0))
    assert world.decisions()[0].reasons == ["trading_state"]


class SlowToFetch(MemoryLog):
    """A log whose readers have nothing at hand at first, as a broker's clients have not."""

    def reader(self, start: Any, *, committed: bool = False) -> Any:
        return SlowReader(super().reader(start, committed=committed), 40 if committed else 1)


class SlowReader:
    def __init__(self, reader: Any, empty_reads: int) -> None:
        self._reader = reader
        self._empty_reads = empty_reads

    def read(self, records_max: int, timeout_s: float) -> Any:
        self._empty_reads -= 1
        return [] if self._empty_reads >= 0 else self._reader.read(records_max, timeout_s)

    def close(self) -> None:
        self._reader.close()


@pytest.mark.parametrize("restarted", [False, True])
def test_a_halt_given_before_a_task_came_up_holds_however_slowly_its_readers_fetch(restarted: bool) -> None:
    world = World(SlowToFetch())
    if restarted:
        task = world.task(plan={"commit_every_batch": True})
        world.ask()
        until(lambda: len(world.decisions()) == 1, lambda: task.turn(0.0))
        assert world.decisions()[0].reasons == [], "its opening is known to it as well"
        task.close()
    world.say(Halt(scope="all", **SAID))
    world.ask()
    task = world.task(plan={"commit_every_batch": True})
    until(lambda: len(world.decisions()) == 1 + restarted, lambda: task.turn(0.0))
    assert world.decisions()[-1].reasons == ["trading_state"]
    world.say(Resume(scope="all", **SAID))
    world.ask()
    until(lambda: task._sides._inputs["control"].seqs["people"] == 3, lambda: _tick_and_turn(world, task))
    world.ask()
    until(lambda: len(world.decisions()) == 3 + restarted, lambda: task.turn(0.0))
    assert world.decisions()[-1].reasons == [], "what is said later is heard later"


def test_a_halt_that_was_never_committed_does_not_take_effect() -> None:
    world = World(MemoryLog())
    halt = Halt(scope="all", **SAID)
    half = world.log.writer("people")
    half.begin()
    header = Header(schema=HALT.number, version=1, seq=1, time=0, writer="people")
    half.append(world.topic("control"), 0, b"", encode(halt), pack(header))
    task = world.task(plan={"commit_every_batch": True})
    for count in (1, 2):
        world.ask()
        until(lambda n=count: len(world.decisions()) == n, lambda: task.turn(0.0))  # type: ignore[misc]
        world.say(Resume(scope="all", **SAID))  # aborts what the former holder left open
    half.close()
    assert [d.reasons for d in world.decisions()] == [[], []]


def test_a_clock_that_stops_halts_by_itself() -> None:
    world = World(MemoryLog())
    task = world.task(plan={"commit_every_batch": True})
    world.ask()
    until(lambda: len(world.decisions()) == 1, lambda: task.turn(0.0))
    world.clock_stands = True
    for _ in range(51):
        world.tick()
    world.ask()
    until(lambda: len(world.decisions()) == 2, lambda: task.turn(0.0))
    assert [d.reasons for d in world.decisions()] == [[], ["clock_age"]]


def _tick_and_turn(world: World, task: Task) -> None:
    world.tick()
    task.turn(0.0)


def dead_before_its_commit() -> World:
    """A world whose risk task died with its first decision made and not committed."""
    world, armed = World(MemoryLog()), [True]

    def die(point: str, _inputs: int) -> None:
        if armed[0] and point == "committing" and world.asked:
            armed[0] = False
            raise SimulatedCrash("drill")

    task = world.task(plan={"commit_every_batch": True}, failpoint=die)
    world.ask(quantity=10)
    with pytest.raises(SimulatedCrash):
        until(lambda: False, lambda: task.turn(0.0))
    return world


def test_a_halt_given_while_a_task_is_dead_holds_for_all_that_follows_what_it_left_behind() -> None:
    world = dead_before_its_commit()
    world.say(Halt(scope="all", author="a", reason="drill", ts=1))
    for _ in range(3):
        world.ask(quantity=10)
    task = world.task(plan={"commit_every_batch": True})
    until(lambda: len(world.decisions()) == 4, lambda: task.turn(0.0))
    assert [d.verdict for d in world.decisions()] == ["approved", "denied", "denied", "denied"]


def test_nothing_old_leaves_after_an_outage_behind_what_a_dead_task_left_behind() -> None:
    world = dead_before_its_commit()
    for _ in range(3):
        world.ask(quantity=10, valid=1_000_000_000)
    for _ in range(100):
        world.tick()
    task = world.task(plan={"commit_every_batch": True})
    until(lambda: len(world.decisions()) == 4, lambda: task.turn(0.0))
    assert [d.reasons for d in world.decisions()] == [[], ["late"], ["late"], ["late"]]


@pytest.mark.parametrize("killed", [False, True])
def test_a_stopped_clock_halts_and_lets_cancels_pass_until_it_goes_on(killed: bool) -> None:
    world, elapsed = World(MemoryLog()), [0.0]

    def die(point: str, _inputs: int) -> None:
        if killed and armed[0] and point == "committing" and len(world.asked) > 2:
            armed[0] = False
            raise SimulatedCrash("drill")

    def life() -> Task:
        return world.task(plan={"commit_every_batch": True}, monotonic=lambda: elapsed[0], failpoint=die)

    def turn() -> None:
        elapsed[0] += 0.1
        try:
            lives[-1].turn(0.0)
        except SimulatedCrash:
            lives.append(life())

    armed = [True]
    lives = [life()]
    first = world.ask(quantity=10)
    until(lambda: len(world.decisions()) == 1, turn)
    world.clock_stands = True
    for _ in range(150):
        world.tick()
    world.ask(quantity=10)
    world.ask(cancels=first.client_order_id)
    until(lambda: len(world.decisions()) == 3, turn)
    world.clock_stands = False
    world.ask(quantity=10)
    until(lambda: len(world.decisions()) == 4, turn)
    assert [d.reasons for d in world.decisions()] == [[], ["clock_age"], [], []]
    assert armed[0] is not killed


def test_what_a_stranger_writes_to_control_is_shown_as_the_task_reads_it_not_at_all() -> None:
    world = World(MemoryLog())
    task = world.task(plan={"commit_every_batch": True, "writers": {"control": PEOPLE}})
    said = Halt(scope="all", author="a", reason="drill", ts=1)
    stranger = Header(schema=HALT.number, version=HALT.version, seq=0, time=0, writer="a-tool")
    world.log.appender().append("control", 0, b"", encode(said), pack(stranger))
    world.ask(quantity=10)
    until(lambda: len(world.decisions()) == 1, lambda: task.turn(0.0))
    assert world.decisions()[0].verdict == "approved"
    assert read_control(world.log).standing.state_of("a", "s", "spot:BTCUSDT") == "ACTIVE"
