"""Small segments of a chain merged into one: who follows a live log commits many, and a day must not be thousands."""

from __future__ import annotations

from collections.abc import Iterable

from replay.archive.chain import Segment
from replay.archive.columns import Columns
from replay.archive.reading import loaded
from replay.archive.writer import ArchiveWriter
from streams.log import Place

MERGE_AT = 64
"""So many newest segments that fit into one are merged."""


def merge_small(writer: ArchiveWriter, place: Place, records_max: int, bytes_max: int) -> int:
    """Merge the newest segments of a chain, as many as fit into one, once there are ``MERGE_AT``; returns how many.

    Each is read and held to its manifest before it gives way.

    Raises:
        ArchiveError: One is corrupt, or the disk refuses.
    """
    segments = writer.chain(place).segments
    if _fitting(segments, records_max) < MERGE_AT:
        return 0
    taken: list[tuple[Segment, Columns]] = []
    size = records = 0
    for segment in reversed(segments):
        columns = loaded(segment)
        size += columns.measure()
        records += len(columns)
        if size > bytes_max or records > records_max:
            break
        taken.append((segment, columns))
    if len(taken) > 1:
        writer.merge(place, len(taken), _joined(reversed(taken)))
    return len(taken)


def _fitting(segments: list[Segment], records_max: int) -> int:
    """How many of the newest have no more records together than one may."""
    records = 0
    for number, segment in enumerate(reversed(segments)):
        records += segment.manifest.records
        if records > records_max:
            return number
    return len(segments)


def _joined(parts: Iterable[tuple[Segment, Columns]]) -> Columns:
    whole = Columns()
    for segment, columns in parts:
        first = not whole.offsets
        for name in ("offsets", "timestamps", "keys", "values", "headers"):
            getattr(whole, name).extend(getattr(columns, name))
        manifest = segment.manifest
        whole.first_ns = manifest.first_ns if first else min(whole.first_ns, manifest.first_ns)
        whole.last_ns = max(whole.last_ns, manifest.last_ns) if not first else manifest.last_ns
    return whole
