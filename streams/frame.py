"""Frames: rows as a record's value. N >= 1 rows of one dtype, contiguous, little-endian, nothing else.

How many rows and of which schema stands in the record's header. A reader gets a view of the bytes, not a copy.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from schemas.catalog import BY_NUMBER, FEATURE_SCHEMA, SCORE_SCHEMA, TICK_SCHEMA
from schemas.errors import BadFrame
from schemas.feature import FEATURE_FIXED_BYTES, feature_dtype
from schemas.score import SCORE
from schemas.tick import TICK
from streams.agent import Rows

FRAME_ROWS_MAX = 4_096
"""Most rows in a frame. A tick frame of that many is 442 KB: far below any record limit, and short to step through."""

FRAME_ROWS_DEFAULT = 1_024
"""Rows in a frame where a writer has that many: 110 KB of ticks."""

FEATURE_VALUES_MAX = 1_024
"""Widest feature view that a frame may claim."""

_DTYPES: dict[tuple[int, int], np.dtype[Any]] = {
    (TICK_SCHEMA.number, TICK_SCHEMA.version): TICK,
    (SCORE_SCHEMA.number, SCORE_SCHEMA.version): SCORE,
}
_FEATURE = (FEATURE_SCHEMA.number, FEATURE_SCHEMA.version)


def encode_rows(rows: Rows) -> bytes:
    """Bytes of 1 to ``FRAME_ROWS_MAX`` rows.

    Raises:
        ValueError: No rows, or too many for one frame (a bug in the writer).
    """
    if not 1 <= len(rows) <= FRAME_ROWS_MAX:
        raise ValueError(f"{len(rows)} rows in a frame; allowed: 1 to {FRAME_ROWS_MAX}")
    return rows.tobytes()


def decode_rows(schema: int, version: int, value: bytes, count: int) -> Rows:
    """Rows of a frame, shape (count,): a read-only view of ``value``.

    Args:
        schema: Schema number of the header.
        version: Schema version of the header.
        value: The record's value.
        count: Rows that the header counts.

    Raises:
        BadFrame: No row schema of this build, or not exactly ``count`` rows of it.
    """
    if not 1 <= count <= FRAME_ROWS_MAX:
        raise BadFrame(
            "a frame's count is out of range", kind="frame_count", got=str(count), allowed=f"1 to {FRAME_ROWS_MAX}"
        )
    if (schema, version) == _FEATURE:
        dtype = _feature_dtype(len(value), count)
    else:
        known = _DTYPES.get((schema, version))
        if known is None:
            raise BadFrame(
                "unknown row schema or version", kind="schema_unknown", got=_named(schema, version), allowed=_known()
            )
        dtype = known
    size = count * dtype.itemsize
    if len(value) != size:
        raise BadFrame(
            f"a {_named(schema, version)} frame is {'truncated' if len(value) < size else 'too long'}",
            kind="frame_size",
            got=f"{len(value)} bytes",
            allowed=f"{size} bytes for {count} rows of {dtype.itemsize}",
        )
    return np.frombuffer(value, dtype=dtype)


def _feature_dtype(size: int, count: int) -> np.dtype[Any]:
    """The dtype whose width makes ``count`` rows fill ``size`` bytes; the width is the view's, not the schema's."""
    values_bytes = size // count - FEATURE_FIXED_BYTES
    width = values_bytes // 8
    if size % count or values_bytes % 8 or not 1 <= width <= FEATURE_VALUES_MAX:
        raise BadFrame(
            "a feature frame does not divide into rows",
            kind="frame_size",
            got=f"{size} bytes for {count} rows",
            allowed=f"{count} times {FEATURE_FIXED_BYTES} bytes and 1 to {FEATURE_VALUES_MAX} values of 8",
        )
    return feature_dtype(width)


def _named(schema: int, version: int) -> str:
    entry = BY_NUMBER.get(schema)
    return f"{entry.name if entry else schema}/{version}"


def _known() -> str:
    return ", ".join(_named(*pair) for pair in (*_DTYPES, _FEATURE))
