"""Depth is synchronised by the venue's rules, and the touch moves forward only."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import orjson
import pytest

from feeds.arrays import Records
from feeds.recent_ids import RECENT_IDS_MAX
from feeds.venues import adapter_of
from feeds.waiting import WAITING_DIFFERENCES_MAX
from schemas.columns import PRICE_UNDEFINED
from schemas.tick import (
    FLAG_BUFFERED,
    FLAG_CROSSED,
    FLAG_DEPTH_UNSYNCED,
    FLAG_NO_TS_EVENT,
    FLAG_OUT_OF_ORDER,
    SIDE_ASK,
    SIDE_BID,
)
from streams.agent import Payload

SECOND_NS = 1_000_000_000
START_NS = 1_723_161_254 * SECOND_NS
E_MS = START_NS // 1_000_000

Levels = Sequence[tuple[str, str]]


class Feed:
    """One instrument's messages, a second apart, through an adapter."""

    def __init__(self, key: str = "spot:BTCUSDT") -> None:
        self.adapter = adapter_of("binance")
        self.state = self.adapter.start()
        self.key = key
        self.futures = not key.startswith("spot")
        self.seq = 0

    def send(self, message: dict[str, Any], ts_recv: int | None = None) -> Records:
        now = START_NS + self.seq * SECOND_NS if ts_recv is None else ts_recv
        payload = Payload("binance", self.seq, now, self.key.encode(), orjson.dumps(message))
        self.seq += 1
        rows, _, rejects = self.adapter.ingest(self.state, [payload])
        assert not rejects, rejects
        return rows

    def depth(self, first: int, last: int, prev: int = 0, bids: Levels = (), asks: Levels = (), **at: int) -> Records:
        data = {
            "e": "depthUpdate",
            "E": E_MS,
            "s": self.symbol,
            "U": first,
            "u": last,
            "b": list(bids),
            "a": list(asks),
        }
        return self.send({"stream": "x", "data": data | ({"pu": prev} if self.futures else {})}, **at)

    def quote(self, last: int, bid: str = "9", ask: str = "10", **at: int) -> Records:
        data = {"e": "bookTicker", "u": last, "s": self.symbol, "b": bid, "B": "1", "a": ask, "A": "1"}
        return self.send({"stream": "x", "data": data}, **at)

    def trade(self, number: int, *, seller: bool = False, **at: int) -> Records:
        data = {"e": "trade", "E": E_MS, "s": self.symbol, "t": number, "p": "9.5", "q": "2", "m": seller}
        return self.send({"stream": "x", "data": data}, **at)

    def snapshot(self, last: int, bids: Levels = (("9", "1"),), asks: Levels = (("10", "1"),)) -> Records:
        return self.send({"lastUpdateId": last, "bids": list(bids), "asks": list(asks)})

    @property
    def symbol(self) -> str:
        return self.key.split(":")[1]

    def count(self, name: str) -> int:
        return self.adapter.counters(self.state)[self.key][name]

    @property
    def synced(self) -> bool:
        return self.adapter.synchronised(self.state)[self.key]


def test_a_spot_difference_must_reach_one_beyond_the_snapshot() -> None:
    for first, last, rows, discarded, gaps in (
        (1, 100, 0, 1, 0),
        (90, 101, 1, 0, 0),
        (101, 105, 1, 0, 0),
        (102, 105, 0, 0, 1),
    ):
        feed = Feed()
        feed.snapshot(100)
        assert len(feed.depth(first, last)) == rows
        assert (feed.count("discarded"), feed.count("gaps")) == (discarded, gaps)


def test_a_futures_difference_must_contain_the_snapshot() -> None:
    for first, last, rows, discarded, gaps in (
        (1, 99, 0, 1, 0),
        (90, 100, 1, 0, 0),
        (100, 105, 1, 0, 0),
        (101, 105, 0, 0, 1),
    ):
        for key in ("linear:BTCUSDT", "inverse:BTCUSD_PERP"):
            feed = Feed(key)
            feed.snapshot(100)
            assert len(feed.depth(first, last, prev=1)) == rows
            assert (feed.count("discarded"), feed.count("gaps")) == (discarded, gaps)


