"""Finds whatever in an archive is not as it was written: flipped, missing, cut, swapped or added, and says where."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

from replay.archive.chain import HEADS, LOCKS, TOPIC, Chain, Problem, Segment, chain_of, current, heads_of, places_in
from replay.archive.columns import log_time
from replay.archive.day_cuts import DAY_NS
from replay.archive.durable import NEW
from replay.archive.manifest import Head, Manifest
from replay.archive.reading import loaded
from schemas.errors import ArchiveError, ConfigError
from streams.log import Place

Progress = Callable[[str, int], None]


@dataclass(slots=True)
class Verified:
    """What was found.

    Attributes:
        problems: In order of topics and offsets.
        left: Files that a writer left uncommitted when it died: no part of the archive.
    """

    segments: int = 0
    records: int = 0
    bytes: int = 0
    problems: list[Problem] = field(default_factory=list)
    left: list[Path] = field(default_factory=list)


def chains_in(archive: Path) -> tuple[list[Chain], list[Problem]]:
    """All chains of an archive, and what is wrong with it as a whole.

    Raises:
        ConfigError: There is no archive.
    """
    heads: dict[Place, Head] = {}
    problems = []
    places = set(places_in(archive))
    if not places and not (archive / HEADS).exists():
        raise ConfigError("nothing has been archived", kind="no_archive", where=str(archive),
                          fix="write one: tapedeck archive write; or name its folder: --archive")  # fmt: skip
    try:
        heads = heads_of(archive)
    except ArchiveError as error:
        problems.append(Problem(archive / HEADS, error.message))
        # Without the heads no chain can be held to its end: each is taken as long as it is.
        return [chain_of(archive, place, None) for place in sorted(places)], problems
    problems += [Problem(path, "a file that nothing of the archive names") for path in _strays(archive)]
    return [current(archive, place) for place in sorted(places | set(heads))], problems


def verify(
    archive: Path, day: int | None = None, on_progress: Progress = lambda _what, _count: None
) -> Verified:  # fmt: skip
    """Read all of an archive; with ``day``, days since 1970 UTC, all manifests, but only segments with records of it.

    Raises:
        ConfigError: There is no archive, or pyarrow is not installed.
    """
    chains, problems = chains_in(archive)
    found = Verified(problems=problems)
    for chain in chains:
        found.problems += chain.problems
        found.left += chain.left
        counted: list[Manifest] = []
        for segment, what in _as_they_are(archive, chain, day):
            manifest = segment.manifest
            while counted and counted[-1].begin >= manifest.begin:  # merged into this one since
                _count(found, counted.pop(), -1)
            counted.append(manifest)
            _count(found, manifest, 1)
            on_progress("records", found.records)
            if what:
                found.problems.append(Problem(segment.path, what, *chain.place, manifest.begin))
    return found


def _count(found: Verified, manifest: Manifest, times: int) -> None:
    found.segments += times
    found.records += times * manifest.records
    found.bytes += times * manifest.bytes


def _as_they_are(archive: Path, chain: Chain, day: int | None) -> Iterator[tuple[Segment, str]]:
    """A chain's segments, and what is wrong with each; where one was merged into another meanwhile, that one."""
    segments, at = chain.segments, -1
    known = {problem.file for problem in chain.problems}
    while (segment := next((s for s in segments if s.manifest.end > at), None)) is not None:
        manifest = segment.manifest
        if day is None or manifest.first_ns // DAY_NS <= day <= manifest.last_ns // DAY_NS:
            what = "" if segment.path in known else _wrong(segment)
            # It may have given way before it was read, or while it was.
            if what and not segment.path.exists() and not (now := current(archive, chain.place)).problems:
                segments = now.segments
                continue
            yield segment, what
        at = manifest.end


def _wrong(segment: Segment) -> str:
    """What is wrong with a segment; empty where nothing is."""
    try:
        columns = loaded(segment)
    except ArchiveError as error:
        return error.message
    manifest = segment.manifest
    if any(a >= b for a, b in pairwise(columns.offsets)):
        return "a segment's offsets do not grow"
    times = [log_time(record) for record in columns.part("", 0, 0, len(columns))]
    if (min(times), max(times)) != (manifest.first_ns, manifest.last_ns):
        return "a segment's log times are not what its manifest says"
    if columns.records_sha256() != manifest.records_sha256 or columns.last_sha256() != manifest.last_sha256:
        return "a segment's records are not what was archived"
    return ""


def _strays(archive: Path) -> Iterator[Path]:
    """What lies beside chains and is none of the archive's."""
    for path in sorted(archive.iterdir()):
        if path.name == LOCKS:
            yield from (p for p in sorted(path.iterdir()) if p.suffix != ".lock" or p.stat().st_size)
        elif path.is_dir() and TOPIC.fullmatch(path.name):
            yield from (p for p in sorted(path.iterdir()) if not (p.is_dir() and p.name.isdecimal()))
        elif path.name not in (HEADS, HEADS + NEW):
            yield path
