"""The paper venue: an order meets the last touch at or before its time plus latency, and has one last report."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from agents.context import context_of
from agents.venue import Venue
from feeds.definitions import BY_INSTRUMENT, DEFINITIONS
from replay.plan import PlayPlan
from schemas.columns import PRICE_UNDEFINED
from schemas.document import Root
from schemas.execution import Execution
from schemas.order import Order
from schemas.tick import TICK
from streams.agent import Batch, Out

LATENCY = 50
BTC, ETH = BY_INSTRUMENT["spot:BTCUSDT"], BY_INSTRUMENT["spot:ETHUSDT"]


def order(number: int = 0, *, ts: int = 100, side: Any = "buy", quantity: int = 10, limit: int = 1_000,
          instrument_id: int = BTC.instrument_id) -> Order:  # fmt: skip
    return Order(
        client_order_id=f"id{number}", root=Root(source="test", seq=number), ts=ts, account="a", strategy="s",
        venue="binance", instrument_id=instrument_id, instrument="spot:BTCUSDT", symbol="BTCUSDT", side=side,
        quantity=quantity, quantity_decimal="1", limit_price=limit, limit_price_decimal="1", valid_until=ts,
    )  # fmt: skip


def tick(ts: int, bid: int = 999, ask: int = 1_000, bid_size: int = 50, ask_size: int = 50, of: Any = BTC) -> Any:
    row = np.zeros(1, dtype=TICK)
    row["ts_log"], row["instrument_id"] = ts, of.instrument_id
    row["bid_price"], row["ask_price"], row["bid_size"], row["ask_size"] = bid, ask, bid_size, ask_size
    return row


class Place:
    """A venue with its state."""

    def __init__(self, *ticks: Any, ended: bool = False) -> None:
        plan = PlayPlan(run="r", venue_latency_ns=LATENCY)
        self.venue = Venue(context_of(plan.opening(), DEFINITIONS))
        self.state = self.venue.start()
        if ticks or ended:
            self.offer(*ticks, ended=ended)

    def offer(self, *ticks: Any, ended: bool = False) -> None:
        rows: Any = np.concatenate(ticks) if ticks else []
        self.venue.offer(self.state, "ticks.<source>", rows, ended=ended)

    def step(self, *orders: Order) -> Out:
        return self.venue.step(self.state, Batch.of(list(orders)))

    def reports(self, *orders: Order) -> list[Execution]:
        out = self.step(*orders)
        assert out.consumed == len(orders)
        found = [d.document for d in out.documents if isinstance(d.document, Execution)]
        assert len(found) == len(out.documents)
        for asked in orders:
            own = [r for r in found if r.client_order_id == asked.client_order_id]
            assert [r.final for r in own] == [False] * (len(own) - 1) + [True], "one last report, and it is the last"
            assert [r.report_index for r in own] == list(range(len(own)))
            assert all(r.ts == asked.ts + LATENCY for r in own)
        return found


def test_an_order_within_what_is_displayed_is_filled_whole_at_the_touch() -> None:
    (report,) = Place(tick(90), tick(151)).reports(order(quantity=10, limit=1_005))
    assert (report.status, report.last_quantity, report.last_price) == ("filled", 10, 1_000)
    assert (report.cumulative_quantity, report.leaves_quantity) == (10, 0)
    assert report.execution_id == "id0-0"


def test_a_sale_meets_the_bid() -> None:
    (report,) = Place(tick(90, bid=999), tick(151)).reports(order(side="sell", limit=999))
    assert (report.status, report.last_price) == ("filled", 999)


@pytest.mark.parametrize(("at", "price"), [(149, 1_001), (150, 1_001), (151, 1_000)])
def test_the_touch_at_exactly_its_time_counts_and_a_later_one_does_not(at: int, price: int) -> None:
    place = Place(tick(90, ask=1_000), tick(at, ask=1_001), tick(999))
    (report,) = place.reports(order(limit=2_000))
    assert report.last_price == price


def test_of_touches_at_the_same_time_the_last_counts() -> None:
    place = Place(tick(150, ask=1_001), tick(150, ask=1_002), tick(151))
    assert place.reports(order(limit=2_000))[0].last_price == 1_002


def test_it_waits_until_the_ticks_have_passed_its_time() -> None:
    place = Place(tick(90), tick(150))
    out = place.step(order())
    assert (out.consumed, out.waits, out.documents) == (0, ("ticks.<source>",), [])
    place.offer(tick(150, ask=998))
    assert place.step(order()).waits, "a tick at its very time may be followed by another"
    place.offer(tick(151, ask=500))
    assert place.reports(order())[0].last_price == 998


def test_without_any_tick_it_waits() -> None:
    assert Place().step(order()).waits == ("ticks.<source>",)


def test_at_the_end_of_the_ticks_the_last_touch_serves() -> None:
    place = Place(tick(90), ended=True)
    assert place.reports(order(1), order(2, ts=10_000)) != []
    (first, second) = Place(tick(90), ended=True).reports(order(1), order(2, ts=10_000))
    assert (first.status, second.status) == ("filled", "filled")


def test_ticks_that_end_before_there_was_one_leave_no_touch() -> None:
    (report,) = Place(ended=True).reports(order())
    assert (report.status, report.final, report.last_quantity) == ("cancelled", True, 0)


def test_it_never_runs_ahead_of_its_orders() -> None:
    place = Place(tick(90), tick(200, ask=5), tick(300, ask=6))
    assert place.reports(order(limit=2_000))[0].last_price == 1_000
    assert place.reports(order(1, ts=150, limit=2_000))[0].last_price == 5
    assert len(place.state.ahead) == 1


def test_more_than_is_displayed_is_filled_in_part_and_the_rest_cancelled() -> None:
    part, rest = Place(tick(90, ask_size=4), tick(151)).reports(order(quantity=10))
    assert (part.status, part.last_quantity, part.leaves_quantity) == ("partially_filled", 4, 6)
    assert (rest.status, rest.last_quantity, rest.cumulative_quantity, rest.leaves_quantity) == ("cancelled", 0, 4, 0)
    assert "rest" in rest.reason


def test_exactly_what_is_displayed_is_filled_whole() -> None:
    (report,) = Place(tick(90, ask_size=10), tick(151)).reports(order(quantity=10))
    assert report.status == "filled"


def test_two_orders_that_meet_the_same_touch_both_see_all_of_it() -> None:
    place = Place(tick(90, ask_size=10), tick(151))
    assert [r.status for r in place.reports(order(1, quantity=10), order(2, quantity=10))] == ["filled", "filled"]


@pytest.mark.parametrize(
    ("side", "limit", "status"),
    [("buy", 999, "cancelled"), ("buy", 1_000, "filled"), ("sell", 1_000, "cancelled"), ("sell", 999, "filled")],
)
def test_it_fills_at_the_limit_and_never_beyond(side: Any, limit: int, status: str) -> None:
    (report,) = Place(tick(90), tick(151)).reports(order(side=side, limit=limit))
    assert report.status == status
    assert (report.last_quantity > 0) == (status == "filled")


@pytest.mark.parametrize("row", [
    tick(90, ask=PRICE_UNDEFINED), tick(90, ask_size=0), tick(90, ask_size=-3), tick(90, of=ETH),
], ids=["no offer", "nothing displayed", "a nonsense size", "another instrument"])  # fmt: skip
def test_with_nothing_to_meet_it_is_cancelled(row: Any) -> None:
    (report,) = Place(row, tick(151, of=ETH)).reports(order(limit=2**62))
    assert (report.status, report.last_quantity, report.last_price) == ("cancelled", 0, 0)
    assert report.reason == "not marketable when it arrived"


def test_an_order_for_what_has_no_definition_is_cancelled_and_ticks_of_it_are_passed_over() -> None:
    strange = tick(90)
    strange["instrument_id"] = 4_000_000_000
    (report,) = Place(strange, tick(151)).reports(order(instrument_id=99))
    assert report.status == "cancelled"


@pytest.mark.parametrize("quantity", [0, -5])
def test_even_an_order_for_nothing_gets_its_last_report(quantity: int) -> None:
    (report,) = Place(tick(90), tick(151)).reports(order(quantity=quantity))
    assert (report.status, report.last_quantity) == ("cancelled", 0)


def test_an_order_at_the_end_of_time_is_answered() -> None:
    place = Place(tick(90), ended=True)
    out = place.step(order(ts=2**63 - 1))
    assert out.consumed == 1


def test_a_restored_venue_goes_on_as_if_never_stored() -> None:
    ticks = [tick(i * 7, ask=1_000 + i % 5, ask_size=i % 4) for i in range(100)]
    orders = [order(i, ts=i * 20, limit=1_002, quantity=2) for i in range(30)]
    straight = Place(*ticks, ended=True).reports(*orders)
    place, reports = Place(*ticks, ended=True), []
    for asked in orders:
        data = place.venue.snapshot(place.state)
        place.state = place.venue.restore(data)
        assert place.venue.snapshot(place.state) == data
        reports += place.reports(asked)
    assert reports == straight


def test_what_it_reads_ahead_is_dropped_when_passed() -> None:
    place = Place()
    for i in range(50):
        place.offer(*[tick(i * 1_000 + j) for j in range(20)])
        place.step(order(i, ts=i * 1_000 + 960))
        assert len(place.state.ahead) <= 20
