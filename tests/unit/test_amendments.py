"""A trade that the venue takes back or corrects is told by further ticks, and what was told before stays."""

from __future__ import annotations

from typing import Any

import numpy as np
import orjson
import pytest

from feeds.recent_ids import RECENT_IDS_MAX
from feeds.venues import adapter_of
from schemas.tick import (
    ACTION_NONE,
    ACTION_TRADE,
    FLAG_CORRECTION,
    FLAG_OUT_OF_ORDER,
    FLAG_RETRACTION,
    FLAGS_AMENDED,
    SIDE_ASK,
    SIDE_BID,
)
from streams.agent import Payload

TS = 1_723_161_600_000_000_000
KEY = b"spot:BTCUSDT"
NANO = 10**9


class Venue:
    """A feed whose messages come one at a time; Binance's, as the simulator sends it, or JSON ticks."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.adapter = adapter_of("binance") if source == "binance" else adapter_of(source)
        self.state: Any = self.adapter.start()
        self.sent = 0
        self.kinds: list[str] = []

    def take(self, *messages: dict[str, Any]) -> Any:
        payloads = [
            Payload(self.source, self.sent + i, TS + self.sent + i, KEY, orjson.dumps(message))
            for i, message in enumerate(messages)
        ]
        self.sent += len(messages)
        rows, _, rejects = self.adapter.ingest(self.state, payloads)
        self.kinds += [error.kind for _, error in rejects]
        return rows

    def trade(self, number: int, price: str = "9.01", size: str = "2", at_ms: int = 5, *, sells: bool = False) -> Any:
        if self.source == "binance":
            return self.take(wire("trade", t=number, p=price, q=size, m=sells, E=at_ms, T=at_ms))
        return self.take(self.json("trade", number, price, size, at_ms, sells=sells))

    def correct(self, number: int, price: str = "9.01", size: str = "2", at_ms: int = 6, *, sells: bool = False) -> Any:
        if self.source == "binance":
            return self.trade(number, price, size, at_ms, sells=sells)
        return self.take(self.json("correction", number, price, size, at_ms, sells=sells))

    def bust(self, number: int, at_ms: int = 7) -> Any:
        if self.source == "binance":
            return self.take(wire("tradeBust", t=number, E=at_ms))
        return self.take({"type": "bust", "instrument": KEY.decode(), "trade_id": number, "ts_event": at_ms * 10**6})

    def count(self, name: str) -> int:
        return self.adapter.counters(self.state)[KEY.decode()][name]

    def again(self) -> None:
        """Die, and go on from the snapshot."""
        self.state = self.adapter.restore(self.adapter.snapshot(self.state))

    @staticmethod
    def json(kind: str, number: int, price: str, size: str, at_ms: int, *, sells: bool) -> dict[str, Any]:
        return {"type": kind, "instrument": KEY.decode(), "trade_id": number, "price": price, "size": size,
                "side": "sell" if sells else "buy", "ts_event": at_ms * 10**6}  # fmt: skip


def wire(event: str, **data: Any) -> dict[str, Any]:
    return {"stream": "btcusdt@trade", "data": {"e": event, "s": "BTCUSDT", **data}}


def said(row: Any) -> tuple[str, int, float, int]:
    """Action, flags of amendments, price, root_part."""
    return chr(row["action"]), int(row["flags"]) & FLAGS_AMENDED, int(row["price"]) / NANO, int(row["root_part"])


@pytest.fixture(params=["binance", "acme"])
def venue(request: pytest.FixtureRequest) -> Venue:
    return Venue(request.param)


def test_a_bust_gives_a_row_that_takes_the_trade_back_as_it_was_told(venue: Venue) -> None:
    (told,) = venue.trade(7, "9.03", "3", sells=True)
    (back,) = venue.bust(7, at_ms=9)
    assert said(told) == ("T", 0, 9.03, 0)
    assert said(back) == ("N", FLAG_RETRACTION, 9.03, 0)
    for name in ("sequence", "instrument_id", "price", "size", "side", "bid_price", "ask_price", "ts_touch"):
        assert back[name] == told[name], name
    assert back["side"] == SIDE_ASK
    assert (back["root_seq"], back["ts_recv"], back["ts_event"]) == (1, TS + 1, 9_000_000)
    assert (venue.count("busted"), venue.count("trades"), venue.kinds) == (1, 1, [])


def test_a_correction_gives_the_trade_as_it_was_and_as_it_is(venue: Venue) -> None:
    venue.trade(7, "9.03", "3")
    was, now = venue.correct(7, "9.04", "2", sells=True)
    assert said(was) == ("N", FLAG_RETRACTION | FLAG_CORRECTION, 9.03, 0)
    assert said(now) == ("N", FLAG_CORRECTION, 9.04, 1)
    assert (was["side"], now["side"]) == (SIDE_BID, SIDE_ASK)
    assert was["sequence"] == now["sequence"] == 7
    assert was["root_seq"] == now["root_seq"] == 1
    assert (venue.count("corrected"), venue.count("duplicates"), venue.kinds) == (1, 0, [])


def test_what_is_amended_again_is_taken_back_as_it_was_told_last(venue: Venue) -> None:
    venue.trade(7, "9.03")
    venue.again()
    venue.correct(7, "9.04", at_ms=6)
    venue.again()
    was, now = venue.correct(7, "9.05", at_ms=8)
    venue.again()
    (gone,) = venue.bust(7, at_ms=9)
    assert [said(row)[2] for row in (was, now, gone)] == [9.04, 9.05, 9.05]


def test_sums_over_all_rows_are_those_of_the_trades_that_stand(venue: Venue) -> None:
    """What a consumer is told to do, over every kind of word."""
    rows = [
        row
        for found in (
            venue.trade(1, "9.01", "2"), venue.trade(2, "9.02", "3"), venue.trade(3, "9.03", "5"),
            venue.correct(2, "9.04", "4"), venue.bust(1), venue.correct(2, "9.05", "4", at_ms=8), venue.bust(1),
        )
        for row in found
    ]  # fmt: skip
    size_of = {False: 1, True: -1}
    counted = [row for row in rows if row["action"] == ACTION_TRADE or row["flags"] & FLAGS_AMENDED]
    turnover = sum(
        size_of[bool(row["flags"] & FLAG_RETRACTION)] * int(row["size"]) * int(row["price"]) for row in counted
    )
    unit = int(rows[0]["size"]) // 2
    assert turnover == (4 * 9_050_000_000 + 5 * 9_030_000_000) * unit
    assert [int(row["sequence"]) for row in rows if row["action"] == ACTION_TRADE] == [1, 2, 3]


def test_the_same_word_again_and_an_older_one_amend_nothing(venue: Venue) -> None:
    venue.trade(7, "9.03", at_ms=5)
    assert len(venue.correct(7, "9.03", at_ms=6)) == 0
    venue.correct(7, "9.04", at_ms=8)
    assert len(venue.trade(7, "9.03", at_ms=5)) == 0
    assert len(venue.correct(7, "9.03", at_ms=6)) == 0
    venue.bust(7)
    assert len(venue.bust(7)) == 0
    assert len(venue.trade(7, "9.03", at_ms=9)) == 0
    assert (venue.count("duplicates"), venue.count("corrected"), venue.count("busted")) == (5, 1, 1)
    assert venue.kinds == []


def test_a_correction_that_tells_no_time_counts_where_it_comes() -> None:
    venue = Venue("acme")
    venue.trade(7, "9.03", at_ms=5)
    assert len(venue.correct(7, "9.04", at_ms=0)) == 2


def test_a_trade_that_json_tells_twice_is_a_repeat_whatever_it_says() -> None:
    venue = Venue("acme")
    venue.trade(7, "9.03", at_ms=5)
    assert len(venue.trade(7, "9.04", at_ms=9)) == 0
    assert (venue.count("duplicates"), venue.kinds) == (1, [])


def test_a_trade_that_was_never_told_cannot_be_amended(venue: Venue) -> None:
    assert len(venue.bust(7)) == 0
    assert venue.kinds == ["bad_payload.unknown_trade"]


def test_a_busted_trade_is_not_corrected() -> None:
    venue = Venue("acme")
    venue.trade(7)
    venue.bust(7)
    assert len(venue.correct(7, "9.04", at_ms=9)) == 0
    assert venue.kinds == ["bad_payload.unknown_trade"]


@pytest.mark.parametrize(("later", "known"), [(RECENT_IDS_MAX - 1, True), (RECENT_IDS_MAX, False)])
def test_a_trade_is_remembered_until_so_many_others_have_come(venue: Venue, later: int, known: bool) -> None:
    venue.trade(7, "9.03")
    for number in range(8, 8 + later):
        venue.trade(number)
    venue.again()
    assert len(venue.bust(7)) == int(known)
    assert venue.kinds == ([] if known else ["bad_payload.unknown_trade"])


def test_a_late_trade_can_be_taken_back_too(venue: Venue) -> None:
    venue.trade(9)
    (late,) = venue.trade(7, "9.03", sells=True)
    (back,) = venue.bust(7)
    assert late["flags"] & FLAG_OUT_OF_ORDER
    assert said(back) == ("N", FLAG_RETRACTION, 9.03, 0)


def test_refusals_keep_their_places_among_others_and_rows_theirs() -> None:
    """Of one batch: what amends nothing is refused in order with what cannot be read."""
    adapter = adapter_of("acme")
    bust = {"type": "bust", "instrument": KEY.decode(), "trade_id": 5}
    trade = Venue.json("trade", 5, "9.01", "1", 5, sells=False)
    messages = [bust, {"type": "bust"}, {**bust, "trade_id": 6}, trade, bust, {**bust, "trade_id": 9}]
    payloads = [Payload("acme", i, TS, KEY, orjson.dumps(message)) for i, message in enumerate(messages)]
    rows, index, rejects = adapter.ingest(adapter.start(), payloads)
    assert [(at, error.kind.partition(".")[2]) for at, error in rejects] == [
        (0, "unknown_trade"), (1, "not_a_message"), (2, "unknown_trade"), (5, "unknown_trade"),
    ]  # fmt: skip
    assert (rows["action"].tolist(), index.tolist()) == ([ACTION_TRADE, ACTION_NONE], [3, 4])
    assert "trade 9 of spot:BTCUSDT" in str(rejects[-1][1])


@pytest.mark.parametrize("change", [{"price": "0"}, {"size": "0"}, {"size": "0.000000001"}, {"side": "bid"}])
def test_a_correction_is_held_to_what_a_trade_is_held_to(change: dict[str, Any]) -> None:
    venue = Venue("acme")
    venue.trade(7)
    message = {**Venue.json("correction", 7, "9.04", "1", 6, sells=False), **change}
    assert len(venue.take(message)) == 0
    assert len(venue.kinds) == 1
    assert np.all(venue.bust(7)["price"] == 9_010_000_000)
