"""What is to be pinned: of which run, from when to when, as known by when, and which topics."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from replay.tape_time import iso
from schemas.errors import ConfigError
from schemas.topics import Topic, table_row
from streams.namespace import namespace_of

CONTROL = "control"
RAW = "raw."
SETTLED_NS = 60_000_000_000
"""After the end of a range, until what the desk made of it is taken to be committed."""


@dataclass(frozen=True, slots=True)
class Selection:
    """A selection; times in ns UTC.

    Attributes:
        since: First receive time.
        until: The first behind it.
        known_by: What became known later is no part of it.
        namespace: Topic prefix of the run; none for live.
        topics: Names without prefix; none: every archived topic.
    """

    since: int
    until: int
    known_by: int
    namespace: str = ""
    topics: tuple[str, ...] = ()

    @property
    def end(self) -> int:
        """The first time behind what is seen: records later than the cutoff are not known yet."""
        return min(self.until, self.known_by + 1)

    @property
    def cutoff(self) -> int | None:
        """The last time that is known of within the range; None where all of it is."""
        return self.known_by if self.known_by < self.until - 1 else None


def select(
    names: Iterable[str], since: int, until: int, *, now: int, known_by: int | None = None, run: str = "",
    topics: Iterable[str] = (),
) -> Selection:  # fmt: skip
    """A selection that has been checked.

    Args:
        names: All topics that there are.
        since: First receive time, ns.
        until: The first behind it.
        now: Wall time, ns.
        known_by: The cutoff; None: the last moment of the range.
        run: Id; empty or ``live`` for the live tape.
        topics: Names without prefix; ``raw`` alone means every source's.

    Raises:
        ConfigError: The range is empty or has not ended long enough ago, or there is no such run or topic.
    """
    cutoff = until - 1 if known_by is None else known_by
    if until <= since:
        raise ConfigError("the range ends before it begins", kind="pin_range", got=f"{iso(since)} to {iso(until)}",
                          allowed="--to behind --from")  # fmt: skip
    if (end := min(until, cutoff + 1)) > now - SETTLED_NS:
        raise ConfigError(
            "the range has not ended long enough ago", kind="pin_unfinished", got=iso(end),
            allowed=f"{iso(now - SETTLED_NS)}: {SETTLED_NS // 10**9} s ago",
            fix="give an end that has passed, --to; or wait: what was made of it must be committed",
        )  # fmt: skip
    known = list(names)
    namespace = namespace_of(known, run)
    there = [name for name, _ in pinned_topics(known, namespace)]
    wanted = tuple(sorted({found for topic in topics for found in _meant(topic, there)}))
    return Selection(since, until, cutoff, namespace, wanted)


def pinned_topics(names: Iterable[str], namespace: str) -> list[tuple[str, Topic]]:
    """Topics of a run that hold a stretch of time, by name without prefix, with their row of the table; sorted."""
    found = []
    for full in sorted(names):
        name = full.removeprefix(namespace)
        row = table_row(name) if full.startswith(namespace) else None
        if row is not None and (row.kept == "archive" or name == CONTROL):
            found.append((name, row))
    return found


def known_topics(names: Iterable[str], namespace: str) -> list[str]:
    """Topics of a run that are kept for ever because they say what was known: definitions, facts; sorted."""
    rows = ((full.removeprefix(namespace), full) for full in sorted(names) if full.startswith(namespace))
    return [
        name for name, _ in rows if (row := table_row(name)) is not None and row.kept == "for ever" and name != CONTROL
    ]


def _meant(topic: str, there: list[str]) -> list[str]:
    found = [name for name in there if name == topic or (name.startswith(f"{topic}.") and topic in ("raw", "ticks"))]
    if found:
        return found
    raise ConfigError("there is no such topic", kind="pin_topics", got=topic, where="--topics",
                      allowed=", ".join(sorted({_stem(name) for name in there})))  # fmt: skip


def _stem(name: str) -> str:
    """As ``--topics`` has it at the shortest: without the source."""
    stem = name.partition(".")[0]
    return stem if stem in ("raw", "ticks") else name
