"""Records out of the archive: a segment at a time, checked whole before any of it is given out."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator

from replay.archive.chain import Chain, Segment, current
from replay.archive.columns import Columns
from replay.archive.manifest import corrupt, digest, read
from replay.archive.parquet import from_parquet


def loaded(segment: Segment) -> Columns:
    """A segment's records.

    Raises:
        ArchiveError: The file is not what its manifest says; named.
    """
    manifest = segment.manifest
    data = read(segment.path)
    if len(data) != manifest.bytes:
        raise corrupt(segment.path, "a segment is cut or longer than it was", got=f"{len(data)} bytes",
                      allowed=f"{manifest.bytes} bytes")  # fmt: skip
    if digest(data) != manifest.sha256:
        raise corrupt(segment.path, "a segment's bytes are not what was written")
    columns = from_parquet(data, segment.path)
    if len(columns) != manifest.records or (columns.offsets[0], columns.offsets[-1]) != (manifest.first, manifest.last):
        raise corrupt(segment.path, "a segment's records are not what its manifest says", got=f"{len(columns)} records",
                      allowed=f"{manifest.records} records, {manifest.first} to {manifest.last}")  # fmt: skip
    return columns


def columns_from(chain: Chain, start: int, end: int) -> Iterator[tuple[Columns, int, int]]:
    """Segments with records at offsets from ``start`` to below ``end``, and which part of each is meant.

    Raises:
        ArchiveError: A segment is corrupt; none of its records is given out.
    """
    at = start
    while at < end:
        following = bisect_left(chain.segments, at + 1, key=lambda segment: segment.manifest.end)
        segment = next(iter(chain.segments[following : following + 1]), None)
        if segment is None or segment.manifest.begin >= end:
            return
        if not segment.path.exists():
            chain = current(chain.folder.parent.parent, chain.place).check()
            continue  # it was merged into another since the chain was looked at
        columns = loaded(segment)
        a, b = (bisect_left(columns.offsets, offset) for offset in (at, end))
        if b > a:
            yield columns, a, b
        at = segment.manifest.end
