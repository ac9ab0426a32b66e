"""How figures read: times, durations, counts, one way everywhere. Plain ASCII, so that any terminal shows them."""

from __future__ import annotations

from datetime import UTC, datetime

NANOS = 1_000_000_000
_US_PER_MS = 1_000.0
_US_PER_S = 1_000_000.0


def count(number: int) -> str:
    """A whole number with thousands set apart.

    >>> count(217091)
    '217,091'
    """
    return f"{number:,}"


def short(number: int) -> str:
    """A whole number in seven characters.

    >>> short(999_999), short(-12), short(1_234_567), short(98_765_432_100)
    ('999,999', '-12', '1.23M', '98.8G')
    """
    for unit, name in ((1_000_000_000_000, "T"), (1_000_000_000, "G"), (1_000_000, "M")):
        if abs(number) >= unit:
            return f"{_three(abs(number) / unit)}{name}" if number > 0 else f"-{_three(abs(number) / unit)}{name}"
    return f"{number:,}"


def age(seconds: float | None) -> str:
    """How long ago, in seven characters; ``-`` where that is not known.

    >>> age(None), age(0.24), age(59.0), age(600.0), age(90_000.0), age(-0.1)
    ('-', '0.2 s', '59 s', '10 min', '25 h', '0.0 s')
    """
    if seconds is None:
        return "-"
    if seconds < 10:
        return f"{max(seconds, 0.0):.1f} s"
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7_200 else f"{seconds / 3_600:.0f} h"


def money(value: float, decimals: int) -> str:
    """An amount with its sign, thousands set apart.

    >>> money(1234.5, 2), money(-0.004, 2), money(-0.00123, 8)
    ('+1,234.50', '+0.00', '-0.00123000')
    """
    rounded = round(value, decimals) or 0.0
    return f"{rounded:+,.{decimals}f}"


def rate(per_second: float) -> str:
    """Events a second.

    >>> rate(6.25), rate(51234.0)
    ('6.2/s', '51,234/s')
    """
    return f"{per_second:,.0f}/s" if per_second >= 10 else f"{per_second:.1f}/s"


def latency(microseconds: float | None) -> str:
    """A latency in the unit that suits it, three significant figures; ``-`` where nothing was measured.

    >>> latency(None), latency(8.4), latency(99.96), latency(12_345.0), latency(2_500_000.0)
    ('-', '8.40 us', '100 us', '12.3 ms', '2.50 s')
    """
    if microseconds is None:
        return "-"
    if microseconds < _US_PER_MS:
        return f"{_three(microseconds)} us"
    if microseconds < _US_PER_S:
        return f"{_three(microseconds / _US_PER_MS)} ms"
    return f"{_three(microseconds / _US_PER_S)} s"


def duration(seconds: float) -> str:
    """Minutes and seconds.

    >>> duration(5.2), duration(65.0), duration(3725.0)
    ('0:05', '1:05', '1:02:05')
    """
    whole = int(seconds)
    hours, rest = divmod(whole, 3_600)
    return f"{hours}:{rest // 60:02}:{rest % 60:02}" if hours else f"{rest // 60}:{rest % 60:02}"


def moment(ns: int) -> str:
    """Date and time of ns since the epoch, UTC, to the millisecond; ``-`` for 0.

    >>> moment(1_723_161_254_087_896_568)
    '2024-08-08 23:54:14.087'
    """
    return f"{_datetime(ns):%Y-%m-%d} {time_of_day(ns)}" if ns else "-"


def time_of_day(ns: int) -> str:
    """The same without the date.

    >>> time_of_day(1_723_161_254_087_896_568)
    '23:54:14.087'
    """
    return f"{_datetime(ns):%H:%M:%S}.{ns % NANOS // 1_000_000:03}" if ns else "-"


def _datetime(ns: int) -> datetime:
    return datetime.fromtimestamp(ns // NANOS, UTC)


def _three(value: float) -> str:
    return f"{value:.2f}" if value < 9.995 else f"{value:.1f}" if value < 99.95 else f"{value:.0f}"
