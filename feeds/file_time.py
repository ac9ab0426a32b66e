"""Times as files write them, to ns UTC.

=========================================  ============================================================
``time``                                   a row's time is
=========================================  ============================================================
``ns``, ``us``, ``ms``, ``s``              since 1970, UTC
``ms since midnight`` (or another unit)    on the map's ``date``, in its ``timezone``, as clocks showed it
``iso``                                    ISO 8601; without an offset of its own in ``timezone``
a format with ``%``                        as ``strptime`` reads it, in ``timezone``
=========================================  ============================================================
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from difflib import get_close_matches
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from schemas.errors import ConfigError

UNITS = {"ns": 1, "us": 1_000, "ms": 1_000_000, "s": 1_000_000_000}
MIDNIGHT = " since midnight"
DAY_NS = 86_400_000_000_000
QUARTER_NS = 900_000_000_000
"""Clocks of zones are put on or back at quarters of an hour."""
STEP_NS = 1_800_000_000_000
"""Times that step back by as much have begun an hour anew."""
NAME = "name:"
TEXT_CHARS_MAX = 64
_EPOCH = datetime(1970, 1, 1)
_US = timedelta(microseconds=1)
_FINE = re.compile(r"([.,]\d{6})(\d{1,3})\d*")
"""A fraction of more digits than ``datetime`` keeps: the first six, and what is behind them."""
_DIGITS = {"%Y": r"\d{4}", "%m": r"\d{2}", "%d": r"\d{2}", "%y": r"\d{2}", "%j": r"\d{3}"}


class TimeReader:
    """Reads the times of one file.

    Args:
        time: Unit or format.
        timezone: IANA name; may be empty for what counts from 1970.
        day: Date, ISO; or ``name:`` and a format, which is looked for in the file's name; empty where not needed.
        name: The file's.
        where: The map, for errors.

    Raises:
        ConfigError: No such unit, zone or date.
    """

    def __init__(self, time: str, timezone: str, day: str, name: str, where: str) -> None:
        unit = time.removesuffix(MIDNIGHT)
        self._of_day = time.endswith(MIDNIGHT)
        if unit not in UNITS and time != "iso" and "%" not in time:
            raise ConfigError(
                "not a unit or format of time", kind="map_time", got=time,
                allowed='ns, us, ms, s, one of them "since midnight", iso, or a format with %', where=f"{where}: time",
            )  # fmt: skip
        self._scale = UNITS.get(unit, 0)
        self._format = time
        self._zone = None if self._scale and not self._of_day else _zone(timezone, where)
        self._midnight = 0
        if self._of_day:
            self._midnight = (datetime.combine(_day(day, name, where), datetime.min.time()) - _EPOCH) // _US * 1_000
        self._quarter = -1
        self._offsets = (0, 0)
        self._fine = time == "iso" or "%f" in time
        self.begin()

    def begin(self) -> None:
        """The file is read from its first row."""
        self._shown, self._second = -1, False

    def ns(self, text: str) -> int | None:
        """A time, ns UTC; None where it is none."""
        if not self._scale:
            return self._from_text(text)
        if not (text.isascii() and text.isdigit() and len(text) <= 19):
            return None
        ns = int(text) * self._scale
        if not self._of_day:
            return ns if ns < 2**63 else None
        return self._local(self._midnight + ns) if ns < DAY_NS else None

    def _from_text(self, text: str) -> int | None:
        if len(text) > TEXT_CHARS_MAX:
            return None
        fine = _FINE.search(text) if self._fine else None
        rest = int(fine[2].ljust(3, "0")) if fine else 0
        text = _FINE.sub(r"\1", text, count=1) if fine else text
        try:
            found = datetime.fromisoformat(text) if self._format == "iso" else datetime.strptime(text, self._format)
            if found.tzinfo is None:
                return self._local((found - _EPOCH) // _US * 1_000 + rest)
            utc = (found - _EPOCH.replace(tzinfo=UTC)) // _US * 1_000 + rest
        except (ValueError, OverflowError):
            return None
        return utc if 0 <= utc < 2**63 else None

    def _local(self, ns: int) -> int | None:
        """From what a clock of the zone shows, as ns since 1970; None in an hour that the clock left out.

        An hour that the clock showed twice is the first time's, until times step back by half an hour or more: a file
        is in the order of time, but for what is late by a little.
        """
        quarter = ns // QUARTER_NS
        if quarter != self._quarter:
            self._quarter, self._offsets = quarter, self._looked_up(quarter)
        first, second = self._offsets
        if first < second:
            return None
        stepped, self._shown = self._shown - ns >= STEP_NS, ns
        self._second = first > second and (self._second or stepped)
        utc = ns - (second if self._second else first)
        return utc if 0 <= utc < 2**63 else None

    def _looked_up(self, quarter: int) -> tuple[int, int]:
        """Offsets of a clock that shows this quarter of an hour for the first time and for the second, ns."""
        shown = (_EPOCH + timedelta(minutes=15 * quarter)).replace(tzinfo=self._zone)
        first, second = ((shown.replace(fold=fold).utcoffset() or timedelta()) // _US * 1_000 for fold in (0, 1))
        return first, second


def _zone(name: str, where: str) -> ZoneInfo:
    try:
        if name:
            return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        pass
    near = get_close_matches(name, available_timezones(), 3, 0.5) or ["UTC", "America/New_York", "Europe/London"]
    raise ConfigError("no such time zone" if name else "times need a zone", kind="map_timezone", got=name or "none",
                      allowed=", ".join(near), where=f"{where}: timezone")  # fmt: skip


def _day(text: str, name: str, where: str) -> date:
    """The date of times of day.

    >>> _day("name:%Y%m%d", "20140501_quote.zip", "map.toml"), _day("2014-05-01", "", "map.toml")
    (datetime.date(2014, 5, 1), datetime.date(2014, 5, 1))
    """
    try:
        if not text.startswith(NAME):
            return date.fromisoformat(text)
        form = text.removeprefix(NAME)
        pattern = re.sub(r"%.", lambda found: _DIGITS.get(found[0], r"\w+"), re.escape(form).replace(r"\%", "%"))
        found = re.search(pattern, name)
        if found is not None:
            return datetime.strptime(found[0], form).date()
    except (ValueError, re.error):
        pass
    raise ConfigError(
        "no date of the times of day", kind="map_date", got=f"{text or 'none'} in {name}",
        allowed='a day, e.g. "2014-05-01", or where the file\'s name has it, e.g. "name:%Y%m%d"',
        where=f"{where}: date",
    )  # fmt: skip
