"""Risk in a live run: what is offered takes effect at once, and doubt halts by itself."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from agents.checks import HALTED, INT64_MAX, NO_LIMIT, REDUCING
from agents.context import context_of
from feeds.definitions import DEFINITIONS
from schemas.clock import Clock
from schemas.control import Halt, LimitChange, LimitsChanged, Resume
from schemas.document import Document
from schemas.errors import SnapshotError
from schemas.execution import Execution
from tests.risk_desk import LATENCY, SECOND, SPOT, START, WIDE, Desk, intent, live_desk

SAID: dict[str, Any] = {"author": "j.doe", "reason": "drill", "ts": START}


def halt(scope: Any = "all", name: str = "", state: Any = "HALTED") -> Halt:
    return Halt(scope=scope, name=name, state=state, **SAID)


def resume(scope: Any = "all", name: str = "") -> Resume:
    return Resume(scope=scope, name=name, **SAID)


def told(desk: Desk, *documents: Document) -> Desk:
    desk.tell("control", *documents)
    return desk


def reasons(desk: Desk, number: int, **more: Any) -> list[str]:
    return desk.decide(intent(number, **more))[0].reasons


def test_it_listens_to_the_clock_to_people_and_to_executions() -> None:
    assert live_desk().risk.sides == ("clock", "control", "executions")
    assert Desk().risk.sides == ("executions",)


def test_a_halt_holds_from_where_it_is_read_until_its_resume() -> None:
    desk = live_desk()
    assert reasons(desk, 1) == []
    told(desk, halt())
    decision, _ = desk.decide(intent(2))
    (check,) = [c for c in decision.checks if not c.passed]
    assert (check.name, check.value, check.limit, check.unit) == ("trading_state", HALTED, 0, "state")
    told(desk, resume())
    assert reasons(desk, 3) == []


@pytest.mark.parametrize(
    ("scope", "name"), [("account", "a"), ("strategy", "s"), ("instrument", SPOT), ("all", "")]
)  # fmt: skip
def test_a_halt_covers_its_scope_alone(scope: Any, name: str) -> None:
    desk = told(live_desk(), halt(scope, name))
    assert reasons(desk, 1) == ["trading_state"]
    other = msgspec.structs.replace(intent(2, instrument="inverse:BTCUSD_PERP", quantity=1), account="b", strategy="t")
    assert desk.decide(other)[0].reasons == (["trading_state"] if scope == "all" else [])


@pytest.mark.parametrize(
    ("held", "side", "quantity", "passed"),
    [
        (1_000, "sell", 1_000, True), (1_000, "sell", 1_001, False), (1_000, "buy", 1, False),
        (-1_000, "buy", 1_000, True), (-1_000, "buy", 1_001, False), (-1_000, "sell", 1, False), (0, "sell", 1, False),
    ],
)  # fmt: skip
def test_reducing_passes_only_what_brings_the_position_nearer_to_zero(
    held: int, side: Any, quantity: int, passed: bool
) -> None:
    desk = live_desk()
    desk.state.position[0] = held
    told(desk, halt(state="REDUCING"))
    check = desk.check("trading_state", intent(1, side=side, quantity=quantity))
    assert (check.value, check.limit, check.passed) == (REDUCING, REDUCING if passed else 0, passed)


def test_reducing_counts_what_is_on_its_way() -> None:
    desk = live_desk()
    desk.state.position[0] = 1_000
    told(desk, halt(state="REDUCING"))
    assert reasons(desk, 1, side="sell", quantity=600) == []
    assert reasons(desk, 2, side="sell", quantity=401) == ["trading_state"]
    assert reasons(desk, 3, side="sell", quantity=400) == []


def test_before_the_opening_is_read_there_are_no_limits_and_all_is_halted() -> None:
    desk = live_desk(None)
    assert reasons(desk, 1)[0] == "trading_state"
    told(desk, desk.context.run)
    assert reasons(desk, 2) == []


def test_changed_limits_hold_from_where_they_are_read() -> None:
    desk = live_desk()
    assert reasons(desk, 1, quantity=1_000) == []
    cut = LimitChange(table="instrument", name=SPOT, key="quantity_max", value="0.005")
    told(desk, LimitsChanged(changes=[cut], **SAID))
    assert reasons(desk, 2, quantity=501) == ["quantity"]
    assert reasons(desk, 3, quantity=500) == []
    told(desk, LimitsChanged(changes=[msgspec.structs.replace(cut, key="nonsense")], **SAID))
    assert reasons(desk, 4, quantity=500) == [], "what breaks the rules changes nothing"
    assert desk.state.standing.ignored == 1
    told(desk, LimitsChanged(changes=[msgspec.structs.replace(cut, value=None)], **SAID))
    assert reasons(desk, 5, quantity=1) == ["trading_state", "quantity"]


@pytest.mark.parametrize(("age", "passed"), [(-SECOND, True), (0, True), (SECOND, True), (SECOND + 1, False)])
def test_a_clock_that_stands_still_halts(age: int, passed: bool) -> None:
    desk = live_desk()
    desk.tell("clock", Clock(ts=START - age))
    check = desk.check("clock_age", intent(1, valid=10 * SECOND))
    assert (check.value, check.limit, check.unit, check.passed) == (age, SECOND, "ns", passed)


def test_without_a_clock_all_is_halted() -> None:
    desk = live_desk()
    desk.state.clock = None
    check = desk.check("clock_age", intent(1))
    assert (check.value, check.passed) == (INT64_MAX, False)


def test_without_a_limit_for_the_clocks_age_all_is_halted() -> None:
    desk = live_desk({**WIDE, "account": {"message_rate_max": 10}})
    decision, _ = desk.decide(intent(1))
    assert decision.reasons == ["trading_state", "clock_age"]
    assert decision.checks[1].limit == NO_LIMIT


def test_the_newest_clock_record_counts_even_if_it_was_set_back() -> None:
    desk = live_desk()
    desk.tell("clock", Clock(ts=START + 10**9 * SECOND), Clock(ts=START))
    assert reasons(desk, 1) == []


def test_an_intent_that_the_clock_has_overtaken_is_late() -> None:
    desk = live_desk()
    desk.tell("clock", Clock(ts=START + 2 * SECOND))
    check = desk.check("late", intent(1, valid=SECOND))
    assert (check.value, check.passed) == (SECOND, False)


def test_no_report_is_waited_for_and_each_takes_effect_when_it_is_read() -> None:
    desk = live_desk()
    _, order = desk.decide(intent(1, quantity=1_000))
    assert order is not None
    out = desk.step(intent(2, ts=START + LATENCY, quantity=1))
    assert (out.consumed, out.waits) == (1, ())
    desk.report(order, 300, 0, final=False)
    assert (desk.state.position[0], desk.state.open_buys[0]) == (300, 701), "held and open together are what was sent"
    desk.report(order, 200, 1)
    assert (desk.state.position[0], desk.state.open_buys[0]) == (500, 1)
    assert desk.risk.finish(desk.state).waits == ()


def test_reports_of_strangers_and_repeats_change_nothing_and_are_counted() -> None:
    desk = live_desk()
    _, order = desk.decide(intent(1))
    assert order is not None
    stranger = msgspec.structs.replace(order, client_order_id="manual-1")
    desk.report(stranger, 5_000)
    desk.report(order, 300, 0, final=False)
    desk.report(order, 300, 0, final=False)
    desk.report(order, 0, 1)
    desk.report(order, 700, 2)
    assert (desk.state.position[0], desk.state.open_buys[0], desk.state.strangers) == (300, 0, 3)


def test_more_filled_than_was_sent_is_held_and_nothing_stays_open() -> None:
    desk = live_desk()
    _, order = desk.decide(intent(1, quantity=100))
    assert order is not None
    desk.report(order, 150, 0, final=False)
    assert (desk.state.position[0], desk.state.open_buys[0]) == (150, 0)
    desk.report(order, 0, 1)
    assert (desk.state.position[0], desk.state.open_buys[0], desk.state.open) == (150, 0, {})


def test_cancels_pass_while_everything_is_halted_without_a_clock_and_without_limits() -> None:
    desk = live_desk(None)
    desk.state.clock = None
    told(desk, halt())
    _, order = desk.decide(msgspec.structs.replace(intent(9), action="cancel", cancels="id1"))
    assert order is not None
    assert (order.action, order.cancels) == ("cancel", "id1")
    desk.tell("executions", cancelled(order))
    assert desk.state.open == {}


def cancelled(order: Any) -> Execution:
    return Execution(
        execution_id="x-0", client_order_id=order.client_order_id, root=order.root, ts=order.ts, account="a",
        strategy="s", instrument_id=order.instrument_id, instrument=order.instrument, side=order.side,
        status="cancelled", last_quantity=0, last_price=0, cumulative_quantity=0, leaves_quantity=0, report_index=0,
        final=True,
    )  # fmt: skip


def test_a_snapshot_holds_halts_limits_clock_and_what_is_open() -> None:
    desk = live_desk()
    desk.decide(intent(1, quantity=400))
    cut = LimitChange(table="account", key="message_rate_max", value=2)
    told(desk, halt("instrument", SPOT, "REDUCING"), LimitsChanged(changes=[cut], **SAID))
    again = live_desk(None)
    again.state = again.risk.restore(desk.risk.snapshot(desk.state))
    assert again.risk.snapshot(again.state) == desk.risk.snapshot(desk.state)
    assert reasons(again, 2) == ["trading_state"]
    assert again.state.rate_max == 2


def test_a_snapshot_fits_a_run_with_further_instruments_and_not_one_that_lacks_what_is_held() -> None:
    desk = live_desk()
    desk.decide(intent(1, instrument="inverse:BTCUSD_PERP", quantity=7))
    data = desk.risk.snapshot(desk.state)
    few = [d for d in DEFINITIONS if d.instrument == "inverse:BTCUSD_PERP"]
    small = live_desk(definitions=few)
    small.state = small.risk.restore(data)
    assert small.state.open_buys.tolist() == [7]
    wide = live_desk()
    wide.state = wide.risk.restore(small.risk.snapshot(small.state))
    assert wide.risk.snapshot(wide.state) == data
    with pytest.raises(SnapshotError, match="no longer defined"):
        live_desk(definitions=[d for d in DEFINITIONS if d.instrument == SPOT]).risk.restore(data)


def test_a_run_that_is_live_ignores_what_it_does_not_know() -> None:
    desk = told(live_desk(), context_of(live_desk().context.run, DEFINITIONS).run)
    assert reasons(desk, 1) == []
