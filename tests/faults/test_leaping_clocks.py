"""Clocks that leap: days, pins and replays of such a tape agree, or refuse in one line."""

from __future__ import annotations

import pytest

from replay import tape_time
from replay.days import Day, days_in
from replay.pins.manifest import hash_of
from replay.pins.measuring import measure
from replay.pins.selection import Selection
from replay.recording import NO_END
from schemas.catalog import END
from schemas.errors import ConfigError
from schemas.header import Header, pack
from streams.memory import MemoryLog
from tests.archive_world import payloads

DAY = 86_400 * 10**9
MIDNIGHT = 20_000 * DAY
HOUR = DAY // 24


def hash_or_refusal(log: MemoryLog, day: Day) -> str:
    try:
        return hash_of(measure(log, Selection(day.since, day.until, day.until)).data.topics)
    except ConfigError as error:
        return error.kind


@pytest.mark.parametrize("hours", [0.5, 2, 5, 23, 30])
def test_a_day_of_a_tape_whose_clock_leapt_means_one_thing_or_is_refused(
    hours: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However much of the tape is looked through to find it: a long one is halved, a short one is read."""
    steps = [MIDNIGHT + int(n * HOUR / 20) for n in range(20 * 40)]
    leapt = range(430, 435)
    log = payloads(*(t + int(hours * HOUR) * (n in leapt) for n, t in enumerate(steps)))
    days = days_in(log)
    assert sum(day.leaps for day in days) == (hours > 1)
    refused = set()
    for day in days:
        found = set()
        for near in (4, 65_536):
            monkeypatch.setattr(tape_time, "NEAR_OFFSETS", near)
            found.add(hash_or_refusal(log, day))
        hashes = {one for one in found if not one.startswith("config.")}
        assert len(hashes) <= 1
        assert hashes <= {day.hash} or day.leaps
        refused |= found - hashes
    assert ("config.clock_leaps" in refused) == (hours > 1)
    assert len(list(tape_time.stretch(log, "raw.binance", 0, 0, NO_END, raw=True))) == len(steps)


def test_a_leap_over_the_end_is_none_of_a_pause_however_many_payloads_it_stamped(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A clock that leapt is set back before the range ends, so within so much of its own time: so far is looked."""
    monkeypatch.setattr(tape_time, "LOOK_RECORDS", 3)
    steps = [MIDNIGHT + int(n * HOUR / 20) for n in range(20 * 40)]
    leapt = payloads(*(t + 30 * HOUR * (100 <= n < 400) for n, t in enumerate(steps)))
    with pytest.raises(ConfigError, match="leaps") as caught:
        list(tape_time.stretch(leapt, "raw.binance", 0, MIDNIGHT, MIDNIGHT + DAY, raw=True))
    assert caught.value.where == "raw.binance[0]@100"
    paused = payloads(*(t + 30 * HOUR * (n >= 100) for n, t in enumerate(steps)))
    taken = list(tape_time.stretch(paused, "raw.binance", 0, MIDNIGHT, MIDNIGHT + DAY, raw=True))
    assert len(taken) == 100


def test_a_log_that_begins_while_its_clock_is_ahead_has_no_such_day() -> None:
    steps = [MIDNIGHT + int(n * HOUR / 20) for n in range(200)]
    log = payloads(*(t + 30 * HOUR * (n < 5) for n, t in enumerate(steps)))
    with pytest.raises(ConfigError, match="leaps"):
        list(tape_time.stretch(log, "raw.binance", 0, MIDNIGHT, MIDNIGHT + DAY, raw=True))


def test_the_end_of_a_run_is_a_record_and_no_event() -> None:
    log = payloads(MIDNIGHT)
    header = Header(schema=END.number, version=END.version, seq=1, time=MIDNIGHT + 1, writer="binance")
    log.appender().append("raw.binance", 0, b"", b"{}", pack(header))
    day = days_in(log)[0]
    assert (day.records, day.events, day.gaps) == ({"raw.binance": 2}, {"raw.binance": 1}, {})
