"""A shadow beside a desk of several partitions: it hears what people say, dies anywhere, and orders the same."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from agents.context import read_context
from agents.topology import TaskHops
from console.shadow_run import at_work
from models.artefact import sign
from replay.provenance import provenance
from replay.shadow import open_shadow
from replay.shadow_plan import ShadowPlan, beside_live, standing_shadow
from replay.shadow_report import shadow_report
from replay.trace import trace
from schemas.codec import decode_any
from schemas.control import Halt, LimitChange, LimitsChanged, Resume
from schemas.decision import Decision
from schemas.errors import ConfigError
from schemas.execution import Execution
from schemas.header import unpack
from schemas.intent import Intent
from schemas.order import Order
from streams.guarded import GuardedLog
from streams.home import HOME_VARIABLE
from streams.people import append
from streams.runner import Task
from streams.scheduler import SimulatedCrash
from tests.partitioned_desk import PartitionedDesk

PARTITIONS = 2
OPENS, HALTS, RESUMES, LIMITS = 150, 500, 700, 850
"""Rounds of the desk at which something happens."""


class MemoryShadow:
    """A shadow's tasks in this thread, in an order of their own, killed at random."""

    def __init__(self, desk: PartitionedDesk, seed: int, kills: float) -> None:
        self.desk, self.kills, self.rng = desk, kills, random.Random(1_000 + seed)
        self.deaths: Counter[str] = Counter()
        opening = beside_live(desk.log, "c", {}).live.opening
        artefact = {k: v for k, v in opening.model.items() if k != "sha256"}
        model = sign({**artefact, "weights": [-weight for weight in artefact["weights"]]})
        self.plan: ShadowPlan = beside_live(desk.log, "c", model)
        assert open_shadow(desk.log, self.plan)
        assert not open_shadow(desk.log, self.plan)
        self.at_work = {task.name: self.born(task) for task in self.plan.tasks}

    def task(self, hops: TaskHops) -> Task:
        plan = replace(
            self.plan.task_plan(hops), commit_interval_s=0.1, records_max=self.rng.randrange(20, 80),
            frame_rows=self.rng.randrange(1, 60),
        )  # fmt: skip
        context = read_context(self.desk.log, self.plan.namespace)
        log = GuardedLog(self.desk.log, self.plan.namespace)
        return Task(plan, hops.build(context), log, failpoint=self.crash, monotonic=lambda: self.desk.now_s)

    def crash(self, point: str, _inputs: int) -> None:
        if point != "poll" and self.rng.random() < self.kills:
            raise SimulatedCrash("shadow")

    def born(self, hops: TaskHops) -> Task:
        while True:
            try:
                return self.task(hops)
            except SimulatedCrash:
                self.deaths[hops.name] += 1

    def turn(self) -> bool:
        moved = False
        for task in self.rng.sample(self.plan.tasks, len(self.plan.tasks)):
            try:
                moved |= self.at_work[task.name].turn(0.0)
            except SimulatedCrash:
                self.deaths[task.name] += 1
                self.at_work[task.name] = self.born(task)
                moved = True
        return moved

    def settle(self) -> None:
        idle = 0
        while idle < 20:
            idle = 0 if self.turn() else idle + 1
        self.kills = 0.0
        for task in self.at_work.values():
            task.commit()

    def written(self, table_name: str) -> list[list[tuple[bytes | None, bytes]]]:
        """Key and value of each committed record, by partition; fails where a writer's number is missing or doubled."""
        found = []
        for partition in range(PARTITIONS):
            records = list(self.desk.log.scan(self.plan.topic(table_name), partition, 0, committed=True))
            heads = [unpack(record.header) for record in records if record.header is not None]
            assert [head.seq for head in heads] == list(range(len(records))), "nothing is lost or doubled"
            assert len({head.writer for head in heads}) == 1
            found.append([(record.key, record.value) for record in records])
        return found

    def documents(self, table_name: str) -> list[Any]:
        return [decode_any(value) for part in self.written(table_name) for _, value in part]


