"""Every kind of event of a session's plan happens, and does downstream what the documents say."""

from __future__ import annotations

import math
from collections import Counter
from itertools import islice, pairwise

import numpy as np
import pytest

from feeds.market_statistics import tapes
from feeds.messages import QUOTE, SNAPSHOT, TRADE
from feeds.simulated_events import KINDS, SessionEvent, session_events
from feeds.simulated_instruments import simulated_definitions
from feeds.simulator import SESSION_START_NS, SOURCE, SimulatedMessage, simulate
from feeds.venues import adapter_of
from schemas.tick import (
    ACTION_TRADE,
    FLAG_BUFFERED,
    FLAG_CORRECTION,
    FLAG_OUT_OF_ORDER,
    FLAG_RETRACTION,
    FLAGS_AMENDED,
)
from streams.agent import Payload

SECOND_NS = 1_000_000_000
SECONDS = 30
SEED = 3


class Seen:
    """A session with one kind of event, as the adapter sees it, and its twin without."""

    def __init__(self, kind: str, seconds: float = SECONDS) -> None:
        self.events = list(session_events(seconds, SEED, kinds=[kind]))
        self.messages = list(simulate(seconds, SEED, events=[kind]))
        self.twin = list(simulate(seconds, SEED, events=()))
        self.adapter = adapter_of("binance", simulated_definitions(3))
        state = self.adapter.start()
        payloads = [Payload(SOURCE, i, m.ts_recv, m.key, m.payload) for i, m in enumerate(self.messages)]
        self.read, _ = self.adapter.read(payloads)
        self.rows, _, self.rejects = self.adapter.ingest(state, payloads)
        self.counters = self.adapter.counters(state)
        self.total: Counter[str] = Counter()
        for counters in self.counters.values():
            self.total.update(counters)
        self.synchronised = all(self.adapter.synchronised(state).values())

    @property
    def event(self) -> SessionEvent:
        return self.events[0]

    def times(self, instrument: str, messages: list[SimulatedMessage] | None = None) -> list[int]:
        chosen = self.messages if messages is None else messages
        return [m.ts_recv - SESSION_START_NS for m in chosen if m.key == instrument.encode()]


def test_the_plan_is_the_seeds_and_every_kind_but_the_bust_comes_within_a_minute() -> None:
    plan = list(session_events(60, 5))
    assert plan == list(session_events(60, 5)) != list(session_events(60, 6))
    assert {event.kind for event in plan} == set(KINDS) - {"bust"}
    assert [event.at_ns for event in plan] == sorted(event.at_ns for event in plan)


@pytest.mark.parametrize("seconds", [2, 5, 20])
def test_a_short_session_has_them_too(seconds: int) -> None:
    assert {event.kind for event in session_events(seconds, 1)} == set(KINDS) - {"bust"}


def test_an_endless_plan_repeats_every_kind_but_the_opening() -> None:
    counted = Counter(event.kind for event in islice(session_events(math.inf, 1), 1000))
    assert counted.pop("opening") == 1
    assert set(counted) == set(KINDS) - {"opening"}
    assert min(counted.values()) > 3


def test_the_opening_is_a_burst() -> None:
    seen = Seen("opening")
    end = seen.event.until_ns
    within = sum(m.ts_recv - SESSION_START_NS < end for m in seen.messages)
    usual = sum(m.ts_recv - SESSION_START_NS < end for m in seen.twin)
    assert within > 1.8 * usual


def test_regimes_change_how_much_prices_move() -> None:
    tape = tapes(simulate(240, SEED, events=["regime"]), simulated_definitions(3))["spot:BTCUSDT"]
    events = list(session_events(240, SEED, kinds=["regime"]))
    moves: dict[int, list[float]] = {0: [], 1: [], 2: []}
    mids = (tape.bids + tape.asks) / 2
    for event, following in [*pairwise(events), (events[-1], None)]:
        end = 240 * SECOND_NS if following is None else following.at_ns
        inside = (tape.quote_times >= SESSION_START_NS + event.at_ns) & (tape.quote_times < SESSION_START_NS + end)
        moves[event.size].append(np.abs(np.diff(mids[inside])).sum() / (end - event.at_ns))
    assert len({size for size, found in moves.items() if found}) == 3
    assert np.mean(moves[2]) > 1.5 * np.mean(moves[0])


def test_a_duplicate_is_counted_and_gives_no_row() -> None:
    seen = Seen("duplicate")
    assert [e.kind for e in seen.events] == ["duplicate"]
    assert seen.total["duplicates"] == 1
    assert len(seen.messages) == len(seen.twin) + 1
    assert len(seen.rows) == len(seen.messages) - 3 - 1  # neither a snapshot nor a repeat gives one


def test_ties_share_one_receive_time() -> None:
    seen = Seen("tie")
    runs = Counter(m.ts_recv for m in seen.messages)
    assert sorted(n for n in runs.values() if n > 1) == [6] * len(seen.events)
    assert max(Counter(m.ts_recv for m in seen.twin).values()) == 1
    assert seen.total["messages"] == len(seen.messages)


def test_a_late_trade_is_flagged_and_counted() -> None:
    seen = Seen("late")
    assert seen.total["out_of_order"] == len(seen.events) == 1
    flagged = seen.rows[seen.rows["flags"] & FLAG_OUT_OF_ORDER != 0]
    assert len(flagged) == 1
    assert seen.counters[seen.event.instrument]["out_of_order"] == 1


def test_a_lost_difference_is_a_gap_until_the_later_snapshot() -> None:
    seen = Seen("lost")
    assert seen.total["gaps"] == len(seen.events) == 1
    assert seen.counters[seen.event.instrument]["gaps"] == 1
    kinds = Counter(seen.read.messages["kind"].tolist())
    assert kinds[SNAPSHOT] == 4
    assert seen.synchronised
    assert np.count_nonzero(seen.rows["flags"] & FLAG_BUFFERED) > 0


