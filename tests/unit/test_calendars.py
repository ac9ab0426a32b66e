"""Sessions of calendars: local hours, summer time, nights."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from replay.calendars import CALENDARS, calendar_named


def ns(text: str) -> int:
    return round(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * 10**9


@pytest.mark.parametrize(
    ("name", "day", "since", "until"),
    [
        ("XNYS", "2026-03-06", "2026-03-06T14:30", "2026-03-06T21:00"),
        ("XNYS", "2026-03-09", "2026-03-09T13:30", "2026-03-09T20:00"),
        ("XCME", "2026-11-23", "2026-11-22T23:00", "2026-11-23T22:00"),
        ("crypto", "2026-11-22", "2026-11-22", "2026-11-23"),
    ],
)
def test_a_session_is_in_the_venues_own_hours(name: str, day: str, since: str, until: str) -> None:
    session = calendar_named(name).session(date.fromisoformat(day))
    assert session is not None
    assert (session.since, session.until) == (ns(since), ns(until))


def test_there_is_no_session_on_a_weekend_and_the_next_one_is_found() -> None:
    nyse = CALENDARS["XNYS"]
    assert nyse.session(date(2026, 11, 22)) is None
    assert nyse.at_or_after(ns("2026-11-20T21:00")).day == "2026-11-23"
    assert nyse.at_or_after(ns("2026-11-20T20:59")).day == "2026-11-20"