Shadowed = tuple[PartitionedDesk, MemoryShadow, dict[str, int]]


def shadowed(folder: Path, seed: int, *, kills: float = 0.0, every: int = 1) -> Shadowed:
    """A desk with a shadow that is turned every so many rounds; wall times of what people said."""
    desk = PartitionedDesk(folder, 1, PARTITIONS)
    shadows, said = run(desk, lambda: MemoryShadow(desk, seed, kills), every)
    shadows[0].settle()
    return desk, shadows[0], said


def run(
    desk: PartitionedDesk, shadow: Callable[[], MemoryShadow] | None, every: int = 1
) -> tuple[list[MemoryShadow], dict[str, int]]:
    """A desk's day, with people who speak in it, and a shadow or none."""
    shadows: list[MemoryShadow] = []
    said: dict[str, int] = {}

    def on_round(number: int) -> None:
        by: dict[str, Any] = {"author": "a", "reason": "r", "ts": desk.wall()}
        if number == OPENS and shadow is not None:
            shadows.append(shadow())
        elif number == HALTS:
            append(desk.log, Halt(scope="all", **by))
            said["halt"] = desk.wall()
        elif number == RESUMES:
            append(desk.log, Resume(scope="all", **by))
            said["resume"] = desk.wall()
        elif number == LIMITS:
            cut = LimitChange(table="default", key="notional_max", value=0.01)
            append(desk.log, LimitsChanged(changes=[cut], **by))
            said["limits"] = desk.wall()
        if shadows and number % every == 0:
            shadows[0].turn()

    desk.run(on_round)
    return shadows, said


@pytest.fixture(scope="module")
def calm(tmp_path_factory: pytest.TempPathFactory) -> Shadowed:
    return shadowed(tmp_path_factory.mktemp("desk"), 0)


def test_it_follows_every_partition_and_hears_what_people_say_while_it_goes(calm: Shadowed) -> None:
    desk, shadow, said = calm
    decisions = [d for d in shadow.documents("orders.decision") if isinstance(d, Decision)]
    orders = [d for d in shadow.documents("orders") if isinstance(d, Order)]
    final = [d.client_order_id for d in shadow.documents("executions") if isinstance(d, Execution) if d.final]
    assert all(shadow.written("orders")), "each partition has orders"
    assert [d.client_order_id for d in decisions if d.verdict == "approved"] == [o.client_order_id for o in orders]
    assert len(set(final)) == len(final)
    assert len(orders) - len(final) <= len(desk.plan.definitions)
    times = [order.ts for order in orders]
    assert min(times) < said["halt"]
    assert not [ts for ts in times if said["halt"] <= ts < said["resume"] or ts >= said["limits"]]
    assert [ts for ts in times if said["resume"] <= ts < said["limits"]]
    assert {"trading_state", "notional"} <= {reason for d in decisions for reason in d.reasons}


@pytest.mark.parametrize("seed", [1, 2])
def test_killed_anywhere_and_far_behind_it_writes_the_same_bytes(seed: int, calm: Shadowed, tmp_path: Path) -> None:
    _, killed, _ = shadowed(tmp_path, seed, kills=0.02, every=1 if seed % 2 else 700)
    assert {name.partition("@")[0] for name in killed.deaths} == {"hot", "risk", "venue"}
    for name in ("orders.intent", "orders.decision", "orders", "executions"):
        assert killed.written(name) == calm[1].written(name)


def test_the_live_desk_goes_on_as_if_alone(calm: Shadowed, tmp_path: Path) -> None:
    desk, shadow, _ = calm
    alone = PartitionedDesk(tmp_path, 1, PARTITIONS)
    run(alone, None)
    own = [name for name in desk.log.names() if not name.startswith(shadow.plan.namespace)]
    assert own == alone.log.names()
    for name in ("orders.intent", "orders.decision", "orders", "executions", "control"):
        assert values(desk, name) == values(alone, name)


