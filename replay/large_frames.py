"""Small tick frames joined to large ones: what a record costs is paid for thousands of ticks instead of a few.

Framing is never part of what rows mean. Which frames are joined follows from the recording alone, so a later life of a
feed joins the same ones.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import msgspec

from replay.due import Due
from schemas.catalog import TICK_SCHEMA
from schemas.header import Header
from streams.frame import FRAME_ROWS_MAX
from streams.log import Record


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


def joined(parts: Sequence[Record], first: Header, cause_end: int, due: tuple[int, int], rows: int) -> Due:
    """One frame of several.

    Args:
        parts: They, in order.
        first: Header of the first.
        cause_end: The last one's ``cause`` and ``count`` together.
        due: Log time, ns, and partition.
        rows: Of all.
    """
    header = msgspec.structs.replace(
        first, count=rows, cause=max(cause_end - rows, 0), sides=(), stamps=first.stamps[:1]
    )  # fmt: skip
    record = msgspec.structs.replace(parts[-1], value=b"".join([part.value for part in parts]))
    return Due(*due, record, header)


def _joined(dues: list[Due], rows: int) -> Due:
    if len(dues) == 1:
        return dues[0]
    first, last = dues[0].header, dues[-1]
    assert first is not None and last.header is not None, "what has no header follows nothing"  # noqa: PT018
    cause_end = last.header.cause + last.header.count
    return joined([due.record for due in dues], first, cause_end, (last.time, last.partition), rows)