def test_the_chain_is_kept_by_first_id_on_spot_and_by_previous_id_on_futures() -> None:
    spot, linear = Feed(), Feed("linear:BTCUSDT")
    for feed in (spot, linear):
        feed.snapshot(100)
        feed.depth(100, 102, prev=99)
    assert len(spot.depth(103, 104)) == 1
    assert len(spot.depth(106, 107)) == 0
    assert len(linear.depth(104, 110, prev=102)) == 1
    assert len(linear.depth(111, 112, prev=109)) == 0
    assert (spot.count("gaps"), linear.count("gaps")) == (1, 1)
    assert not spot.synced
    assert not linear.synced


def test_differences_wait_for_their_snapshot_and_keep_their_own_stamps() -> None:
    feed = Feed()
    for first, last in ((95, 100), (101, 103), (104, 106)):
        assert len(feed.depth(first, last, bids=[("9.5", "1")])) == 0
    quoted = feed.quote(99)[0]
    assert quoted["flags"] & FLAG_DEPTH_UNSYNCED
    rows = feed.snapshot(100)
    assert rows["sequence"].tolist() == [103, 106]
    assert rows["root_seq"].tolist() == [1, 2]
    assert rows["root_part"].tolist() == [0, 0]
    assert (rows["flags"] & FLAG_BUFFERED).all()
    assert not (rows["flags"] & FLAG_DEPTH_UNSYNCED).any()
    assert rows["ts_recv"].tolist() == [START_NS + SECOND_NS, START_NS + 2 * SECOND_NS]
    assert rows["ts_log"].tolist() == [quoted["ts_log"]] * 2
    assert feed.count("discarded") == 1


def test_rows_of_differences_that_waited_are_caused_by_the_snapshot() -> None:
    feed = Feed()
    data = {"e": "depthUpdate", "E": E_MS, "s": "BTCUSDT", "U": 101, "u": 102, "b": [], "a": []}
    messages = [{"stream": "x", "data": data}, {"lastUpdateId": 101, "bids": [], "asks": []}]
    payloads = [Payload("binance", i, START_NS, b"spot:BTCUSDT", orjson.dumps(m)) for i, m in enumerate(messages)]
    rows, index, _ = feed.adapter.ingest(feed.state, payloads)
    assert (rows["root_seq"].tolist(), index.tolist()) == ([0], [1])


def test_after_a_gap_depth_moves_nothing_until_a_new_snapshot() -> None:
    feed = Feed()
    feed.snapshot(100)
    feed.depth(101, 101, bids=[("9.1", "1")])
    assert len(feed.depth(103, 104, bids=[("9.4", "1")])) == 0
    unsynced = feed.trade(1)[0]
    assert unsynced["flags"] & FLAG_DEPTH_UNSYNCED
    assert unsynced["bid_price"] == 9_100_000_000
    assert len(feed.snapshot(100)) == 0
    assert feed.count("gaps") == 1
    rows = feed.snapshot(103, bids=[("9.2", "1")])
    assert rows["bid_price"].tolist() == [9_400_000_000]
    assert not rows["flags"][0] & FLAG_DEPTH_UNSYNCED
    assert feed.count("gaps") == 1


def test_a_gap_among_waiting_differences_is_found_when_the_snapshot_comes() -> None:
    feed = Feed()
    for first, last in ((101, 101), (103, 103), (104, 104)):
        feed.depth(first, last)
    assert feed.snapshot(100)["sequence"].tolist() == [101]
    assert (feed.count("gaps"), feed.synced) == (1, False)
    assert feed.snapshot(103)["sequence"].tolist() == [104]
    assert (feed.count("discarded"), feed.synced) == (1, True)


def test_a_newer_snapshot_replaces_the_book_and_an_older_one_is_ignored() -> None:
    feed = Feed()
    feed.snapshot(100, bids=[("9", "1"), ("8", "1")])
    feed.snapshot(90, bids=[("1", "1")])
    assert feed.depth(101, 101)[0]["bid_price"] == 9_000_000_000
    feed.snapshot(101, bids=[("2", "1")])
    assert feed.depth(102, 102)[0]["bid_price"] == 9_000_000_000
    feed.snapshot(105, bids=[("7", "1")])
    assert len(feed.depth(103, 104)) == 0
    assert feed.depth(105, 106)[0]["bid_price"] == 7_000_000_000
    assert (feed.count("discarded"), feed.count("gaps")) == (1, 0)


