"""Commits segments: the file, then its manifest, which is the commit point, then the head of its chain.

A writer that dies leaves whole segments, and at most files that no manifest names; the next one removes those and goes
on where the chain ends.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

from replay.archive.chain import HEADS, LOCKS, Chain, Segment, chain_of, folder_of, heads_of, name_of, places_in
from replay.archive.columns import Columns
from replay.archive.durable import make_folder, refused, sync_folder, write_whole
from replay.archive.manifest import Head, Manifest, corrupt, digest, encode, encode_heads
from replay.archive.parquet import modules, to_parquet
from schemas.errors import ArchiveError
from streams.failpoints import Failpoint, nothing
from streams.log import Place
from streams.namespace import LIVE


class ArchiveWriter:
    """Writes segments of one namespace's topics; no other writer of these may be at work in the folder.

    Args:
        archive: The folder; made where there is none.
        namespace: Topic prefix, none for live.
        failpoint: Called with a name of ``replay.archive.durable.FAILPOINTS`` and the segments committed so far.

    Raises:
        ArchiveError: Another writer is at work, or the folder refuses.
        ConfigError: pyarrow is not installed.
    """

    def __init__(self, archive: Path, namespace: str = "", *, failpoint: Failpoint = nothing) -> None:
        modules()
        self.archive = archive
        self._failpoint = failpoint
        self._committed = 0
        self._chains: dict[Place, Chain] = {}
        self._stack = ExitStack()
        make_folder(archive / LOCKS)
        self._stack.enter_context(_locked(archive, f"{namespace.rstrip('.') or LIVE}.lock", wait=False))
        with _locked(archive, HEADS + ".lock", wait=True):
            if not (archive / HEADS).exists():
                if any(True for _ in places_in(archive)):
                    raise corrupt(archive / HEADS, "a file of the archive is missing")
                write_whole(archive / HEADS, encode_heads({}), "heads", failpoint, 0)

    def chain(self, place: Place) -> Chain:
        """A partition's chain as it stands; what a writer left uncommitted is removed.

        Raises:
            ArchiveError: It is not as it was written.
        """
        if place not in self._chains:
            head = heads_of(self.archive).get(place)
            chain = chain_of(self.archive, place, head).check()
            for path in chain.left:
                path.unlink(missing_ok=True)
            self._chains[place] = replace(chain, left=[])
            if head is not None and head.merging:
                self._set_head(self._chains[place])
        return self._chains[place]

    def commit(self, place: Place, columns: Columns, begin: int, end: int) -> Segment:
        """Commit a segment that covers offsets ``begin`` to below ``end``.

        Raises:
            ArchiveError: The disk is full, or refuses: nothing of the segment is left.
        """
        chain = self.chain(place)
        make_folder(folder_of(self.archive, place))
        segment = self._written(chain, columns, name_of(begin), begin, end, chain.previous)
        chain.segments.append(segment)
        self._set_head(chain)
        return segment

    def merge(self, place: Place, count: int, columns: Columns) -> Segment:
        """Put one segment in the place of the newest ``count``, whose records are given.

        It is committed when the head names it: before that the others count, from then on it alone.

        Raises:
            ArchiveError: The disk is full, or refuses: all is as it was, or the next writer goes on with it.
        """
        chain = self.chain(place)
        before, others = chain.segments[:-count], chain.segments[-count:]
        begin, end = others[0].manifest.begin, others[-1].manifest.end
        name = name_of(begin, end)
        self._set_head(chain, name)
        segment = self._written(chain, columns, name, begin, end, before[-1].sha256 if before else "")
        chain.segments = [*before, segment]
        self._set_head(chain, name)
        for other in others:
            for path in (other.path.with_suffix(".json"), other.path):
                path.unlink(missing_ok=True)
        sync_folder(chain.folder)
        self._set_head(chain)
        return segment

    def close(self) -> None:
        """Let others write."""
        self._stack.close()

    def _written(
        self, chain: Chain, columns: Columns, name: str, begin: int, end: int, previous: str
    ) -> Segment:  # fmt: skip
        """The file of a segment, then its manifest."""
        path = chain.folder / f"{name}.parquet"
        data = to_parquet(columns)
        manifest = Manifest(
            topic=chain.place[0], partition=chain.place[1], begin=begin, end=end, first=columns.offsets[0],
            last=columns.offsets[-1], records=len(columns), first_ns=columns.first_ns, last_ns=columns.last_ns,
            bytes=len(data), sha256=digest(bytes(data)), records_sha256=columns.records_sha256(),
            last_sha256=columns.last_sha256(), previous=previous,
        )  # fmt: skip
        told = encode(manifest)
        write_whole(path, data, "segment", self._failpoint, self._committed)
        try:
            write_whole(path.with_suffix(".json"), told, "manifest", self._failpoint, self._committed)
        except ArchiveError:
            path.unlink(missing_ok=True)
            raise
        self._committed += 1
        return Segment(manifest, path, digest(told))

    def _set_head(self, chain: Chain, merging: str = "") -> None:
        head = Head(
            topic=chain.place[0], partition=chain.place[1], segments=len(chain.segments), manifest=chain.previous,
            merging=merging,
        )  # fmt: skip
        with _locked(self.archive, HEADS + ".lock", wait=True):
            heads = heads_of(self.archive)
            heads[chain.place] = head
            write_whole(self.archive / HEADS, encode_heads(heads), "heads", self._failpoint, self._committed)


@contextmanager
def _locked(archive: Path, name: str, *, wait: bool) -> Iterator[None]:
    """Hold an advisory lock; it ends with the process, however that ends."""
    path = archive / LOCKS / name
    try:
        descriptor = os.open(path, os.O_CREAT | os.O_RDWR, 0o644)
    except OSError as error:
        raise refused(error, path) from error
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            raise ArchiveError(
                "another process archives these topics", kind="busy", where=str(path), fix="let it, or end it first"
            ) from None
        yield
    finally:
        os.close(descriptor)
