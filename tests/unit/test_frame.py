"""Frames: rows to bytes and back, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as st_numpy

from schemas.catalog import FEATURE_SCHEMA, INTENT, SCORE_SCHEMA, TICK_SCHEMA, Schema
from schemas.errors import BadFrame
from schemas.feature import FEATURE_FIXED_BYTES, feature_dtype
from schemas.score import SCORE
from schemas.tick import TICK
from streams.frame import FEATURE_VALUES_MAX, FRAME_ROWS_MAX, decode_rows, encode_rows

ROWS = [
    (TICK_SCHEMA, TICK),
    (SCORE_SCHEMA, SCORE),
    (FEATURE_SCHEMA, feature_dtype(1)),
    (FEATURE_SCHEMA, feature_dtype(8)),
]


@pytest.mark.parametrize(("schema", "dtype"), ROWS)
@given(data=st.data())
def test_rows_survive_the_way_there_and_back_to_the_bit(schema: Schema, dtype: np.dtype, data: st.DataObject) -> None:
    rows = data.draw(st_numpy.arrays(dtype, st.integers(1, 20)))
    back = decode_rows(schema.number, schema.version, encode_rows(rows), len(rows))
    assert back.dtype == dtype
    assert back.tobytes() == rows.tobytes()


def test_decoded_rows_are_a_view_of_the_value_and_cannot_be_written() -> None:
    value = encode_rows(np.zeros(3, TICK))
    rows = decode_rows(TICK_SCHEMA.number, TICK_SCHEMA.version, value, 3)
    assert not rows.flags.owndata
    assert not rows.flags.writeable


def test_a_slice_of_every_other_row_is_framed_contiguously() -> None:
    rows = np.zeros(10, TICK)
    rows["sequence"] = np.arange(10)
    back = decode_rows(TICK_SCHEMA.number, TICK_SCHEMA.version, encode_rows(rows[::2]), 5)
    assert back["sequence"].tolist() == [0, 2, 4, 6, 8]


@pytest.mark.parametrize(("schema", "dtype"), ROWS)
@pytest.mark.parametrize("change", [-1, 1, -9])
def test_a_frame_with_a_byte_too_few_or_too_many_is_refused_with_the_numbers(
    schema: Schema,
    dtype: np.dtype,
    change: int,
) -> None:
    value = encode_rows(np.zeros(3, dtype)) + bytes(9)
    size = 3 * dtype.itemsize + change
    with pytest.raises(BadFrame, match=f"got {size} bytes"):
        decode_rows(schema.number, schema.version, value[:size], 3)


def test_an_empty_value_is_refused() -> None:
    for schema, _ in ROWS:
        with pytest.raises(BadFrame, match="got 0 bytes"):
            decode_rows(schema.number, schema.version, b"", 1)


@pytest.mark.parametrize("count", [0, -1, FRAME_ROWS_MAX + 1, 2**32 - 1])
def test_a_count_out_of_range_is_refused(count: int) -> None:
    with pytest.raises(BadFrame, match=f"allowed: 1 to {FRAME_ROWS_MAX}"):
        decode_rows(TICK_SCHEMA.number, TICK_SCHEMA.version, bytes(TICK.itemsize), count)


@pytest.mark.parametrize(
    ("schema", "version"), [(TICK_SCHEMA.number, 2), (TICK_SCHEMA.number, 0), (250, 1), (INTENT.number, 1)]
)
def test_an_unknown_schema_or_version_is_refused_and_the_known_are_named(schema: int, version: int) -> None:
    with pytest.raises(BadFrame, match="tick/1, score/1, feature/1"):
        decode_rows(schema, version, bytes(TICK.itemsize), 1)


def test_a_feature_frame_of_an_absurd_width_is_refused() -> None:
    for values in (0, FEATURE_VALUES_MAX + 1):
        with pytest.raises(BadFrame, match="does not divide"):
            decode_rows(FEATURE_SCHEMA.number, FEATURE_SCHEMA.version, bytes(FEATURE_FIXED_BYTES + 8 * values), 1)


def test_no_rows_or_too_many_make_no_frame() -> None:
    for n in (0, FRAME_ROWS_MAX + 1):
        with pytest.raises(ValueError, match="rows in a frame"):
            encode_rows(np.zeros(n, TICK))
