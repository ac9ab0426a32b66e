"""Profit and loss, worked out by hand: spot, linear and inverse, closed and open."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from feeds.definitions import BY_INSTRUMENT, DEFINITIONS
from replay.pnl import ProfitAndLoss
from schemas.columns import PRICE_SCALE, PRICE_UNDEFINED
from schemas.document import Root
from schemas.execution import Execution
from schemas.tick import TICK

SPOT, LINEAR, INVERSE, INVERSE_ETH = (
    BY_INSTRUMENT[i] for i in ("spot:BTCUSDT", "linear:BTCUSDT", "inverse:BTCUSD_PERP", "inverse:ETHUSD_PERP")
)


def fill(definition: Any, side: Any, units: int, price: float) -> Execution:
    return Execution(
        execution_id="x", client_order_id="x", root=Root(source="test", seq=1), ts=1, account="a", strategy="s",
        instrument_id=definition.instrument_id, instrument=definition.instrument, side=side, status="filled",
        last_quantity=units, last_price=round(price * PRICE_SCALE), cumulative_quantity=units, leaves_quantity=0,
        report_index=0, final=True,
    )  # fmt: skip


def touches(*rows: tuple[Any, float | None, float | None]) -> Any:
    ticks = np.zeros(len(rows), dtype=TICK)
    for row, (definition, bid, ask) in zip(ticks, rows, strict=True):
        row["instrument_id"] = definition.instrument_id
        row["bid_price"] = PRICE_UNDEFINED if bid is None else round(bid * PRICE_SCALE)
        row["ask_price"] = PRICE_UNDEFINED if ask is None else round(ask * PRICE_SCALE)
    return ticks


def profit(fills: list[Execution], ticks: Any = None) -> dict[str, float]:
    pnl = ProfitAndLoss()
    if ticks is not None:
        pnl.ticks(ticks)
    for execution in fills:
        pnl.execution(execution)
    return pnl.by_currency(DEFINITIONS)


def test_no_executions_are_no_profit_and_no_crash() -> None:
    assert profit([]) == {}
    assert profit([], touches((SPOT, 1, 2))) == {}


def test_a_spot_round_trip_earns_the_difference() -> None:
    # 0.5 BTC (50,000 units of 0.00001) from 60,000 to 60,100: 50 USDT.
    trades = [fill(SPOT, "buy", 50_000, 60_000), fill(SPOT, "sell", 50_000, 60_100)]
    assert profit(trades) == {"USDT": 50.0}


def test_a_short_linear_round_trip_earns_when_the_price_falls() -> None:
    # 0.2 BTC (200 units of 0.001) sold at 61,000.1, bought back at 60,990.1: 2 USDT.
    trades = [fill(LINEAR, "sell", 200, 61_000.1), fill(LINEAR, "buy", 200, 60_990.1)]
    assert profit(trades) == {"USDT": 2.0}


def test_an_open_position_is_valued_at_the_last_mid() -> None:
    # Long 0.001 BTC from 60,000, mid (60,010 + 60,030) / 2 = 60,020: 0.02 USDT. The one-sided touch after is no mid.
    ticks = touches((LINEAR, 1, 3), (LINEAR, 60_010, 60_030), (LINEAR, None, 60_500), (LINEAR, 60_500, None))
    assert profit([fill(LINEAR, "buy", 1, 60_000)], ticks) == {"USDT": pytest.approx(0.02)}


def test_inverse_contracts_earn_coin() -> None:
    # 100 contracts of 100 USD from 50,000 to 62,500: 10,000 (1/50,000 - 1/62,500) = 0.04 BTC.
    trades = [fill(INVERSE, "buy", 100, 50_000), fill(INVERSE, "sell", 100, 62_500)]
    assert profit(trades) == {"BTC": 0.04}


def test_a_short_inverse_position_loses_coin_as_the_price_rises() -> None:
    # 10 contracts of 10 USD sold at 2,000, mid 2,500: -100 (1/2,000 - 1/2,500) = -0.01 ETH.
    assert profit([fill(INVERSE_ETH, "sell", 10, 2_000)], touches((INVERSE_ETH, 2_499, 2_501))) == {"ETH": -0.01}


def test_turning_from_long_to_short_is_the_sum_of_both_ways() -> None:
    # Long 2 at 100, sell 5 at 110 (20 earned, short 3), mid 108 (6 earned), each unit 0.001: 0.026.
    trades = [fill(LINEAR, "buy", 2, 100), fill(LINEAR, "sell", 5, 110)]
    assert profit(trades, touches((LINEAR, 107, 109))) == {"USDT": 0.026}


def test_currencies_are_added_up_each_for_itself() -> None:
    trades = [
        fill(SPOT, "buy", 100_000, 100), fill(SPOT, "sell", 100_000, 101), fill(LINEAR, "buy", 1_000, 100),
        fill(LINEAR, "sell", 1_000, 99.5), fill(INVERSE, "buy", 1, 100), fill(INVERSE, "sell", 1, 200),
    ]  # fmt: skip
    assert profit(trades) == {"BTC": 0.5, "USDT": 0.5}


def test_an_instrument_that_never_had_two_sides_is_valued_at_its_last_fill() -> None:
    trades = [fill(SPOT, "buy", 100_000, 100), fill(SPOT, "buy", 100_000, 102)]
    assert profit(trades, touches((SPOT, None, 103), (SPOT, None, None))) == {"USDT": 2.0}
    assert profit([fill(INVERSE, "buy", 1, 100)]) == {"BTC": 0.0}


def test_nonsense_touches_and_reports_without_a_fill_change_nothing() -> None:
    ticks = touches((INVERSE, 100, 102), (INVERSE, 0, 0), (INVERSE, -5, 5))
    trades = [fill(INVERSE, "buy", 1, 101), fill(INVERSE, "buy", 0, 0), fill(INVERSE, "buy", 3, 0)]
    pnl = ProfitAndLoss()
    pnl.ticks(ticks)
    for execution in trades:
        pnl.execution(execution)
    assert pnl.by_currency(DEFINITIONS) == {"BTC": 0.0}
    assert pnl.positions() == {INVERSE.instrument_id: 1}


def test_what_has_no_definition_is_left_out() -> None:
    pnl = ProfitAndLoss()
    pnl.execution(fill(SPOT, "buy", 1, 100))
    assert pnl.by_currency(()) == {}
