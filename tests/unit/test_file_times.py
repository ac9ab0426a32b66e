"""Times of purchased files: units, zones, summer time, dates in names, and what is no time."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from feeds.file_time import TimeReader


def ns(text: str) -> int:
    return round(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1_000) * 1_000_000


@pytest.mark.parametrize(
    ("time", "zone", "day", "text", "utc"),
    [
        ("ns", "", "", "1398902400292000000", "2014-05-01T00:00:00.292"),
        ("ms", "", "", "1398902400292", "2014-05-01T00:00:00.292"),
        ("ms since midnight", "UTC", "2014-05-01", "292", "2014-05-01T00:00:00.292"),
        ("ms since midnight", "America/New_York", "2014-05-01", "34200000", "2014-05-01T13:30:00"),
        ("s since midnight", "America/New_York", "2014-01-02", "34200", "2014-01-02T14:30:00"),
        ("s since midnight", "America/New_York", "2014-03-09", "3600", "2014-03-09T06:00:00"),
        ("s since midnight", "America/New_York", "2014-03-09", "36000", "2014-03-09T14:00:00"),
        ("s since midnight", "UTC", "name:%Y%m%d", "60", "2014-05-07T00:01:00"),
        ("iso", "Europe/London", "", "2014-07-01T08:00:00.5", "2014-07-01T07:00:00.5"),
        ("iso", "Europe/London", "", "2014-07-01T08:00:00+02:00", "2014-07-01T06:00:00"),
        ("%d.%m.%Y %H:%M:%S", "Europe/Berlin", "", "01.07.2014 09:00:00", "2014-07-01T07:00:00"),
    ],
)
def test_a_time_is_read_as_clocks_of_its_zone_showed_it(time: str, zone: str, day: str, text: str, utc: str) -> None:
    assert TimeReader(time, zone, day, "eurusd_20140507_quote.zip", "map").ns(text) == ns(utc)


@pytest.mark.parametrize(
    ("time", "text"),
    [("ms since midnight", "86400000"), ("ms since midnight", "-1"), ("ms", "1e3"), ("ns", "99999999999999999999"),
     ("iso", "noon"), ("%H:%M", "25:00"), ("ms", ""), ("s", "१२")],
)  # fmt: skip
def test_what_is_no_time_is_none(time: str, text: str) -> None:
    assert TimeReader(time, "UTC", "2014-05-01", "a.csv", "map").ns(text) is None
