"""An execution system works the orders: whatever dies, each is worked once, none is forgotten, and it replays."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from agents.desk_metrics import of_task
from agents.working_orders import WorkingOrders
from operations.letters import Wanted, letters
from operations.retries import retry
from replay.measured import measure
from replay.parity import compare
from replay.replaying import MemoryReplay
from replay.shape import shape_of
from replay.spans import open_recording
from schemas.catalog import RAW
from schemas.codec import decode_any
from schemas.control import End
from schemas.dead_letter import DeadLetter
from schemas.execution import Execution
from schemas.header import Header, pack
from schemas.order import Order
from tests.external_desk import GATEWAY, REPORTS, ExternalDesk
from tests.replay_desk import START_NS, plan_of


def ran(folder: Path, seed: int, kills: float, working_ms: float) -> ExternalDesk:
    desk = ExternalDesk(folder, seed, kills, working_ms=working_ms)
    desk.run()
    return desk


def assert_whole(desk: ExternalDesk) -> None:
    """Each order was worked once, each report was heard once, and positions follow executions."""
    orders = desk.documents("orders", Order)
    executions = desk.documents("executions", Execution)
    assert len(orders) > 10
    assert {o.client_order_id for o in orders} == set(desk.venue.worked)
    assert max(desk.venue.worked.values()) == 1
    assert not desk.documents("dlq", DeadLetter)
    said = [report["execution_id"] for reports in desk.venue.said.values() for report in reports]
    heard = Counter(e.execution_id for e in executions if "#" not in e.execution_id)
    assert heard == Counter(said), "each report once, none lost"
    state = desk.actors["gateway"].at_work._states[0]
    assert isinstance(state, WorkingOrders)
    assert {n: w.left for n, w in state.working.items()} == desk.venue.open
    readings = of_task(desk.actors["gateway"].at_work, desk.context)
    told = {reading.name: reading.value for telling in readings for reading in telling()}
    assert (told["tapedeck_working_orders"], told["tapedeck_report_repeats_total"]) == (
        len(state.working),
        state.repeats,
    )
    assert desk.known_to("hot", 2) == desk.position()
    assert desk.known_to("risk", 0) == desk.position()
    assert set(desk.actors["risk"].at_work._states[0].open) == set(desk.venue.open)


@pytest.mark.parametrize(("seed", "working_ms"), [(1, 0.0), (2, 40.0)])
def test_killed_anywhere_each_order_is_worked_once_and_none_forgotten(
    tmp_path: Path, seed: int, working_ms: float
) -> None:
    desk = ran(tmp_path, seed, 0.01, working_ms)
    assert_whole(desk)
    assert desk.deaths["toy"] > 0
    assert desk.deaths["gateway"] > 0
    actions = Counter(o.action for o in desk.documents("orders", Order))
    assert (actions["replace"] > 0 and actions["cancel"] > 0) == (working_ms > 0)


def test_a_report_that_came_before_a_fill_is_put_back_once_the_fill_is_there(tmp_path: Path) -> None:
    desk = ExternalDesk(tmp_path, 2, 0.0, working_ms=40.0)
    desk.venue.still = True
    desk.run()
    name = next(name for name, left in desk.venue.open.items() if left > 2)
    task = desk.actors["gateway"].at_work
    before = task._states[0].working[name].filled
    (lost,), (late,) = desk.venue.fill(name, 1), desk.venue.fill(name, 1)

    def taken() -> None:
        while task.turn(0.0):
            pass
        task.commit()

    def tell(report: dict[str, Any], seq: int) -> None:
        header = Header(schema=RAW.number, version=RAW.version, seq=seq, time=desk.wall(), writer=GATEWAY)
        desk.memory.appender().append(REPORTS, 0, b"any", json.dumps(report).encode(), pack(header))
        taken()

    tell(late, 0)
    filed = list(letters(desk.memory, "", Wanted()))
    assert [f.letter.kind for f in filed] == ["bad_execution.quantity_differs"]
    tell(lost, 1)
    said = {"author": "j.doe", "reason": "the fill has come"}
    done = retry(desk.memory, "", lambda: filed, most=None, named=True, again=False, **said)
    taken()
    assert [copies.copies for _, copies in done.sent] == [1]
    assert task._states[0].working[name].filled == before + 2
    assert len(list(letters(desk.memory, "", Wanted()))) == 1


def assert_measured(desk: ExternalDesk) -> None:
    """Each order's way to the execution system and back is measured once, by its id."""
    hops = measure(desk.memory, shape_of(desk.memory, "live")).hops.summary()
    orders = {e.client_order_id for e in desk.documents("executions", Execution)}
    assert {hops[name]["count"] for name in ("risk_to_venue", "venue_to_gateway", "order_to_acknowledged")} == {
        len(orders)
    }


def test_what_if_is_answered_by_the_paper_venue(tmp_path: Path) -> None:
    desk = ran(tmp_path, 5, 0.0, 40.0)
    counts = []
    for since in (None, START_NS + 2_500_000_000):
        replay = MemoryReplay(plan_of(open_recording(desk.memory, since_ns=since), simulated=True))
        replay.run()
        found = [decode_any(r.value) for r in replay.log.scan("replay.r1.executions", 0, 0, committed=True)]
        made = [e for e in found if isinstance(e, Execution)]
        assert all(e.execution_id == f"{e.client_order_id}-{e.report_index}" for e in made)
        assert isinstance(found[-1], End), "it came to its end"
        counts.append(len(made))
    assert counts[0] > 5, "from the middle the positions may be too far apart to trade"


@pytest.mark.parametrize("working_ms", [0.0, 40.0])
def test_a_run_with_an_execution_system_comes_again_to_the_byte(tmp_path: Path, working_ms: float) -> None:
    desk = ran(tmp_path, 4, 0.01, working_ms)
    assert_measured(desk)
    for since, split in ((None, False), (None, True), (START_NS + 1_500_000_000, False)):
        plan = plan_of(open_recording(desk.memory, since_ns=since), split=split)
        replay = MemoryReplay(plan)
        replay.run()
        parity = compare(replay.plan, replay.log)
        assert parity.differing == []
        assert parity.compared["executions"] > 10
        assert parity.compared["orders"] > 10
