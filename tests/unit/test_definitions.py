"""The shipped definitions fit the venue's recorded messages."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from feeds.captures import open_captures
from feeds.definitions import BY_INSTRUMENT, DEFINITIONS
from feeds.venues import adapter_of
from schemas.codec import decode, encode
from schemas.definition import Definition
from streams.agent import Payload

ROUNDED = {"spot:BTCUSDT": 3, "spot:ETHUSDT": 2, "linear:BTCUSDT": 0, "inverse:BTCUSD_PERP": 0}
"""Levels left over from times of smaller lots, far from the touch."""


def test_instrument_ids_are_what_recorded_rows_say() -> None:
    assert {d.instrument: d.instrument_id for d in DEFINITIONS} == {
        "spot:BTCUSDT": 1,
        "spot:ETHUSDT": 2,
        "linear:BTCUSDT": 3,
        "linear:ETHUSDT": 4,
        "inverse:BTCUSD_PERP": 5,
        "inverse:ETHUSD_PERP": 6,
    }


def test_inverse_contracts_are_worth_dollars_and_settle_in_the_coin() -> None:
    btc, eth = BY_INSTRUMENT["inverse:BTCUSD_PERP"], BY_INSTRUMENT["inverse:ETHUSD_PERP"]
    assert (btc.inverse, btc.settlement, btc.multiplier) == (True, "BTC", 100_000_000_000)
    assert (eth.inverse, eth.settlement, eth.multiplier) == (True, "ETH", 10_000_000_000)
    assert not BY_INSTRUMENT["linear:BTCUSDT"].inverse


def test_definitions_survive_their_own_encoding() -> None:
    assert [decode(encode(d), Definition) for d in DEFINITIONS] == list(DEFINITIONS)


def test_a_desk_that_knows_no_instrument_yet_refuses_payloads_and_keeps_its_state() -> None:
    adapter = adapter_of("binance", ())
    state = adapter.start()
    trade = b'{"stream":"x@trade","data":{"e":"trade","E":1,"s":"BTCUSDT","t":1,"p":"1.0","q":"1.0","T":1,"m":true}}'
    rows, _, rejects = adapter.ingest(state, [Payload("binance", 0, 1, b"spot:BTCUSDT", trade)])
    assert (len(rows), len(rejects)) == (0, 1)
    saved = adapter.snapshot(state)
    assert adapter.snapshot(adapter.restore(saved)) == saved


def test_recorded_prices_lie_on_the_tick_grid_and_sizes_on_the_lot_grid(data_dir: Path) -> None:
    adapter = adapter_of("binance")
    state = adapter.start()
    increments = np.array([d.price_increment for d in DEFINITIONS])
    captures = open_captures(sorted((data_dir / "binance").glob("*.gz")))
    payloads = [Payload("binance", i, line.ts_recv, line.key, line.payload) for i, line in enumerate(captures)]
    for begin in range(0, len(payloads), 8192):
        batch, rejects = adapter.read(payloads[begin : begin + 8192])
        assert not rejects
        levels = batch.messages["bids"] + batch.messages["asks"]
        slots = np.repeat(batch.messages["slot"], levels)
        assert not (batch.prices[: len(slots)] % increments[slots]).any()
        adapter.apply(state, batch)
    assert {k: c["rounded"] for k, c in adapter.counters(state).items() if c["messages"]} == ROUNDED
