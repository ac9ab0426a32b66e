"""A simulated session holds what it promises, whatever its length."""

from __future__ import annotations

from collections import Counter
from itertools import islice, pairwise

import pytest

from feeds.binance import BinanceAdapter
from feeds.draws import Draws
from feeds.simulator import PROFILES, SESSION_START_NS, SOURCE, simulate
from streams.agent import Payload

SECOND_NS = 1_000_000_000


def counted(seconds: float, seed: int) -> dict[str, Counter[str]]:
    adapter = BinanceAdapter()
    state = adapter.start()
    payloads = [Payload(SOURCE, i, m.ts_recv, m.key, m.payload) for i, m in enumerate(simulate(seconds, seed))]
    _, _, rejects = adapter.ingest(state, payloads)
    assert not rejects
    assert all(adapter.synchronised(state)[name] for name in PROFILES)
    return {name: Counter(adapter.counters(state)[name]) for name in PROFILES}


@pytest.mark.parametrize(("seconds", "seed"), [(1, 1), (1, 2), (2, 3), (6, 4), (6, 5)])
def test_a_session_has_one_gap_and_one_repeat_and_a_book_that_agrees_with_its_quotes(seconds: int, seed: int) -> None:
    total: Counter[str] = Counter()
    for counters in counted(seconds, seed).values():
        assert counters["trades"] > 30 * seconds
        total += counters
    assert (total["gaps"], total["duplicates"]) == (1, 1)
    assert (total["out_of_order"], total["crossed"], total["rounded"], total["bbo_mismatches"]) == (0, 0, 0, 0)
    assert total["bbo_compared"] > 10 * seconds


def test_each_instrument_begins_with_its_snapshot() -> None:
    first = list(islice(simulate(seconds=1, seed=9), len(PROFILES)))
    assert [m.key.decode() for m in first] == list(PROFILES)
    assert all(m.payload.startswith(b'{"lastUpdateId":') for m in first)


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others() -> None:
    assert list(simulate(1, 1)) == list(simulate(1, 1))
    assert list(simulate(1, 1)) != list(simulate(1, 2))


def test_a_longer_session_is_made_as_it_is_read() -> None:
    assert len(list(islice(simulate(seconds=10**6, seed=1), 1000))) == 1000


def test_time_never_steps_back_and_ends_with_the_session() -> None:
    stamps = [m.ts_recv for m in simulate(3, 1)]
    assert all(a <= b for a, b in pairwise(stamps))
    assert stamps[0] > SESSION_START_NS
    assert 0 < SESSION_START_NS + 3 * SECOND_NS - stamps[-1] < SECOND_NS // 10


def test_about_a_thousand_messages_a_second_and_bursts_of_many_more() -> None:
    tenths = Counter((m.ts_recv - SESSION_START_NS) // (SECOND_NS // 10) for m in simulate(15, 1))
    rates = sorted(10 * n for n in tenths.values())
    assert 700 < rates[len(rates) // 2] < 1300
    assert rates[-3] > 6000


def test_the_venues_clock_runs_seconds_ahead_and_drifts() -> None:
    adapter = BinanceAdapter()
    skews = []
    for start in (0, 8 * SECOND_NS):
        payloads = [Payload(SOURCE, i, m.ts_recv, m.key, m.payload) for i, m in enumerate(simulate(9, 1))
                    if 0 <= m.ts_recv - SESSION_START_NS - start < SECOND_NS]  # fmt: skip
        messages = adapter.read(payloads)[0].messages
        timed = messages[messages["ts_venue"] > 0]
        skews.append(sorted((timed["ts_venue"] - timed["ts_recv"]).tolist())[len(timed) // 2])
    assert 1.9 * SECOND_NS < skews[0] < 2.1 * SECOND_NS
    assert skews[1] - skews[0] > 4_000_000


def test_draws_stay_within_their_bounds() -> None:
    draws = Draws(5)
    assert {draws.below(3) for _ in range(200)} == {0, 1, 2}
    assert {draws.spread(1) for _ in range(200)} == {-1, 0, 1}
    assert min(draws.lognormal(1) for _ in range(200)) == 1
    assert 900 < sum(draws.exponential(1000) for _ in range(5000)) / 5000 < 1100