def test_a_correction_repeats_a_trades_id_with_another_price() -> None:
    seen = Seen("correction")
    trades = seen.read.messages[seen.read.messages["kind"] == TRADE]
    ids = Counter(zip(trades["slot"].tolist(), trades["last"].tolist(), strict=True))
    (slot, number), times = ids.most_common(1)[0]
    assert times == 2
    said = trades[(trades["slot"] == slot) & (trades["last"] == number)]
    prices = seen.read.prices[said["begin"]].tolist()
    assert 0 < abs(prices[0] - prices[1]) < prices[0] // 1000
    assert said["ts_recv"][1] - said["ts_recv"][0] >= 150_000_000
    assert (seen.total["corrected"], seen.total["duplicates"], seen.rejects) == (1, 0, [])
    was, now = seen.rows[seen.rows["flags"] & FLAGS_AMENDED != 0]
    assert [int(was["price"]), int(now["price"])] == prices
    assert (int(was["flags"] & FLAGS_AMENDED), int(now["flags"] & FLAGS_AMENDED)) == (FLAGS_AMENDED, FLAG_CORRECTION)
    assert len(seen.rows) == len(seen.messages) - 3 + 1  # no snapshot gives a row, and the correction two


def test_a_bust_takes_a_trade_back() -> None:
    seen = Seen("bust", seconds=80)
    assert (seen.total["busted"], seen.rejects) == (1, [])
    (back,) = seen.rows[seen.rows["flags"] & FLAGS_AMENDED != 0]
    assert (chr(back["action"]), int(back["flags"] & FLAGS_AMENDED)) == ("N", FLAG_RETRACTION)
    (told,) = seen.rows[(seen.rows["action"] == ACTION_TRADE) & (seen.rows["sequence"] == back["sequence"])
                        & (seen.rows["instrument_id"] == back["instrument_id"])]  # fmt: skip
    assert [int(told[name]) for name in ("price", "size", "side")] == [int(back[n]) for n in ("price", "size", "side")]
    assert back["ts_recv"] - told["ts_recv"] >= 150_000_000
    message = seen.messages[int(back["root_seq"])]
    assert (b"tradeBust" in message.payload, message.key.decode()) == (True, seen.event.instrument)


def test_news_moves_every_price_and_widens_every_spread() -> None:
    seen = Seen("news")
    made = tapes(seen.messages, simulated_definitions(3))
    start, end = SESSION_START_NS + seen.event.at_ns, SESSION_START_NS + seen.event.until_ns
    for tape in made.values():
        mids = (tape.bids + tape.asks) / 2
        before = mids[tape.quote_times < start][-1]
        soon = mids[tape.quote_times < start + SECOND_NS // 2][-1]
        assert (soon / before - 1) * np.sign(seen.event.size) > 0.0008
        during = (tape.quote_times > start) & (tape.quote_times < end)
        assert np.median((tape.asks - tape.bids)[during]) > 4
        assert np.median((tape.asks - tape.bids)[tape.quote_times < start]) == 1
    usual = sum(start <= m.ts_recv < end for m in seen.twin)
    assert sum(start <= m.ts_recv < end for m in seen.messages) > 1.8 * usual


def test_a_halt_is_silent_and_its_auction_leaves_a_price_gap() -> None:
    seen = Seen("halt")
    event = seen.event
    assert not [t for t in seen.times(event.instrument) if event.at_ns <= t < event.until_ns]
    others = [m for m in seen.messages if m.key != event.instrument.encode()]
    assert [m for m in others if event.at_ns <= m.ts_recv - SESSION_START_NS < event.until_ns]
    tape = tapes(seen.messages, simulated_definitions(3))[event.instrument]
    mids = (tape.bids + tape.asks) / 2
    at = np.searchsorted(tape.quote_times, SESSION_START_NS + event.until_ns)
    assert (mids[at] / mids[at - 1] - 1) * np.sign(event.size) > 0.001
    assert (seen.total["gaps"], seen.total["crossed"], seen.rejects) == (0, 0, [])


def test_a_setting_of_the_clock_shows_in_event_times() -> None:
    seen = Seen("skew")
    m = seen.read.messages
    timed = m[(m["kind"] == TRADE) | ((m["kind"] == QUOTE) & (m["ts_venue"] > 0))]
    ahead = timed["ts_venue"] - timed["ts_recv"]
    at = SESSION_START_NS + seen.event.at_ns
    near = np.abs(timed["ts_recv"] - at) < SECOND_NS
    before, after = ahead[near & (timed["ts_recv"] < at)], ahead[near & (timed["ts_recv"] >= at)]
    step = np.median(after) - np.median(before)
    assert abs(step - seen.event.size) < 8_000_000


def test_a_reconnect_is_a_silence_then_twins_then_a_snapshot_per_instrument() -> None:
    seen = Seen("reconnect")
    event = seen.event
    market = event.instrument.partition(":")[0]
    mine = [d.instrument for d in simulated_definitions(3) if d.market == market]
    for instrument in mine:
        assert not [t for t in seen.times(instrument) if event.at_ns <= t < event.until_ns]
        assert [t for t in seen.times(instrument, seen.twin) if event.at_ns <= t < event.until_ns]
        assert seen.counters[instrument]["gaps"] == 1
        assert seen.counters[instrument]["duplicates"] == 1
    assert Counter(seen.read.messages["kind"].tolist())[SNAPSHOT] == 3 + len(mine)
    assert seen.synchronised
