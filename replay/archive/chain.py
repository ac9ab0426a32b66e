"""The segments of a partition, in order, each bound to the one before by the hash of its manifest."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from replay.archive.manifest import Head, Manifest, decode_heads, decode_manifest, digest
from schemas.errors import ArchiveError
from streams.clock import sleep_s
from streams.log import Place

HEADS = "heads.json"
LOCKS = "locks"
DIGITS = 20
LOOKS_MAX = 3
LOOK_S = 0.02
"""Between two looks at a chain: longer than a commit is under way."""
_FILE = re.compile(rf"(\d{{{DIGITS}}})(-\d{{{DIGITS}}})?\.(json|parquet)")
_LEFT = re.compile(rf"\d{{{DIGITS}}}(-\d{{{DIGITS}}})?\.(json|parquet)\.new")
TOPIC = re.compile(r"[A-Za-z0-9._-]+")


@dataclass(frozen=True, slots=True)
class Segment:
    """One segment: ``path`` of its file, ``sha256`` of its manifest."""

    manifest: Manifest
    path: Path
    sha256: str


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that is not as it was written.

    Attributes:
        file: The file.
        what: What is wrong with it.
        offset: The first offset that it is about; -1: no offset.
    """

    file: Path
    what: str
    topic: str = ""
    partition: int = -1
    offset: int = -1

    def error(self) -> ArchiveError:
        """As the error that a reader gets."""
        at = f" ({self.topic}[{self.partition}]@{self.offset})" if self.topic else ""
        return ArchiveError(
            self.what, kind="corrupt", where=f"{self.file}{at}",
            fix="bring it back from a copy; tapedeck archive verify names every one",
        )  # fmt: skip


@dataclass(slots=True)
class Chain:
    """A partition's segments.

    Attributes:
        folder: Where they lie.
        segments: In order of offsets.
        left: Files of a writer that died before it committed: no part of the archive, removed by the next one.
        problems: What is wrong.
    """

    place: Place
    folder: Path
    segments: list[Segment] = field(default_factory=list)
    left: list[Path] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)

    @property
    def begin(self) -> int:
        """First offset covered."""
        return self.segments[0].manifest.begin if self.segments else 0

    @property
    def end(self) -> int:
        """The offset after the last that is covered."""
        return self.segments[-1].manifest.end if self.segments else 0

    @property
    def previous(self) -> str:
        """Hash of the newest manifest."""
        return self.segments[-1].sha256 if self.segments else ""

    def check(self) -> Chain:
        """Itself, where nothing is wrong.

        Raises:
            ArchiveError: The first thing that is wrong.
        """
        if self.problems:
            raise self.problems[0].error()
        return self


def folder_of(archive: Path, place: Place) -> Path:
    """Where a partition's segments lie."""
    return archive / place[0] / str(place[1])


def name_of(begin: int, end: int | None = None) -> str:
    """Name, without its ending, of the files of the segment that begins there; of a merged one with its end too."""
    return f"{begin:0{DIGITS}}" if end is None else f"{begin:0{DIGITS}}-{end:0{DIGITS}}"


def heads_of(archive: Path) -> dict[Place, Head]:
    """Heads by place.

    Raises:
        ArchiveError: The file is missing or not as it was written.
    """
    return decode_heads(archive / HEADS)


def places_in(archive: Path) -> Iterator[Place]:
    """Partitions that have a folder, in order."""
    if archive.is_dir():
        for topic in sorted(archive.iterdir()):
            if topic.is_dir() and topic.name != LOCKS:
                partitions = [int(p.name) for p in topic.iterdir() if p.is_dir() and p.name.isdecimal()]
                yield from ((topic.name, partition) for partition in sorted(partitions))


def archived_ends(archive: Path, namespace: str) -> dict[Place, int]:
    """The offset after the last that each partition's chain covers, by topic without the prefix; none: no archive.

    Raises:
        ArchiveError: The archive is not as it was written.
    """
    if not (archive / HEADS).exists():
        return {}
    return {
        (topic.removeprefix(namespace), partition): current(archive, (topic, partition)).check().end
        for topic, partition in heads_of(archive)
        if topic.startswith(namespace)
    }


def current(archive: Path, place: Place) -> Chain:
    """A partition's chain as it is now, while a writer may be at work: what looks wrong is looked at again.

    Raises:
        ArchiveError: The heads are missing, or not as they were written.
    """
    for _ in range(LOOKS_MAX - 1):
        chain = chain_of(archive, place, heads_of(archive).get(place))
        if not chain.problems:
            return chain
        sleep_s(LOOK_S)
    return chain_of(archive, place, heads_of(archive).get(place))


