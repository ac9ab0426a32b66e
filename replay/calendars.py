"""Calendars of sessions: when a venue's day begins and ends, in its own time zone, summer time included.

Holidays are not listed: a session in which nothing was recorded is not shown. A calendar that does not open before it
closes begins on the day before.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from schemas.errors import ConfigError

NANOS = 1_000_000_000
WEEKDAYS = frozenset(range(5))
EVERY_DAY = frozenset(range(7))


@dataclass(frozen=True, slots=True)
class Session:
    """A day of a calendar: from ``since`` on and before ``until``, ns UTC."""

    day: str
    since: int
    until: int


@dataclass(frozen=True, slots=True)
class Calendar:
    """Opening hours.

    Attributes:
        name: ISO 10383 code of the market; ``24x7``; or ``FX``, whose week is New York's from Sunday to Friday 17:00.
        zone: IANA time zone.
        opens: Local time at which a session begins.
        closes: Local time at which it ends; midnight is that of the day after.
        days: Weekdays on which one ends, Monday is 0.
    """

    name: str
    zone: str
    opens: time
    closes: time
    days: frozenset[int] = WEEKDAYS

    def session(self, day: date) -> Session | None:
        """The session of a day; None on a day without one."""
        if day.weekday() not in self.days:
            return None
        begins = day - timedelta(days=1) if self.opens >= self.closes != time() else day
        ends = day + timedelta(days=1) if self.closes == time() else day
        zone = ZoneInfo(self.zone)
        return Session(
            day.isoformat(), _ns(datetime.combine(begins, self.opens, zone)),
            _ns(datetime.combine(ends, self.closes, zone)),
        )  # fmt: skip

    def at_or_after(self, ns: int) -> Session:
        """The first session that has not ended at a time."""
        day = datetime.fromtimestamp(ns // NANOS, UTC).date() - timedelta(days=2)
        return next(session for session in self._from(day) if session.until > ns)

    def _from(self, day: date) -> Iterator[Session]:
        while True:
            if (session := self.session(day)) is not None:
                yield session
            day += timedelta(days=1)


UTC_DAYS = Calendar("24x7", "UTC", time(), time(), EVERY_DAY)
"""UTC days: crypto never closes."""

CALENDARS = {
    calendar.name: calendar
    for calendar in (
        UTC_DAYS,
        Calendar("FX", "America/New_York", time(17), time(17)),
        Calendar("XNYS", "America/New_York", time(9, 30), time(16)),
        Calendar("XNAS", "America/New_York", time(9, 30), time(16)),
        Calendar("XCME", "America/Chicago", time(17), time(16)),
        Calendar("XLON", "Europe/London", time(8), time(16, 30)),
        Calendar("XETR", "Europe/Berlin", time(9), time(17, 30)),
        Calendar("XPAR", "Europe/Paris", time(9), time(17, 30)),
        Calendar("XTKS", "Asia/Tokyo", time(9), time(15, 30)),
        Calendar("XHKG", "Asia/Hong_Kong", time(9, 30), time(16)),
    )
}
"""By name."""
ALIASES = {"UTC": "24x7", "CRYPTO": "24x7", "24X7": "24x7"}


def calendar_named(name: str) -> Calendar:
    """A calendar; empty means UTC days.

    Raises:
        ConfigError: There is none of that name.
    """
    wanted = ALIASES.get(name.upper(), name.upper()) if name else UTC_DAYS.name
    if wanted in CALENDARS:
        return CALENDARS[wanted]
    raise ConfigError("there is no such calendar", kind="calendar", got=name, allowed=", ".join(CALENDARS),
                      where="--session")  # fmt: skip


def _ns(at: datetime) -> int:
    return round(at.timestamp()) * NANOS
