"""What the pin commands do: from flags to a selection, and the work under a line of progress."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import msgspec

from agents.topology_file import TopologyFile, read_as
from console.progress import Progress
from console.recorded import open_recorded
from replay.calendars import calendar_named
from replay.pins.manifest import Manifest
from replay.pins.pinning import event_of, find, pin
from replay.pins.selection import Selection, select
from replay.pins.tags import check_name, give
from replay.pins.verifying import Verdict, verify
from replay.replay_what import time_ns
from schemas.errors import ConfigError
from schemas.pin_tag import PinTagged
from streams.clock import wall_ns
from streams.log import Log
from streams.people import Written

TOPOLOGY = Path("topology.toml")


@dataclass(frozen=True, slots=True)
class Range:
    """The flags as given; empty where a flag was not."""

    day: str = ""
    since: str = ""
    until: str = ""
    known_by: str = ""
    session: str = ""
    topics: tuple[str, ...] = ()
    run: str = ""

    def times(self) -> tuple[int, int]:
        """The range, ns UTC.

        Raises:
            ConfigError: A flag is missing, or says what another says too.
        """
        since, until = time_ns(self.since, "--from"), time_ns(self.until, "--to")
        if self.day and (since is not None or until is not None):
            raise ConfigError("a day has its own beginning and end", kind="flags_conflict",
                              got="--day with --from or --to", allowed="--day, or --from and --to")  # fmt: skip
        if self.day:
            return self._session()
        if self.session:
            raise ConfigError("a calendar says what a day is", kind="flags_conflict", got="--session without --day",
                              allowed="--day D --session CALENDAR")  # fmt: skip
        if since is None or until is None:
            raise ConfigError("no range", kind="flags_conflict", got="neither --day nor both --from and --to",
                              allowed="--day D, or --from T --to T")  # fmt: skip
        return since, until

    def selection(self, log: Log) -> Selection:
        """What is meant in a log.

        Raises:
            ConfigError: See ``replay.pins.selection.select``.
        """
        since, until = self.times()
        return select(
            log.names(), since, until, now=wall_ns(), known_by=time_ns(self.known_by, "--known-by"), run=self.run,
            topics=self.topics,
        )  # fmt: skip

    def _session(self) -> tuple[int, int]:
        calendar = calendar_named(self.session)
        try:
            session = calendar.session(date.fromisoformat(self.day))
        except ValueError:
            raise ConfigError("not a day", kind="bad_time", got=self.day, allowed="e.g. 2026-11-23",
                              where="--day") from None  # fmt: skip
        if session is None:
            raise ConfigError("the market is closed on that day", kind="nothing_recorded", got=self.day,
                              where=calendar.name)  # fmt: skip
        return session.since, session.until


def created(
    bootstrap: str, name: str, wanted: Range, topology: Path | None, author: str, reason: str, *, quiet: bool
) -> Manifest:  # fmt: skip
    """Pin, and let the name mean it.

    Raises:
        TapedeckError: It cannot be pinned, or the name is taken.
    """
    check_name(name)
    source = _source(topology)
    wanted.times()
    log = open_recorded(bootstrap)
    try:
        with _told("pinning", quiet=quiet) as told:
            manifest = pin(log, wanted.selection(log), ts=wall_ns(), source=source, on_progress=told)
        give(log, event_of(manifest, name, author, reason, wall_ns()), moves=False)
        return manifest
    finally:
        log.close()


def verified(bootstrap: str, text: str, *, quiet: bool) -> Verdict:
    """Find a pin and hold the log to it.

    Raises:
        TapedeckError: There is no such pin, or the log cannot be read.
    """
    log = open_recorded(bootstrap)
    try:
        manifest = find(log, text)
        with _told("verifying", quiet=quiet) as told:
            return verify(log, manifest, told)
    finally:
        log.close()


def tagged(bootstrap: str, text: str, name: str, author: str, reason: str) -> tuple[Written | None, PinTagged]:
    """Let a name mean a pin; where it was written, None where it was so already.

    Raises:
        TapedeckError: There is no such pin, it is no name, or it cannot be written.
    """
    check_name(name)
    log = open_recorded(bootstrap)
    try:
        event = event_of(find(log, text), name, author, reason, wall_ns())
        return give(log, event, moves=True), event
    finally:
        log.close()


def _source(topology: Path | None) -> dict[str, str]:
    """The ``[source]`` table of a topology file."""
    if topology is None and not TOPOLOGY.is_file():
        return {}
    settings: TopologyFile = read_as(topology or TOPOLOGY, TopologyFile, "topology")
    return {key: value for key, value in msgspec.structs.asdict(settings.source).items() if value}


@contextmanager
def _told(title: str, *, quiet: bool) -> Iterator[Callable[[int], None]]:
    """How many records have been read, on a terminal."""
    if quiet:
        yield lambda _more: None
        return
    read = 0
    with Progress(title) as progress:

        def told(more: int) -> None:
            nonlocal read
            read += more
            progress.tell("records", read)

        yield told