def values(desk: PartitionedDesk, topic: str) -> list[bytes]:
    return [record.value for record in desk.log.scan(topic, 0, 0, committed=False)]


def test_its_orders_are_traced_to_the_live_payload_on_every_partition_and_what_it_heard(calm: Shadowed) -> None:
    desk, shadow, said = calm
    for partition in range(PARTITIONS):
        record = list(desk.log.scan(shadow.plan.topic("orders"), partition, 0, committed=True))[-1]
        order = decode_any(record.value)
        assert isinstance(order, Order)
        story = trace(desk.log, order.client_order_id, "c")
        assert (story["run"], story["doubts"]) == ("c", [])
        assert story["raw"]["topic"] == "raw.simulator"
        assert story["features"]["agrees"] is not False
        assert story["outcome"].endswith("(simulated)") == bool(story["executions"])
        told = provenance(desk.log, record.topic, partition, record.offset)
        assert told["missing"] in ([], ["features"])
        assert [s["run"] for s in told["steps"]] == [shadow.plan.live.opening.run] + ["shadow-c"] * (
            len(told["steps"]) - 1
        )
    decisions = [d for d in shadow.documents("orders.decision") if isinstance(d, Decision)]
    denied = next(d for d in decisions if d.verdict == "denied" and d.ts >= said["limits"])
    story = trace(desk.log, denied.client_order_id, "c")
    assert story["outcome"].startswith("denied")
    assert story["in_force"]["limits"]["notional_max"] == 0.01, "what the live desk was told"


def test_an_order_of_both_is_told_as_the_live_desks(calm: Shadowed) -> None:
    desk, shadow, _ = calm
    ids = {d.client_order_id for d in desk.documents("orders.intent", Intent)}
    both = next(d.client_order_id for d in shadow.documents("orders.intent") if d.client_order_id in ids)
    assert trace(desk.log, both)["run"] == shadow.plan.live.opening.run


def test_a_shadow_stands_by_its_name(calm: Shadowed) -> None:
    desk, shadow, _ = calm
    assert standing_shadow(desk.log, "c").model == shadow.plan.model
    with pytest.raises(ConfigError, match="no such shadow") as caught:
        standing_shadow(desk.log, "d")
    assert caught.value.allowed == "c"


def test_a_name_that_is_at_work_is_refused_and_one_whose_holder_has_ended_is_not(
    calm: Shadowed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(HOME_VARIABLE, str(tmp_path))
    plan = calm[1].plan
    with at_work(plan, "host:9092"):
        with pytest.raises(ConfigError, match="is at work") as refused, at_work(plan, "host:9092"):
            pass
        assert refused.value.kind == "config.shadow_taken"
        with at_work(plan, "other:9092"), at_work(replace(plan, name="d"), "host:9092"):
            pass
    with at_work(plan, "host:9092"):
        pass


def test_its_report_sets_candidate_and_champion_side_by_side(calm: Shadowed) -> None:
    desk, shadow, _ = calm
    report = shadow_report(desk.log, shadow.plan)
    assert report["partitions"] == PARTITIONS
    assert report["orders"] == len(shadow.documents("orders"))
    assert report["fills"] > 0
    candidate, champion = report["economics"]["candidate"], report["economics"]["champion"]
    assert candidate.keys() == champion.keys() == {"pnl", "slippage_bp", "turnover", "exposure_max", "exposure_end"}
    filled = [e for e in desk.documents("executions", Execution) if e.ts >= report["since"]]
    worth = sum(e.last_quantity * e.last_price for e in filled)
    assert worth > 0
    assert sum(champion["turnover"].values()) > 0
    assert candidate["turnover"] != champion["turnover"]
    assert report["live_tick_to_order"]["without"].keys() == report["live_tick_to_order"]["with"].keys()
