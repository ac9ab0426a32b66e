"""Trading states: what reduces, what halts, and that a cancel always passes."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from schemas.columns import PRICE_SCALE, PRICE_UNDEFINED
from schemas.intent import Intent, Touch
from schemas.tick import FLAG_CROSSED, FLAG_DEPTH_UNSYNCED, FLAG_OUT_OF_ORDER, FLAG_SUSPECT
from tests.risk_desk import SECOND, START, WIDE, Desk, intent, limits_with


@pytest.mark.parametrize("flags", [FLAG_DEPTH_UNSYNCED, FLAG_CROSSED, FLAG_DEPTH_UNSYNCED | FLAG_CROSSED])
def test_on_a_gapped_or_crossed_book_only_what_reduces_leaves(flags: int) -> None:
    desk = Desk()
    desk.hold(1_000)
    for number, (side, quantity, limit) in enumerate((("buy", 1, 0), ("sell", 1_001, 0), ("sell", 1_000, 18))):
        asked = intent(number, side=side, quantity=quantity, price=1.0, flags=flags | FLAG_OUT_OF_ORDER)
        check = desk.check("book", asked)
        assert (check.value, check.limit, check.unit, check.passed) == (flags, limit, "flags", limit > 0)


@pytest.mark.parametrize(("bid", "ask", "crossed"), [(100, 100, True), (101, 100, True), (99, 100, False)])
def test_a_touch_that_is_locked_or_crossed_tells_by_itself(bid: int, ask: int, crossed: bool) -> None:
    seen = Touch(bid_price=bid, ask_price=ask, bid_size=1, ask_size=1, ts=START)
    check = Desk().check("book", intent(price=100 / PRICE_SCALE, touch=seen))
    assert (check.value, check.passed) == (FLAG_CROSSED if crossed else 0, not crossed)


def test_a_book_with_one_side_is_not_crossed() -> None:
    seen = Touch(bid_price=PRICE_UNDEFINED, ask_price=100, bid_size=0, ask_size=1, ts=START)
    assert Desk().check("book", intent(price=100 / PRICE_SCALE, touch=seen)).passed


def test_a_suspect_touch_is_as_old_as_can_be_and_nothing_but_a_cancel_leaves_on_it() -> None:
    desk = Desk()
    desk.hold(1_000)
    for number, side in enumerate(("buy", "sell")):
        decision, order = desk.decide(intent(number, side=side, price=1.0, flags=FLAG_SUSPECT))
        assert (decision.reasons, order) == (["touch_age"], None)
        (check,) = (c for c in decision.checks if c.name == "touch_age")
        assert check.value == 2**63 - 1
    assert desk.decide(cancel(2, flags=FLAG_SUSPECT))[1] is not None
    assert desk.decide(intent(3, side="sell", price=1.0))[0].verdict == "approved", "the next one that is not"


def cancel(number: int, of: str = "id1", **more: Any) -> Intent:
    return msgspec.structs.replace(intent(number, **more), action="cancel", cancels=of)


@pytest.mark.parametrize("limits", [WIDE, {}, limits_with(quantity_max="0")], ids=["wide", "none", "zero"])
def test_a_cancel_passes_every_limit_and_changes_no_exposure(limits: dict[str, Any]) -> None:
    desk = Desk(limits)
    absurd = Touch(bid_price=5, ask_price=1, bid_size=0, ask_size=0, ts=0)
    asked = cancel(2, valid=-SECOND, touch=absurd, flags=FLAG_CROSSED)
    decision, order = desk.decide(asked)
    assert [c.name for c in decision.checks] == ["trading_state", "duplicate_id", "cancels"]
    assert order is not None
    assert (order.action, order.cancels, order.client_order_id) == ("cancel", "id1", "id2")
    assert not desk.state.open_buys.any()


def test_a_cancel_must_say_what_it_takes_back_and_is_sent_once() -> None:
    desk = Desk()
    assert desk.decide(cancel(1, of=""))[0].reasons == ["cancels"]
    assert desk.decide(cancel(2))[0].verdict == "approved"
    assert desk.decide(cancel(2))[0].reasons == ["duplicate_id"]


def test_cancels_count_towards_the_message_rate_of_others_and_are_not_held_back_by_it() -> None:
    desk = Desk({**WIDE, "account": {"message_rate_max": 2}})
    for number in range(3):
        assert desk.decide(cancel(number))[1] is not None
    check = desk.check("message_rate", intent(4))
    assert (check.value, check.passed) == (4, False)


def test_an_order_and_its_cancel_are_each_answered_and_the_orders_own_report_releases_it() -> None:
    desk = Desk()
    _, order = desk.decide(intent(1))
    _, taken_back = desk.decide(cancel(2))
    assert order is not None
    assert taken_back is not None
    desk.report(taken_back, 0)
    assert desk.risk.finish(desk.state).waits == ("executions",), "its own report is still to come"
    desk.report(order, 300)
    assert desk.risk.finish(desk.state).waits == ()
    assert (desk.state.position[0], desk.state.open_buys[0], desk.state.open) == (300, 0, {})
