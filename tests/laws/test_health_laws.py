"""Laws of feed health: the same records give the same documents, however they arrive and however often it dies."""

from __future__ import annotations

import base64
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from feeds.definitions import DEFINITIONS
from monitoring.health_inputs import Names, health_of, health_over, places_of
from monitoring.health_now import HealthNow
from monitoring.health_topic import HealthWriter, recalled, written
from monitoring.letter_health import UNKNOWN
from monitoring.place_health import NANOS, Spot
from replay.joined_log import JoinedLog
from schemas.catalog import DEAD_LETTER, END
from schemas.codec import encode
from schemas.dead_letter import DeadLetter
from schemas.errors import ConfigError
from schemas.feed_health import FeedHealth, key_of
from schemas.header import Header, pack
from schemas.tick import (
    ACTION_NONE,
    ACTION_TRADE,
    FLAG_CORRECTION,
    FLAG_CROSSED,
    FLAG_DEPTH_UNSYNCED,
    FLAG_OUT_OF_ORDER,
    FLAG_RETRACTION,
    FLAG_SUSPECT,
    TICK,
)
from streams.log import TopicSpec
from tests.archive_world import archived
from tests.laws.test_export_laws import TOPIC, tape

quick = settings(deadline=None, max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture])
SUSPECT = FLAG_CROSSED | FLAG_DEPTH_UNSYNCED | FLAG_OUT_OF_ORDER | FLAG_SUSPECT
START_NS = 1_723_161_600_000_000_000
INSTRUMENTS = ("spot:BTCUSDT", "spot:ETHUSDT", "linear:BTCUSDT")
REFUSED = ("bad_payload.not_finite", "bad_payload.other_symbol")


def made_ticks(seed: int = 3, number: int = 3_000) -> Any:
    """Ticks of four seconds: an instrument that falls silent, flags, and venue times that are missing."""
    rng = np.random.default_rng(seed)
    rows = np.zeros(number, dtype=TICK)
    rows["ts_recv"] = START_NS + np.sort(rng.integers(0, 4 * NANOS, number))
    rows["ts_log"] = np.maximum.accumulate(rows["ts_recv"])
    rows["ts_event"] = np.where(rng.random(number) < 0.1, 0, rows["ts_recv"] - rng.integers(-5, 50, number) * 1_000_000)
    known = [d.instrument_id for d in DEFINITIONS if d.instrument in INSTRUMENTS]
    rows["instrument_id"] = rng.choice(known, number)
    silent = (rows["instrument_id"] == known[0]) & (rows["ts_log"] > START_NS + 2 * NANOS)
    rows["instrument_id"][silent] = known[1]
    chosen = rng.random(number)
    rows["flags"][chosen < 0.05] = FLAG_DEPTH_UNSYNCED
    rows["flags"][chosen > 0.97] = FLAG_OUT_OF_ORDER
    rows["flags"][(chosen > 0.5) & (chosen < 0.52)] = FLAG_SUSPECT
    rows["action"] = np.where(rng.random(number) < 0.3, ACTION_TRADE, ord("M"))
    amended = (chosen > 0.9) & (chosen < 0.92)
    rows["action"][amended] = ACTION_NONE
    rows["flags"][amended] = np.where(rng.random(number)[amended] < 0.5, FLAG_RETRACTION, FLAG_CORRECTION)
    return rows


@pytest.fixture(scope="module")
def ticks() -> Any:
    return made_ticks()


def with_letters(log: Any, seed: int = 1, number: int = 400) -> Any:
    """Dead letters of two sources and of another topic, near each other in time, but for one of the year 2099."""
    rng = random.Random(seed)
    log.create([TopicSpec("dlq")])
    appender = log.appender()
    for n in range(number):
        ts = START_NS + n * 10_000_000 - rng.randrange(0, 50_000_000)
        letter = DeadLetter(
            code="bad_payload", kind=rng.choice(REFUSED), reason="r", task="normalise",
            topic=rng.choice(("raw.simulator", "raw.acme", "orders.intent")), partition=0, offset=n, writer="w", seq=n,
            ts=ts if n != number // 2 else 4_080_000_000 * NANOS,
            key=base64.b64encode(rng.choice((b"spot:BTCUSDT", b"spot:ETHUSDT", b"\xff?"))).decode(), payload="",
        )  # fmt: skip
        header = Header(schema=DEAD_LETTER.number, version=DEAD_LETTER.version, seq=n, time=0, writer="normalise")
        appender.append("dlq", 0, b"", encode(letter), pack(header))
    appender.append("dlq", 0, b"", b"junk", None)
    appender.flush(1.0)
    return log


