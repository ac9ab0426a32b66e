"""Risk: every check at its very limit, its value and limit in the decision; in doubt no order leaves."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from agents.checks import ACTIVE, HALTED, NO_LIMIT
from agents.limits import default_limits
from agents.risk_state import IDS_REMEMBERED, KIND
from schemas.columns import PRICE_SCALE, PRICE_UNDEFINED
from schemas.errors import SnapshotError
from schemas.intent import Intent, Touch
from schemas.order import Order
from streams.state_bytes import dump, load
from tests.risk_desk import INVERSE, LATENCY, SECOND, SPOT, START, WIDE, Desk, intent, limits_with, touch_of


def test_an_intent_within_all_limits_becomes_an_order_of_the_same_terms() -> None:
    asked = intent(7, quantity=1_500, price=60_000.12)
    decision, order = Desk().decide(asked)
    assert decision.verdict == "approved"
    assert [c.name for c in decision.checks] == [
        "trading_state", "book", "duplicate_id", "late", "price_collar", "touch_age", "quantity", "notional",
        "position", "message_rate",
    ]  # fmt: skip
    assert order is not None
    for name in ("client_order_id", "root", "ts", "side", "quantity", "limit_price", "valid_until", "instrument"):
        assert getattr(order, name) == getattr(asked, name)
    assert (order.quantity_decimal, order.limit_price_decimal) == ("0.015", "60000.12")
    assert (order.venue, order.symbol) == ("binance", "BTCUSDT")


def test_an_order_leaves_before_its_decision() -> None:
    out = Desk().step(intent())
    assert [type(d.document).__name__ for d in out.documents] == ["Order", "Decision"]
    assert {d.key for d in out.documents} == {SPOT.encode()}


@pytest.mark.parametrize(
    ("side", "price", "value", "passed"),
    [
        ("buy", 100.1, 1_000, True), ("buy", 100.100_000_001, 1_001, False), ("buy", 99.0, -10_000, True),
        ("sell", 99.9, 1_000, True), ("sell", 99.899_999_999, 1_001, False), ("sell", 101.0, -10_000, True),
    ],
)  # fmt: skip
def test_the_price_collar_counts_from_the_touch_that_was_seen(
    side: Any, price: float, value: int, passed: bool
) -> None:
    seen = touch_of(side, 100 * PRICE_SCALE)
    check = Desk().check("price_collar", intent(side=side, price=price, touch=seen))
    assert (check.value, check.limit, check.unit, check.passed) == (value, 1_000, "ppm", passed)


@pytest.mark.parametrize("touch_price", [PRICE_UNDEFINED, 0, -1])
@pytest.mark.parametrize("side", ["buy", "sell"])
def test_without_a_touch_to_judge_by_a_price_is_denied(side: Any, touch_price: int) -> None:
    seen = Touch(bid_price=touch_price, ask_price=touch_price, bid_size=1, ask_size=1, ts=START)
    assert not Desk().check("price_collar", intent(side=side, touch=seen)).passed


@pytest.mark.parametrize("price", [0.0, -5.0])
def test_a_price_of_zero_or_less_is_denied(price: float) -> None:
    seen = touch_of("sell", 100)
    assert not Desk().check("price_collar", intent(side="sell", price=price, touch=seen)).passed


@pytest.mark.parametrize(("age", "passed"), [(0, True), (2 * SECOND, True), (2 * SECOND + 1, False), (-1, False)])
def test_the_touch_may_be_as_old_as_its_limit_and_never_of_the_future(age: int, passed: bool) -> None:
    check = Desk().check("touch_age", intent(touch_age=age))
    assert (check.value, check.limit, check.unit, check.passed) == (age, 2 * SECOND, "ns", passed)


def test_a_touch_that_was_never_set_is_too_old() -> None:
    assert not Desk().check("touch_age", intent(touch_age=START)).passed


@pytest.mark.parametrize(("quantity", "passed"), [(30_000, True), (30_001, False), (1, True), (0, False), (-1, False)])
def test_quantity_has_its_limit_and_must_be_more_than_zero(quantity: int, passed: bool) -> None:
    check = Desk(limits_with(quantity_max="0.3")).check("quantity", intent(quantity=quantity))
    assert (check.value, check.limit, check.unit, check.passed) == (quantity, 30_000, "size", passed)


@pytest.mark.parametrize(
    ("quantity", "price", "value", "passed"),
    [
        (50_000, 50_000.0, 25_000 * PRICE_SCALE, True),
        (50_001, 50_000.0, 25_000 * PRICE_SCALE + PRICE_SCALE // 2, False),
        (50_000, 50_000.01, 25_000 * PRICE_SCALE + 5_000_000, False),
    ],
)
def test_notional_is_quantity_times_price(quantity: int, price: float, value: int, passed: bool) -> None:
    check = Desk().check("notional", intent(quantity=quantity, price=price))
    assert (check.value, check.limit, check.unit, check.passed) == (value, 25_000 * PRICE_SCALE, "1e-9 quote", passed)


@pytest.mark.parametrize(("contracts", "passed"), [(250, True), (251, False)])
@pytest.mark.parametrize("price", [10.0, 100_000.0])
def test_the_notional_of_inverse_contracts_is_their_fixed_worth(contracts: int, price: float, passed: bool) -> None:
    check = Desk().check("notional", intent(instrument=INVERSE, quantity=contracts, price=price))
    assert (check.value, check.passed) == (contracts * 100 * PRICE_SCALE, passed)


@pytest.mark.parametrize(
    ("held", "side", "quantity", "value", "passed"),
    [
        (0, "buy", 40_000, 40_000, True), (0, "buy", 40_001, 40_001, False),
        (0, "sell", 40_000, 40_000, True), (0, "sell", 40_001, 40_001, False),
        (30_000, "buy", 10_000, 40_000, True), (30_000, "buy", 10_001, 40_001, False),
        (-30_000, "sell", 10_001, 40_001, False), (30_000, "sell", 70_000, 40_000, True),
        (30_000, "sell", 70_001, 40_001, False),
    ],
)  # fmt: skip
def test_position_counts_what_is_held(held: int, side: Any, quantity: int, value: int, passed: bool) -> None:
    limits = limits_with(position_max="0.4", notional_max=9e9)
    desk = Desk(limits)
    if held:
        desk.hold(held)
    check = desk.check("position", intent(side=side, quantity=quantity, price=1.0))
    assert (check.value, check.limit, check.passed) == (value, 40_000, passed)


@pytest.mark.parametrize(
    ("side", "quantity", "passed"),
    [
        ("sell", 1, True), ("sell", 100_000, True), ("sell", 140_000, True), ("sell", 140_001, False),
        ("sell", 160_000, False), ("buy", 1, False),
    ],
)  # fmt: skip
def test_beyond_its_limit_a_position_may_only_be_reduced_and_not_turned_around(
    side: Any, quantity: int, passed: bool
) -> None:
    desk = Desk(limits_with(notional_max=9e9))
    desk.hold(100_000)
    desk.relimit(limits_with(position_max="0.4", notional_max=9e9))  # the limit was cut while it was held
    assert desk.check("position", intent(side=side, quantity=quantity, price=1.0)).passed is passed


def test_open_approvals_count_as_if_they_filled() -> None:
    desk = Desk(limits_with(position_max="0.4"))
    desk.decide(intent(1, quantity=25_000))
    assert desk.check("position", intent(2, quantity=15_000)).passed
    check = desk.check("position", intent(3, quantity=1))
    assert (check.value, check.passed) == (40_001, False)


def test_an_open_sale_makes_no_room_for_a_purchase() -> None:
    desk = Desk(limits_with(position_max="0.4"))
    desk.decide(intent(1, side="sell", quantity=40_000))
    assert not desk.check("position", intent(2, side="buy", quantity=40_001)).passed
    assert not desk.check("position", intent(3, side="sell", quantity=1)).passed


def test_an_approval_that_was_cancelled_makes_room_again() -> None:
    desk = Desk(limits_with(position_max="0.4"))
    _, order = desk.decide(intent(1, quantity=40_000))
    assert order is not None
    desk.report(order, 10_000, 0, final=False)
    desk.report(order, 0, 1)
    check = desk.check("position", intent(2, ts=START + LATENCY, quantity=30_000))
    assert (check.value, check.passed) == (40_000, True)


def test_before_an_intent_it_waits_for_the_reports_that_are_due_and_for_no_others() -> None:
    desk = Desk()
    _, order = desk.decide(intent(1))
    early, due = intent(2, ts=START + LATENCY - 1), intent(3, ts=START + LATENCY)
    out = desk.step(early, due)
    assert out.consumed == 1
    assert out.waits == ("executions",)
    assert desk.step(due).consumed == 0
    assert order is not None
    desk.report(order, 1_000)
    desk.report(desk_order(early), 0)
    assert desk.step(due).consumed == 1


def desk_order(asked: Intent) -> Order:
    """The order that an approved intent becomes."""
    _, order = Desk().decide(asked)
    assert order is not None
    return order


def test_the_last_reports_are_waited_for_at_the_end() -> None:
    desk = Desk()
    _, order = desk.decide(intent(1))
    assert order is not None
    assert desk.risk.finish(desk.state).waits == ("executions",)
    desk.report(order, 400)
    out = desk.risk.finish(desk.state)
    assert (out.waits, out.documents) == ((), [])
    assert desk.state.position.tolist()[0] == 400


def test_a_denied_intent_is_not_waited_for() -> None:
    desk = Desk()
    decision, order = desk.decide(intent(1, quantity=0))
    assert (decision.verdict, order) == ("denied", None)
    assert desk.risk.finish(desk.state).waits == ()


def test_the_message_rate_counts_approvals_in_a_second_of_log_time_and_refills() -> None:
    desk = Desk({**WIDE, "account": {"message_rate_max": 3}})
    step = SECOND // 4
    approved = []
    for i in range(9):
        _, order = desk.decide(intent(i, ts=START + i * step, quantity=1))
        approved.append(order is not None)
        if order is not None:
            desk.report(order, 0)
    # Three in the first second, the fourth is one too many; at exactly one second after the first there is room again.
    assert approved == [True, True, True, False, True, True, True, False, True]


def test_the_rate_in_the_decision_includes_the_order_itself() -> None:
    desk = Desk({**WIDE, "account": {"message_rate_max": 2}})
    checks = [desk.check("message_rate", intent(i)) for i in range(3)]
    assert [(c.value, c.limit, c.passed) for c in checks] == [(1, 2, True), (2, 2, True), (3, 2, False)]


@pytest.mark.parametrize("first_quantity", [1_000, 0], ids=["approved", "denied"])
def test_an_id_is_decided_once(first_quantity: int) -> None:
    desk = Desk()
    desk.decide(intent(5, quantity=first_quantity))
    check = desk.check("duplicate_id", intent(5))
    assert (check.value, check.limit, check.passed) == (1, 0, False)
    assert desk.check("duplicate_id", intent(6)).passed


def test_ids_are_remembered_to_a_bound() -> None:
    desk = Desk()
    for i in range(IDS_REMEMBERED + 1):
        desk.step(intent(i, quantity=0))
    last, first = (desk.decide(intent(i, quantity=0))[0].reasons for i in (IDS_REMEMBERED, 0))
    assert last == ["duplicate_id", "quantity"]
    assert first == ["quantity"], "the oldest has been forgotten"
    assert len(desk.risk.snapshot(desk.state)) < 20_000


@pytest.mark.parametrize(("valid", "value", "passed"), [(0, 0, True), (-1, 1, False), (SECOND, -SECOND, True)])
def test_what_is_past_its_time_never_leaves(valid: int, value: int, passed: bool) -> None:
    check = Desk().check("late", intent(valid=valid))
    assert (check.value, check.limit, check.passed) == (value, 0, passed)


def test_late_is_judged_by_the_newest_time_known() -> None:
    desk = Desk()
    desk.decide(intent(1, ts=START + 3 * SECOND))
    old = intent(2, ts=START)
    check = desk.check("late", old)
    assert (check.value, check.passed) == (2 * SECOND, False)


@pytest.mark.parametrize(
    ("key", "check"),
    [
        ("price_collar_bps", "price_collar"), ("touch_age_max_ms", "touch_age"), ("notional_max", "notional"),
        ("quantity_max", "quantity"), ("position_max", "position"),
    ],
)  # fmt: skip
def test_a_limit_that_is_missing_denies(key: str, check: str) -> None:
    decision, _ = Desk(limits_with(**{key: None})).decide(intent())
    assert decision.reasons == ["trading_state", check], "what lacks a limit is halted by itself"
    made = {c.name: c for c in decision.checks}
    assert (made["trading_state"].value, made["trading_state"].limit) == (HALTED, ACTIVE)
    assert (made[check].limit, made[check].passed) == (NO_LIMIT, False)


@pytest.mark.parametrize("limits", [{}, {"account": {}}])
def test_without_any_limits_everything_is_denied_and_says_why(limits: dict[str, Any]) -> None:
    decision, order = Desk(limits).decide(intent())
    assert order is None
    assert decision.reasons == [
        "trading_state", "price_collar", "touch_age", "quantity", "notional", "position", "message_rate"
    ]  # fmt: skip


def test_a_missing_position_limit_denies_even_what_reduces() -> None:
    desk = Desk(limits_with(notional_max=9e9))
    desk.hold(1_000)
    desk.relimit(limits_with(position_max=None))
    decision, _ = desk.decide(intent(side="sell", quantity=500))
    assert decision.reasons == ["trading_state", "position"]


def test_limits_of_zero_allow_nothing() -> None:
    assert not Desk(limits_with(quantity_max="0")).check("quantity", intent(quantity=1)).passed
    assert not Desk(limits_with(position_max="0")).check("position", intent(quantity=1)).passed


def test_what_names_no_instrument_or_is_no_intent_is_refused_and_the_others_go_on() -> None:
    desk = Desk()
    stranger = msgspec.structs.replace(intent(1), instrument_id=99)
    order = desk_order(intent(2))
    out = desk.step(stranger, order, intent(3))
    assert out.consumed == 3
    assert [(r.index, r.error.code) for r in out.rejects] == [(0, "unknown_instrument"), (1, "bad_payload")]
    assert {d.index for d in out.documents} == {2}


@pytest.mark.parametrize("number", [2**63 - 1, -(2**63 - 1)])
def test_absurd_numbers_are_denied_and_their_checks_stay_within_int64(number: int) -> None:
    seen = Touch(bid_price=number, ask_price=number, bid_size=number, ask_size=number, ts=-(2**62))
    asked = msgspec.structs.replace(intent(touch=seen), quantity=number, limit_price=number)
    decision, order = Desk().decide(asked)
    assert order is None
    assert all(abs(c.value) <= 2**63 - 1 for c in decision.checks)


def test_the_shipped_limits_approve_a_usual_order() -> None:
    assert Desk(default_limits()).decide(intent(quantity=10_000))[1] is not None


def test_an_id_that_is_open_is_known_however_many_came_after_it() -> None:
    desk = Desk()
    desk.decide(intent(0, quantity=1))
    for i in range(IDS_REMEMBERED):
        desk.step(intent(i + 1, quantity=0))
    assert desk.decide(intent(0, quantity=1))[0].reasons == ["duplicate_id"]


def test_a_snapshot_of_another_version_is_refused() -> None:
    desk = Desk()
    arrays, values = load(KIND, desk.risk.snapshot(desk.state))
    with pytest.raises(SnapshotError, match="foreign; got risk/1"):
        desk.risk.restore(dump("risk/1", arrays, values))
