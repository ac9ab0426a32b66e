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
     ("iso", "noon"), ("iso", "0001-01-01T00:00:00Z"), ("iso", "0001-01-01T00:00:00+01:00"),
     ("iso", "0001-01-01T00:00:00"),
     ("iso", "9999-12-31T23:59:59-01:00"), ("iso", "2262-04-12T00:00:00Z"), ("iso", "1969-12-31T23:59:59Z"),
     ("%H:%M", "25:00"), ("ms", ""), ("s", "१२")],
)  # fmt: skip
def test_what_is_no_time_is_none(time: str, text: str) -> None:
    assert TimeReader(time, "UTC", "2014-05-01", "a.csv", "map").ns(text) is None


@pytest.mark.parametrize(
    ("time", "text", "behind"),
    [
        ("iso", "2014-07-01T08:00:00.123456789Z", 123_456_789), ("iso", "2014-07-01T08:00:00,1234567", 123_456_700),
        ("iso", "2014-07-01T08:00:00.000000001+00:00", 1), ("iso", "2014-07-01T08:00:00.1234567899Z", 123_456_789),
        ("%Y-%m-%d %H:%M:%S.%f", "2014-07-01 08:00:00.12345678", 123_456_780),
    ],
)  # fmt: skip
def test_no_digit_of_a_fraction_is_lost(time: str, text: str, behind: int) -> None:
    assert TimeReader(time, "UTC", "", "a.csv", "map").ns(text) == ns("2014-07-01T08:00:00") + behind


def test_an_hour_that_the_clock_showed_twice_is_the_second_once_times_have_stepped_back() -> None:
    times = TimeReader("iso", "America/New_York", "", "a.csv", "map")
    shown = ["00:59:00", "01:10:00", "01:09:59", "01:59:00", "01:00:00", "01:20:00", "01:19:00", "02:01:00"]
    utc = ["04:59:00", "05:10:00", "05:09:59", "05:59:00", "06:00:00", "06:20:00", "06:19:00", "07:01:00"]
    for _ in range(2):
        times.begin()
        assert [times.ns(f"2014-11-02T{t}") for t in shown[1:]] == [ns(f"2014-11-02T{t}") for t in utc[1:]]


def test_a_time_in_an_hour_that_the_clock_left_out_is_none() -> None:
    times = TimeReader("iso", "America/New_York", "", "a.csv", "map")
    assert [times.ns(f"2014-03-09T{t}") for t in ("01:59:59", "02:00:00", "02:59:59", "03:00:00")] == [
        ns("2014-03-09T06:59:59"), None, None, ns("2014-03-09T07:00:00"),
    ]  # fmt: skip
