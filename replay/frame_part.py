"""A part of a frame as a frame of its own: what of it is meant, with the numbers that these rows have."""

from __future__ import annotations

import msgspec

from schemas.catalog import BY_NUMBER
from schemas.header import Header
from streams.frame import decode_rows, encode_rows
from streams.log import Record


def part_of(record: Record, header: Header, first: int, after: int) -> tuple[bytes, Header]:
    """Rows ``first`` to below ``after`` of a frame, and their header; what is no frame, or meant whole, stays as it is.

    Raises:
        BadFrame: It is not the frame that its header tells.
    """
    if BY_NUMBER[header.schema].kind != "rows" or (first, after) == (0, header.count):
        return record.value, header
    rows = decode_rows(header.schema, header.version, record.value, header.count)[first:after]
    stamps = header.stamps if len(header.stamps) == 1 else header.stamps[first:after]
    return encode_rows(rows), msgspec.structs.replace(
        header, seq=header.seq + first, count=after - first, cause=header.cause + first, stamps=stamps,
        time=int(rows["ts_log"][0]),
    )  # fmt: skip