def chain_of(archive: Path, place: Place, head: Head | None) -> Chain:
    """A partition's chain, examined as far as manifests tell; files are not read."""
    chain = Chain(place, folder_of(archive, place))
    files = _files(chain, head)
    for begin in sorted({begin for begin, _ in files}):
        _link(chain, begin, files)
    _hold_to(chain, head)
    return chain


def _files(chain: Chain, head: Head | None) -> dict[tuple[int, str], Path]:
    found: dict[tuple[int, str], Path] = {}
    given_way = _given_way(chain.folder, head)
    for path in sorted(chain.folder.iterdir()) if chain.folder.is_dir() else ():
        match = _FILE.fullmatch(path.name)
        key = None if match is None else (int(match[1]), match[3])
        if key is not None and path.is_file() and given_way(path.stem, key[0]):
            chain.left.append(path)
        elif key is not None and path.is_file() and key not in found:
            found[key] = path
        elif _LEFT.fullmatch(path.name):
            chain.left.append(path)
        else:
            chain.problems.append(Problem(path, "a file that no segment names", *chain.place))
    return found


def _given_way(folder: Path, head: Head | None) -> Callable[[str, int], bool]:
    """While segments are being merged: which files are no part of the chain, by name and beginning.

    The head decides: until it names the merged segment, that one is not committed; from then on those are not that it
    took the place of.
    """
    if head is None or not head.merging:
        return lambda _name, _begin: False
    first, after = (int(part) for part in head.merging.split("-"))
    listed = folder / f"{head.merging}.json"
    committed = listed.exists() and digest(listed.read_bytes()) == head.manifest
    if not committed:
        return lambda name, _begin: name == head.merging
    return lambda name, begin: name != head.merging and first <= begin < after


def _link(chain: Chain, begin: int, files: dict[tuple[int, str], Path]) -> None:
    """Add the segment that begins there, or say why not."""
    path, listed = files.get((begin, "parquet")), files.get((begin, "json"))
    if listed is None:
        newest = begin == max(b for b, _ in files) and (begin == chain.end or not chain.segments)
        if path is not None and newest:
            chain.left.append(path)  # named, but not committed
        else:
            chain.problems.append(Problem(path or chain.folder, "a segment without a manifest", *chain.place, begin))
        return
    try:
        manifest, sha256 = decode_manifest(listed)
    except ArchiveError as error:
        chain.problems.append(Problem(listed, error.message, *chain.place, begin))
        return
    wrong = _wrong(chain, manifest, begin, listed.stem)
    if wrong:
        chain.problems.append(Problem(listed, wrong, *chain.place, begin))
    if path is None:
        path = listed.with_suffix(".parquet")
        chain.problems.append(Problem(path, "a segment is missing", *chain.place, begin))
    chain.segments.append(Segment(manifest, path, sha256))


def _wrong(chain: Chain, manifest: Manifest, begin: int, name: str) -> str:
    whole = name_of(begin, manifest.end)
    if (manifest.topic, manifest.partition, manifest.begin) != (*chain.place, begin) or (
        name not in (name_of(begin), whole)
    ):
        return f"a manifest of another place: {manifest.topic}[{manifest.partition}]@{manifest.begin}"
    if not manifest.begin <= manifest.first <= manifest.last < manifest.end:
        return "a manifest whose offsets contradict one another"
    if manifest.previous != chain.previous:
        if not chain.segments:
            return "the chain does not begin here: a manifest before it is missing"
        before = chain.segments[-1]
        listed = before.path.with_suffix(".json")
        what = "a manifest is another than the one that the next was chained to"
        chain.problems.append(Problem(listed, what, *chain.place, before.manifest.begin))
    if chain.segments and manifest.begin != chain.end:
        return f"segments are missing before it: offsets {chain.end} to {manifest.begin - 1}"
    return ""


def _hold_to(chain: Chain, head: Head | None) -> None:
    """A commit is a manifest, then the head: the head may lag by one, and never lead."""
    known = 0 if head is None else head.segments
    have = len(chain.segments)
    if have not in (known, known + 1):
        what = f"{have} segments of the {known} that were committed"
        chain.problems.append(Problem(chain.folder, what, *chain.place, chain.end))
    elif head is not None and known and chain.segments[known - 1].sha256 != head.manifest:
        at = chain.segments[known - 1]
        chain.problems.append(Problem(at.path.with_suffix(".json"), "the newest manifest is another than was committed",
                                      *chain.place, at.manifest.begin))  # fmt: skip
