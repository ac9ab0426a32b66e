"""Feature vector: one per tick, with the touch it was computed at. The width is the view's."""

from __future__ import annotations

from functools import lru_cache
from typing import Annotated, Any

import numpy as np
from msgspec import Meta

from schemas.columns import F64, U16, U32, U64, Nanos, Price, Row, Size, dtype_of


class Feature(Row, frozen=True, kw_only=True):
    """The ordered features of a view after one tick."""

    ts_event: Nanos
    ts_recv: Nanos
    ts_log: Nanos
    ts_touch: Nanos
    root_seq: U64
    bid_price: Price
    ask_price: Price
    bid_size: Size
    ask_size: Size
    instrument_id: U32
    publisher_id: U16
    root_part: U16
    flags: U16
    view: Annotated[U32, Meta(description="first 4 bytes of the feature view's sha256, little-endian")]
    values: Annotated[list[F64], Meta(description="one float64 per feature of the view, in its order")]


@lru_cache
def feature_dtype(width: int) -> np.dtype[Any]:
    """Dtype of a feature row for a view of ``width`` features."""
    return dtype_of(Feature, values=(width,))


FEATURE_FIXED_BYTES = feature_dtype(1).itemsize - 8
"""Bytes of a feature row before its values: the width of a frame's view follows from the frame's length."""