def plain(found: Sequence[FeedHealth]) -> list[tuple[Any, ...]]:
    """What documents say, without where it was read."""
    return [(h.instrument, h.window_start, h.ticks, h.trades, h.retracted, h.suspect, h.gaps, h.out_of_order,
             h.stale_ns, h.skew_ns_min, h.skew_ns_mean, h.skew_ns_max, h.last_ts, h.synced, h.parts)
            for h in found]  # fmt: skip


def test_a_window_says_what_counting_its_ticks_one_by_one_says(ticks: Any) -> None:
    window_ns = NANOS // 2
    found = list(health_over(tape(ticks), "", window_ns))
    assert len({h.window_start for h in found}) >= 6
    assert len({h.instrument for h in found}) >= 2
    known: dict[int, tuple[int, bool]] = {}
    for window in sorted({h.window_start for h in found}):
        rows = [t for t in ticks if window <= t["ts_log"] < window + window_ns]
        for h in (h for h in found if h.window_start == window):
            own = [t for t in rows if t["instrument_id"] == h.instrument_id]
            last, synced = known.get(h.instrument_id, (int(own[0]["ts_log"]) if own else 0, False))
            gaps, stale = 0, 0
            for t in own:
                stale = max(stale, int(t["ts_log"]) - last)
                unsynced = bool(t["flags"] & FLAG_DEPTH_UNSYNCED)
                gaps += synced and unsynced
                last, synced = int(t["ts_log"]), not unsynced
            known[h.instrument_id] = (last, synced)
            skews = [int(t["ts_recv"]) - int(t["ts_event"]) for t in own if t["ts_event"]]
            assert h.ticks == len(own)
            assert h.trades == sum(1 for t in own if t["action"] == ACTION_TRADE)
            assert h.retracted == sum(1 for t in own if t["flags"] & FLAG_RETRACTION)
            assert h.suspect == sum(1 for t in own if t["flags"] & SUSPECT)
            assert (h.gaps, h.last_ts, h.synced) == (gaps, last, synced)
            assert h.stale_ns == max(stale, window + window_ns - last)
            assert (h.skew_ns_min, h.skew_ns_max) == ((min(skews), max(skews)) if skews else (None, None))
            assert h.skew_ns_mean == (sum(skews) // len(skews) if skews else None)
    assert sum(h.gaps for h in found) > 10
    assert sum(h.retracted for h in found) > 10


@quick
@given(cuts=st.lists(st.integers(1, 2_000), max_size=40))
def test_any_framing_says_the_same_of_the_same_windows(ticks: Any, cuts: list[int]) -> None:
    cuts = [cut for cut in cuts if cut < len(ticks)]
    assert plain(list(health_over(tape(ticks, cuts), "", NANOS // 2))) == plain(
        list(health_over(tape(ticks), "", NANOS // 2))
    )


def lives(log: Any, namespace: str, window_ns: int, seed: int, deaths: int) -> list[FeedHealth]:
    """What lies on ``feed.health`` when monitors have died at random, half-written windows and repeats included."""
    rng = random.Random(seed)
    for life in range(deaths + 1):
        left = rng.randrange(0, 60) if life < deaths else -1
        writer = HealthWriter(log, namespace)
        places = places_of(log, namespace)
        rng.shuffle(places)
        carries = recalled(log, namespace, places)
        name_of = Names(log, namespace)
        for place in places:
            carry = carries.get(place)
            health = health_of(place, namespace, window_ns, name_of, carry)
            for record in log.scan(*place, 0 if carry is None else carry.at.offset, committed=True):
                found = list(health.take(record))
                writer.write(found if left < 0 else found[:left])
                left = left if left < 0 else max(0, left - len(found))
                if left == 0:
                    break
        writer.close()
    return [health for _, health in written(log, namespace)]


def by_key(found: Sequence[FeedHealth]) -> dict[bytes, bytes]:
    """Documents by key; the same key must mean the same bytes."""
    kept: dict[bytes, bytes] = {}
    for health in found:
        assert kept.setdefault(key_of(health), encode(health)) == encode(health)
    return kept


@quick
@given(seed=st.integers(0, 2**32), deaths=st.integers(0, 12), cuts=st.lists(st.integers(1, 2_000), max_size=30))
def test_however_often_it_dies_the_same_documents_stand_there(
    ticks: Any, seed: int, deaths: int, cuts: list[int]
) -> None:
    log = tape(ticks, [cut for cut in cuts if cut < len(ticks)])
    expected = by_key(list(health_over(log, "", NANOS // 4)))
    assert len(expected) > 20
    assert by_key(lives(log, "", NANOS // 4, seed, deaths)) == expected


@pytest.mark.parametrize("seed", range(8))
def test_letters_and_ticks_side_by_side_survive_as_well(ticks: Any, seed: int) -> None:
    log = with_letters(tape(ticks, range(0, len(ticks), 17)), seed)
    expected = by_key(list(health_over(log, "", NANOS // 10)))
    assert by_key(lives(log, "", NANOS // 10, seed, deaths=6)) == expected


def test_a_monitor_that_comes_back_goes_on_and_does_not_begin_again(ticks: Any) -> None:
    log = tape(ticks)
    lives(log, "", NANOS // 4, 1, deaths=0)
    whole = len(list(written(log, "")))
    lives(log, "", NANOS // 4, 1, deaths=0)
    assert len(list(written(log, ""))) == whole
    assert recalled(log, "", places_of(log, ""))[(TOPIC, 0)].at > Spot(0)


def test_letters_are_counted_by_source_instrument_and_reason(ticks: Any) -> None:
    found = [h for h in health_over(with_letters(tape(ticks)), "", NANOS // 10) if h.topic == "dlq"]
    assert {h.source for h in found} == {"simulator", "acme"}
    assert {h.instrument for h in found} == {"spot:BTCUSDT", "spot:ETHUSDT", UNKNOWN}
    assert {kind for h in found for kind in h.reasons} == set(REFUSED)
    assert all(sum(h.reasons.values()) == h.rejected > 0 for h in found)
    assert 200 < sum(h.rejected for h in found) < 400


def test_a_letter_from_far_away_holds_no_others(ticks: Any) -> None:
    found = [h for h in health_over(with_letters(tape(ticks)), "", NANOS // 10) if h.topic == "dlq"]
    starts = [h.window_start for h in found]
    assert max(starts) < START_NS + 10 * NANOS or starts.count(max(starts)) <= 1
    assert len(set(starts)) > 35, "windows go on behind it"


def test_the_end_of_a_run_ends_its_windows(ticks: Any) -> None:
    log = tape(ticks)
    before = list(health_over(log, "", NANOS))
    header = Header(schema=END.number, version=END.version, seq=len(ticks), time=0, writer="normalise")
    log.appender().append(TOPIC, 0, b"", b"{}", pack(header))
    after = list(health_over(log, "", NANOS))
    assert after[: len(before)] == before
    assert sum(h.ticks for h in before) < len(ticks) == sum(h.ticks for h in after)


def test_the_archive_alone_tells_the_same(ticks: Any, tmp_path: Path) -> None:
    log = with_letters(tape(ticks, range(0, len(ticks), 40)))
    expected = list(health_over(log, "", NANOS // 4))
    archived(log, tmp_path)
    assert list(health_over(JoinedLog(None, tmp_path), "", NANOS // 4)) == expected
    assert {h.topic for h in expected} == {TOPIC, "dlq"}


def test_the_newest_window_of_each_instrument_is_shown(ticks: Any) -> None:
    log = with_letters(tape(ticks))
    assert HealthNow(log, "", "simulator").look() == {}
    seen = HealthNow(log, "", "simulator")
    seen.look()
    expected = list(health_over(log, "", NANOS // 4))
    lives(log, "", NANOS // 4, 1, deaths=3)
    shown = seen.look()
    assert set(shown) == set(INSTRUMENTS)
    for h in (h for h in expected if h.topic == TOPIC):
        assert h.window_start <= shown[h.instrument]["window_start"]
    newest = next(h for h in reversed(expected) if h.instrument == "linear:BTCUSDT" and h.topic == TOPIC)
    assert shown["linear:BTCUSDT"]["rate_per_s"] == newest.ticks * 4 > 0
    assert shown["spot:BTCUSDT"]["rejected"] > 0
    assert HealthNow(log, "", "simulator").look() == shown
    silent = min(shown.values(), key=lambda h: float(h["rate_per_s"]))
    assert (silent["rate_per_s"], silent["suspect_share"]) == (0, None)
    assert silent["stale_ms"] > 1_000


def test_places_are_the_tick_partitions_and_the_letters(ticks: Any) -> None:
    log = with_letters(tape(ticks))
    assert places_of(log, "") == [(TOPIC, 0), ("dlq", 0)]
    with pytest.raises(ConfigError, match="no such source"):
        places_of(log, "", ["acme"])
    assert {h.source for h in health_over(log, "", NANOS, ["simulator"])} == {"simulator"}
