"""Whether a purchased file's times can be right: its instruments' sessions say when anything can have been quoted.

A wrong time zone or date shifts a file as a whole, and then rows lie where the market was closed: on a weekend, before
the open. A market that is open for 24 hours hides a shift between two days of its week, as sessions know no more.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from replay.calendars import UTC_DAYS, Calendar, Session, calendar_named
from schemas.definition import Definition
from schemas.errors import ConfigError

OUTSIDE_SHARE_MAX = 0.01
"""A larger share of rows outside of sessions means that the times are wrong, not the rows."""
HOUR_NS = 3_600_000_000_000
SHIFTS_H = tuple(sorted(range(-24, 25), key=abs))
"""Tried out, the smallest first."""
SAMPLE_ROWS = 20_000
"""Most rows kept of a file, evenly spread."""
TRIED_ROWS = 500
"""About so many of them try shifts out."""


class _File(Protocol):
    @property
    def path(self) -> Path: ...


class Timed(Protocol):
    """A feed of files that can tell its times by themselves."""

    @property
    def files(self) -> Sequence[_File]:
        """The files, in the order in which they are played."""
        ...

    @property
    def definitions(self) -> Sequence[Definition]:
        """Instruments whose calendars count."""
        ...

    def times(self) -> Iterator[tuple[int, int, str, int]]:
        """(file, row, instrument, event time in ns) of every row that has them."""
        ...


@dataclass(frozen=True, slots=True)
class Strays:
    """Rows of a file outside of sessions, few enough to be the vendor's own: counted, and played."""

    path: Path
    rows: int
    first: int
    calendar: str

    def __str__(self) -> str:
        return (
            f"{self.path}: {self.rows} rows outside of the sessions of {self.calendar}, the first in row {self.first}"
        )


def check_sessions(feed: Timed) -> list[Strays]:
    """Hold every row's time against the calendar of its instrument, file by file.

    Returns:
        What lies outside, where it is little.

    Raises:
        ConfigError: It is not little, or there is no such calendar; nothing has been published.
    """
    calendars = {d.instrument: calendar_named(d.calendar) for d in feed.definitions}
    if all(calendar is UTC_DAYS for calendar in calendars.values()):
        return []
    strays: list[Strays] = []
    looks: dict[int, _Look] = {}
    for file, row, instrument, ns in feed.times():
        if instrument in calendars:
            looks.setdefault(file, _Look()).take(row, ns, calendars[instrument])
    for file, look in looks.items():
        path = feed.files[file].path
        if look.outside > OUTSIDE_SHARE_MAX * look.rows:
            raise _shifted(path, look)
        if look.outside:
            strays.append(Strays(path, look.outside, look.first[0], look.first[2].name))
    return strays


class _Look:
    """One file's times."""

    def __init__(self) -> None:
        self.rows = self.outside = 0
        self.first: tuple[int, int, Calendar] = (0, 0, UTC_DAYS)
        self.sample: list[tuple[int, Calendar]] = []
        self._every = 1
        self._sessions: dict[str, Session] = {}

    def take(self, row: int, ns: int, calendar: Calendar) -> None:
        """One more row."""
        if self.rows % self._every == 0:
            self.sample.append((ns, calendar))
            if len(self.sample) > SAMPLE_ROWS:
                self.sample, self._every = self.sample[::2], self._every * 2
        self.rows += 1
        session = self._sessions.get(calendar.name)
        if session is None or not session.since <= ns < session.until:
            session = self._sessions[calendar.name] = calendar.at_or_after(ns)
        if ns < session.since:
            if not self.outside:
                self.first = (row, ns, calendar)
            self.outside += 1

    def shift_h(self) -> int | None:
        """Hours by which all of the sample would have to be moved; None where none does."""
        some = self.sample[:: len(self.sample) // TRIED_ROWS + 1]
        for shift in SHIFTS_H:
            if all(is_open(calendar, ns + shift * HOUR_NS) for ns, calendar in some):
                return shift
        return None


def is_open(calendar: Calendar, ns: int) -> bool:
    """Whether a time lies in a session."""
    return calendar.at_or_after(ns).since <= ns


def _shifted(path: Path, look: _Look) -> ConfigError:
    row, ns, calendar = look.first
    at = datetime.fromtimestamp(ns // 1_000_000_000, UTC)
    shift = look.shift_h()
    hint = "" if shift is None else f"; moved by {shift:+d} h all rows would lie in sessions"
    return ConfigError(
        f"{look.outside} of {look.rows} rows lie outside of the market's sessions", kind="out_of_session",
        got=f"{at:%a %Y-%m-%d %H:%M:%S} UTC in row {row}", allowed=f"sessions of {calendar.name} ({calendar.zone})",
        where=str(path), fix=f"mend timezone, date or calendar of the map{hint}",
    )  # fmt: skip