def test_a_snapshot_gives_no_row_and_moves_no_touch() -> None:
    feed = Feed()
    assert len(feed.snapshot(100)) == 0
    row = feed.trade(1)[0]
    assert (row["bid_price"], row["ask_price"], row["ts_touch"]) == (PRICE_UNDEFINED, PRICE_UNDEFINED, 0)


def test_a_repeat_gives_no_row_and_is_never_applied_twice() -> None:
    feed = Feed()
    feed.snapshot(100)
    for _ in range(2):
        feed.depth(101, 102)
        feed.quote(101)
        feed.trade(5)
    assert (feed.count("duplicates"), feed.count("ticks"), feed.count("trades")) == (3, 3, 1)
    assert feed.count("gaps") == 0


def test_a_late_trade_or_quote_is_flagged_and_leaves_the_touch() -> None:
    feed = Feed()
    feed.quote(10, bid="9")
    touched = feed.trade(7)[0]
    late_quote = feed.quote(9, bid="8")[0]
    late_trade = feed.trade(6)[0]
    for row in (late_quote, late_trade):
        assert row["flags"] & FLAG_OUT_OF_ORDER
        assert (row["bid_price"], row["ts_touch"]) == (touched["bid_price"], touched["ts_touch"])
    assert feed.count("out_of_order") == 2
    assert len(feed.trade(6)) == 0
    assert feed.count("duplicates") == 1


def test_an_older_difference_is_counted_and_not_applied() -> None:
    feed = Feed()
    feed.snapshot(100)
    feed.depth(101, 105)
    assert len(feed.depth(101, 104)) == 0
    assert (feed.count("out_of_order"), feed.count("gaps"), feed.synced) == (1, 0, True)


def test_ids_that_left_the_memory_count_as_repeats() -> None:
    feed = Feed()
    feed.trade(1)
    for number in range(3, 3 + RECENT_IDS_MAX):
        feed.trade(number)
    assert len(feed.trade(1)) == 0
    assert (feed.count("duplicates"), feed.count("out_of_order")) == (1, 0)
    assert len(feed.trade(2)) == 1


def test_the_touch_belongs_to_the_highest_update_id() -> None:
    feed = Feed()
    feed.snapshot(100, bids=[("9", "1")], asks=[("10", "1")])
    assert feed.quote(110, bid="9.3")[0]["bid_price"] == 9_300_000_000
    older = feed.depth(101, 105, bids=[("9.1", "1")])[0]
    assert older["bid_price"] == 9_300_000_000
    assert older["ts_touch"] < older["ts_log"]
    same = feed.depth(106, 110, bids=[("9.3", "1")])[0]
    assert same["ts_touch"] == same["ts_log"]
    assert feed.depth(111, 120, bids=[("9.4", "1")])[0]["bid_price"] == 9_400_000_000
    stale = feed.quote(115, bid="9.35")[0]
    assert stale["bid_price"] == 9_400_000_000
    assert not stale["flags"] & FLAG_OUT_OF_ORDER


def test_book_and_quote_of_one_update_are_compared_whichever_comes_first() -> None:
    feed = Feed()
    feed.snapshot(100)
    feed.depth(101, 101, bids=[("9.1", "1")])
    feed.quote(101, bid="9.1")
    feed.quote(102, bid="9.2")
    feed.depth(102, 102, bids=[("9.2", "1")])
    feed.quote(103, bid="9.3")
    feed.depth(103, 103, bids=[("9.4", "1")])
    assert (feed.count("bbo_compared"), feed.count("bbo_mismatches")) == (3, 1)


def test_a_crossed_touch_is_flagged_and_counted() -> None:
    feed = Feed()
    assert feed.quote(1, bid="10", ask="10")[0]["flags"] & FLAG_CROSSED
    assert feed.quote(2, bid="11", ask="10")[0]["flags"] & FLAG_CROSSED
    assert not feed.quote(3)[0]["flags"] & FLAG_CROSSED
    assert feed.count("crossed") == 2


