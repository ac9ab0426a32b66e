"""Small tick frames joined to large ones: what a record costs is paid for thousands of ticks instead of a few.

Framing is never part of what rows mean. Which frames are joined follows from the recording alone, so a later life of a
feed joins the same ones.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from replay.due import Due
from schemas.catalog import TICK_SCHEMA
from schemas.header import Header
from streams.frame import FRAME_ROWS_MAX


def in_large_frames(dues: Iterable[Due], rows_max: int = FRAME_ROWS_MAX) -> Iterator[Due]:
    """Records of one partition, with tick frames that follow each other joined to at most ``rows_max`` rows.

    A joined one is due when its last part is. Stamps are those of its first part: a replay makes its own.
    """
    held: list[Due] = []
    rows = 0
    for due in dues:
        count = 0 if due.header is None else due.header.count
        if held and not (rows + count <= rows_max and _follows(held[-1].header, due.header)):
            yield _joined(held, rows)
            held, rows = [], 0
        held.append(due)
        rows += count
    if held:
        yield _joined(held, rows)


def _follows(before: Header | None, header: Header | None) -> bool:
    """Whether a frame goes on where another ended, by the same writer and in the same way."""
    return (
        before is not None
        and header is not None
        and header.schema == before.schema == TICK_SCHEMA.number
        and header.version == before.version
        and header.seq == before.seq + before.count
        and header.writer == before.writer
        and header.hops == before.hops
    )


def _joined(dues: list[Due], rows: int) -> Due:
    if len(dues) == 1:
        return dues[0]
    first, last = dues[0].header, dues[-1]
    assert first is not None and last.header is not None, "what has no header follows nothing"  # noqa: PT018
    header = msgspec.structs.replace(
        first, count=rows, cause=max(last.header.cause + last.header.count - rows, 0), sides=(), stamps=first.stamps[:1]
    )
    record = msgspec.structs.replace(last.record, value=b"".join([due.record.value for due in dues]))
    return Due(last.time, last.partition, record, header)
