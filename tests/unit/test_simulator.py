"""A simulated session holds what it promises, whatever its length and however many instruments it has."""

from __future__ import annotations

import math
import resource
from collections import Counter, deque
from collections.abc import Sequence
from itertools import islice, pairwise

import pytest

from feeds.draws import Draws
from feeds.simulated_instruments import (
    INSTRUMENTS,
    INSTRUMENTS_MAX,
    SYNTHETIC_ID_FIRST,
    profiles,
    simulated_definitions,
)
from feeds.simulator import SESSION_START_NS, SOURCE, SimulatedMessage, simulate
from feeds.venues import adapter_of
from schemas.errors import ConfigError
from streams.agent import Payload

SECOND_NS = 1_000_000_000
QUIET: tuple[str, ...] = ()
NAMES = [d.instrument for d in simulated_definitions(INSTRUMENTS)]


def ingested(
    messages: Sequence[SimulatedMessage], instruments: int = INSTRUMENTS
) -> tuple[Counter[str], list[str], bool]:
    """Counters over all instruments, reasons of rejects, whether every book is known at the end."""
    adapter = adapter_of("binance", simulated_definitions(instruments))
    state = adapter.start()
    payloads = [Payload(SOURCE, i, m.ts_recv, m.key, m.payload) for i, m in enumerate(messages)]
    _, _, rejects = adapter.ingest(state, payloads)
    total: Counter[str] = Counter()
    for counters in adapter.counters(state).values():
        total.update(counters)
    return total, [str(error) for _, error in rejects], all(adapter.synchronised(state).values())


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_session_without_events_is_without_fault_and_its_books_agree_with_its_quotes(seed: int) -> None:
    total, rejects, synchronised = ingested(list(simulate(6, seed, events=QUIET)))
    assert not rejects
    assert synchronised
    faults = ("gaps", "duplicates", "out_of_order", "crossed", "rounded", "bbo_mismatches", "discarded")
    assert [total[name] for name in faults] == [0] * len(faults)
    assert total["bbo_compared"] > 50
    assert total["trades"] > 200


@pytest.mark.parametrize("instruments", [1, 2, 6, 7, 40, 200])
def test_any_number_of_instruments_is_read_without_a_fault_that_was_not_planned(instruments: int) -> None:
    total, rejects, synchronised = ingested(list(simulate(2, 4, instruments=instruments, events=QUIET)), instruments)
    assert not rejects
    assert synchronised
    assert (total["gaps"], total["duplicates"], total["out_of_order"], total["crossed"]) == (0, 0, 0, 0)
    assert total["messages"] > 100


def test_each_instrument_begins_with_its_snapshot() -> None:
    first = list(islice(simulate(seconds=1, seed=9, instruments=8), 8))
    assert [m.key.decode() for m in first] == [d.instrument for d in simulated_definitions(8)]
    assert all(m.payload.startswith(b'{"lastUpdateId":') for m in first)


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others() -> None:
    assert list(simulate(2, 1)) == list(simulate(2, 1))
    assert list(simulate(2, 1)) != list(simulate(2, 2))


def test_a_session_is_made_as_it_is_read_and_may_be_endless() -> None:
    assert len(list(islice(simulate(seconds=math.inf, seed=1), 1000))) == 1000


def test_memory_does_not_grow_with_the_sessions_length() -> None:
    session = simulate(math.inf, 1, instruments=20)
    deque(islice(session, 50_000), maxlen=0)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    deque(islice(session, 400_000), maxlen=0)
    grown_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown_kib < 16_384


def test_time_never_steps_back_and_ends_with_the_session() -> None:
    stamps = [m.ts_recv for m in simulate(3, 1)]
    assert all(a <= b for a, b in pairwise(stamps))
    assert stamps[0] > SESSION_START_NS
    assert 0 < SESSION_START_NS + 3 * SECOND_NS - stamps[-1] < SECOND_NS // 10


def test_a_minute_has_about_a_thousand_messages_a_second_and_moments_of_many_more() -> None:
    tenths = Counter((m.ts_recv - SESSION_START_NS) // (SECOND_NS // 10) for m in simulate(60, 1))
    assert 600 < tenths.total() / 60 < 1800
    assert sorted(tenths.values())[-10] * 10 > 3500


def test_a_session_that_starts_later_goes_on_above_an_earlier_ones_ids() -> None:
    later = SESSION_START_NS + 20 * SECOND_NS
    adapter = adapter_of("binance", simulated_definitions(INSTRUMENTS))
    earlier, following = (
        adapter.read([Payload(SOURCE, i, m.ts_recv, m.key, m.payload) for i, m in enumerate(messages)])[0].messages
        for messages in (simulate(20, 1), simulate(5, 1, start_ns=later))
    )
    assert following["last"].max() < 2**63 - 1
    for slot in range(INSTRUMENTS):
        for trades in (False, True):
            ids = [m["last"][(m["slot"] == slot) & ((m["kind"] == 4) == trades)] for m in (earlier, following)]
            assert ids[0].max() < ids[1].min()
    assert following["ts_recv"].min() > later


def test_the_venues_clock_runs_seconds_ahead_and_drifts() -> None:
    adapter = adapter_of("binance")
    skews = []
    session = list(simulate(9, 1, events=QUIET))
    for start in (0, 8 * SECOND_NS):
        payloads = [Payload(SOURCE, i, m.ts_recv, m.key, m.payload) for i, m in enumerate(session)
                    if 0 <= m.ts_recv - SESSION_START_NS - start < SECOND_NS]  # fmt: skip
        messages = adapter.read(payloads)[0].messages
        timed = messages[messages["ts_venue"] > 0]
        skews.append(sorted((timed["ts_venue"] - timed["ts_recv"]).tolist())[len(timed) // 2])
    assert 1.9 * SECOND_NS < skews[0] < 2.1 * SECOND_NS
    assert skews[1] - skews[0] > 4_000_000


def test_made_up_instruments_are_the_same_in_every_session_and_have_ids_of_their_own() -> None:
    few, many = simulated_definitions(10), simulated_definitions(300)
    assert many[:10] == few
    assert [d.instrument_id for d in many[6:]] == list(range(SYNTHETIC_ID_FIRST, SYNTHETIC_ID_FIRST + 294))
    assert len({d.instrument for d in many}) == 300
    assert {d.market for d in many[6:]} == {"spot", "linear"}


def test_a_made_up_instruments_prices_and_sizes_lie_on_its_grid() -> None:
    for profile in profiles(400):
        definition, (price_places, size_places) = profile.definition, profile.places
        assert definition.price_increment * 10**price_places % 10**9 == 0
        assert definition.size_increment * 10**size_places % 10**9 == 0


@pytest.mark.parametrize("instruments", [0, -1, INSTRUMENTS_MAX + 1])
def test_a_number_of_instruments_that_cannot_be_is_refused(instruments: int) -> None:
    with pytest.raises(ConfigError, match="not a number of instruments"):
        simulate(1, 1, instruments=instruments)


@pytest.mark.parametrize("arguments", [{"activity": 0}, {"start_ns": -1}, {"events": ["earthquake"]}])
def test_arguments_that_cannot_be_are_refused(arguments: dict[str, object]) -> None:
    with pytest.raises(ConfigError):
        next(simulate(1, 1, **arguments))  # type: ignore[arg-type]


def test_draws_stay_within_their_bounds() -> None:
    draws = Draws(5)
    assert {draws.below(3) for _ in range(200)} == {0, 1, 2}
    assert 900 < sum(draws.exponential(1000) for _ in range(5000)) / 5000 < 1100