def test_an_empty_side_is_no_cross() -> None:
    feed = Feed()
    feed.snapshot(100, asks=[])
    row = feed.depth(101, 101)[0]
    assert (row["ask_price"], row["ask_size"]) == (PRICE_UNDEFINED, 0)
    assert not row["flags"] & FLAG_CROSSED


def test_log_time_never_runs_backwards_over_all_instruments() -> None:
    spot, payloads = Feed(), []
    for i, (key, ts) in enumerate(
        [(b"spot:BTCUSDT", 5), (b"linear:BTCUSDT", 3), (b"spot:BTCUSDT", 9), (b"spot:BTCUSDT", 2)]
    ):
        data = {"e": "bookTicker", "u": i, "s": "BTCUSDT", "b": "9", "B": "1", "a": "10", "A": "1"}
        payloads.append(Payload("binance", i, START_NS + ts, key, orjson.dumps({"stream": "x", "data": data})))
    rows, _, _ = spot.adapter.ingest(spot.state, payloads)
    assert (rows["ts_log"] - START_NS).tolist() == [5, 5, 9, 9]
    assert (rows["ts_recv"] - START_NS).tolist() == [5, 3, 9, 2]


def test_a_trade_row_says_who_was_aggressive() -> None:
    feed = Feed()
    sold, bought = feed.trade(1, seller=True)[0], feed.trade(2)[0]
    assert (chr(sold["action"]), sold["side"], bought["side"]) == ("T", SIDE_ASK, SIDE_BID)
    assert (sold["price"], sold["size"], sold["sequence"]) == (9_500_000_000, 200_000, 1)


def test_a_quote_row_shows_the_side_that_changed() -> None:
    feed = Feed()
    assert feed.quote(1, bid="9", ask="10")[0]["price"] == 9_000_000_000
    assert feed.quote(2, bid="9", ask="10.5")[0]["price"] == 10_500_000_000
    assert feed.quote(3, bid="8", ask="11")[0]["price"] == 8_000_000_000


def test_a_message_without_event_time_is_flagged() -> None:
    row = Feed().quote(1)[0]
    assert (row["ts_event"], row["flags"]) == (0, FLAG_NO_TS_EVENT | FLAG_DEPTH_UNSYNCED)


def test_waiting_differences_are_bounded_and_the_oldest_is_dropped() -> None:
    feed = Feed()
    for number in range(101, 101 + WAITING_DIFFERENCES_MAX + 3):
        feed.depth(number, number)
    assert feed.count("discarded") == 3
    assert len(feed.snapshot(103)) == WAITING_DIFFERENCES_MAX
    assert feed.synced


def test_waiting_levels_are_bounded_too() -> None:
    feed = Feed()
    levels = [(str(1000 + i), "1") for i in range(20_000)]
    feed.depth(101, 101, bids=levels)
    feed.depth(102, 102, bids=levels)
    assert feed.count("discarded") == 1
    rows = feed.snapshot(101, bids=[], asks=[])
    assert (rows["sequence"].tolist(), rows["bid_price"].tolist()) == ([102], [20_999_000_000_000])


def test_lateness_is_measured_across_instruments_by_event_time() -> None:
    feed = Feed()
    ahead = {"e": "trade", "E": E_MS + 57, "s": "ETHUSDT", "t": 1, "p": "9", "q": "1", "m": True}
    feed.adapter.ingest(
        feed.state, [Payload("binance", 0, START_NS, b"spot:ETHUSDT", orjson.dumps({"stream": "x", "data": ahead}))]
    )
    feed.trade(1)
    assert feed.count("late_ms_max") == 57


@pytest.mark.parametrize("key", ["spot:BTCUSDT", "linear:BTCUSDT"])
def test_ids_near_the_end_of_int64_do_no_harm(key: str) -> None:
    feed = Feed(key)
    top = 2**63 - 1
    feed.depth(top - 1, top, prev=top - 2)
    feed.snapshot(top - 1)
    feed.depth(top, top, prev=top)
    feed.snapshot(top)
    assert np.isin(feed.count("applied"), (0, 1))
