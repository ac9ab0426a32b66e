"""Records out of the archive: a segment at a time, checked whole before any of it is given out.

Whoever reads on finds the segments that follow loaded: threads check and decompress them meanwhile, without Python's
lock. Whoever wants a place alone loads one.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

from replay.archive.chain import Chain, Segment, current
from replay.archive.columns import Columns
from replay.archive.manifest import corrupt, digest, read
from replay.archive.parquet import from_parquet
from schemas.errors import ArchiveError

AHEAD = 2
"""Segments that are loaded before they are asked for, each by a thread of its own."""


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
        first = bisect_left(chain.segments, at + 1, key=lambda segment: segment.manifest.end)
        after = bisect_left(chain.segments, end, key=lambda segment: segment.manifest.begin)
        for segment, columns in _in_turn(chain.segments[first:after]):
            if columns is None:
                chain = current(chain.folder.parent.parent, chain.place).check()
                break
            a, b = (bisect_left(columns.offsets, offset) for offset in (at, end))
            if b > a:
                yield columns, a, b
            at = segment.manifest.end
        else:
            return


def _in_turn(segments: Sequence[Segment]) -> Iterator[tuple[Segment, Columns | None]]:
    """Each segment's records; behind the first, those that follow are loaded ahead."""
    if segments:
        yield segments[0], _if_there(segments[0])
    if len(segments) < 2:
        return
    left = iter(segments[1:])
    threads = ThreadPoolExecutor(AHEAD, thread_name_prefix="archive")
    try:
        ahead: deque[tuple[Segment, Future[Columns | None]]] = deque()
        while True:
            while len(ahead) < AHEAD and (segment := next(left, None)) is not None:
                ahead.append((segment, threads.submit(_if_there, segment)))
            if not ahead:
                return
            told, future = ahead.popleft()
            columns = future.result()
            if (segment := next(left, None)) is not None:
                ahead.append((segment, threads.submit(_if_there, segment)))
            yield told, columns
            del columns, future  # the memory of one segment, while the next is waited for
    finally:
        threads.shutdown(wait=False, cancel_futures=True)


def _if_there(segment: Segment) -> Columns | None:
    """A segment's records; None: it was merged into another since the chain was looked at."""
    try:
        return loaded(segment) if segment.path.exists() else None
    except ArchiveError:
        if segment.path.exists():
            raise
        return None
