"""The fixed part of a header and its writer, without the stamps: enough to count by, at a fifth of the cost."""

from __future__ import annotations

import struct
from typing import NamedTuple

from schemas.header import HEADER_VERSION, MAGIC, PREFIX


class Peek(NamedTuple):
    """See ``schemas.header.Header``; ``items`` is its ``count``."""

    schema: int
    version: int
    items: int
    seq: int
    time: int
    cause: int
    writer: str


def peek(data: bytes | None) -> Peek | None:
    """What a packed header begins with; None where there is none that can be read.

    >>> peek(None), peek(b"short")
    (None, None)
    """
    if data is None:
        return None
    try:
        (magic, header_version, schema, version, count, seq, time, cause, _, _, length, _) = PREFIX.unpack_from(data)
        writer = data[PREFIX.size : PREFIX.size + length].decode("ascii")
    except (struct.error, UnicodeDecodeError):
        return None
    if magic != MAGIC or header_version != HEADER_VERSION or count == 0:
        return None
    return Peek(schema, version, count, seq, time, cause, writer)
