"""What a replay is asked for: a day, the live tape, a run, or a pin; to the stretch of a recording that is meant."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from difflib import get_close_matches
from pathlib import Path

from replay.pins.manifest import Manifest
from replay.pins.pinning import find, is_prefix, known_as
from replay.pins.playing import open_pin
from replay.recording import Recording
from replay.spans import open_spans
from schemas.errors import ConfigError
from streams.log import Log
from streams.namespace import LIVE, namespaces

NANOS = 1_000_000_000
NAMES_SHOWN_MAX = 5


@dataclass(frozen=True, slots=True)
class Asked:
    """A stretch as it was asked for.

    Attributes:
        what: The words.
        namespace: Of the run that is meant; none for live.
        since_ns: First receive time; None: from the first record on.
        until_ns: The first receive time behind it; None: to the end.
        pin: The pin that is meant.
    """

    what: str
    namespace: str = ""
    since_ns: int | None = None
    until_ns: int | None = None
    pin: Manifest | None = None

    def open(self, log: Log, folder: Path = Path()) -> tuple[Recording, ...]:
        """The recording: a span of it for each run that made it; that of a pin once the log has been found to hold it.

        Raises:
            ConfigError, SnapshotError: See ``replay.spans.open_spans``.
            StateDiverged: The log does not hold what was pinned.
        """
        if self.pin is not None:
            return (open_pin(log, self.pin, folder),)
        return open_spans(
            log, self.namespace, since_ns=self.since_ns, until_ns=self.until_ns, folder=folder
        )  # fmt: skip


def asked_for(log: Log, what: str, since: str = "", until: str = "") -> Asked:
    """What ``what`` means.

    Args:
        log: Where runs and names of pins are looked for.
        what: ``live``, a UTC day (``2026-11-23``), a run id, a pin's name or tag, or digits of its id.
        since: A closer beginning, ISO time UTC.
        until: A closer end.

    Raises:
        ConfigError: None of them; names those that are near.
    """
    first, after = (time_ns(text, flag) for text, flag in ((since, "--from"), (until, "--to")))
    if (day := day_of(what)) is not None:
        begin = datetime(day.year, day.month, day.day, tzinfo=UTC)
        return Asked(what, "", first or _ns(begin), after or _ns(begin + timedelta(days=1)))
    if what == LIVE:
        return Asked(what, "", first, after)
    known = namespaces(log.names())
    if what in known:
        return Asked(what, known[what], first, after)
    pins = known_as(log)
    if what in pins or is_prefix(what):
        if first is not None or after is not None:
            raise ConfigError("a pin is replayed whole", kind="pin_whole", got=since or until,
                              where="--from-time" if since else "--to-time")  # fmt: skip
        found = find(log, what)
        selection = found.selection
        return Asked(what, selection.namespace, selection.since, selection.selection.end, found)
    names = [LIVE, *known, *pins]
    near = get_close_matches(what, names, NAMES_SHOWN_MAX, 0.4) or names[-NAMES_SHOWN_MAX:]
    raise ConfigError(
        "there is no such day, pin or run", kind="unknown_tape", got=what, allowed=", ".join(near),
        fix="name a day as 2026-11-23, live, a pin of tapedeck pin list, or a run of tapedeck replay list",
    )  # fmt: skip


def day_of(text: str) -> date | None:
    """A day as 2026-11-23; None where a text is none."""
    try:
        return date.fromisoformat(text) if len(text) == len("2026-11-23") else None
    except ValueError:
        return None


def time_ns(text: str, flag: str) -> int | None:
    """A time as it was typed, ns UTC; None where none was.

    Raises:
        ConfigError: Not ISO.
    """
    if not text:
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise ConfigError(
            "not a time", kind="bad_time", got=text, allowed="ISO, e.g. 2026-11-23T14:30:00", where=flag
        ) from None
    return _ns(at if at.tzinfo else at.replace(tzinfo=UTC))


def _ns(at: datetime) -> int:
    return round(at.replace(microsecond=0).timestamp()) * NANOS + at.microsecond * 1_000
