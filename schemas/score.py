"""Score: a model's opinion after one tick, with the touch it was formed at."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from schemas.columns import F64, U16, U32, U64, Nanos, Price, Row, Size, dtype_of


class Score(Row, frozen=True, kw_only=True):
    """One score per feature row."""

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
    model: Annotated[U32, Meta(description="first 4 bytes of the model artefact's sha256, little-endian")]
    score: Annotated[F64, Meta(description="expected move of the mid, in basis points")]


SCORE = dtype_of(Score)

CARRIED = (
    "ts_event", "ts_recv", "ts_log", "ts_touch", "root_seq", "bid_price", "ask_price", "bid_size", "ask_size",
    "instrument_id", "publisher_id", "root_part", "flags",
)  # fmt: skip
"""Columns that a tick hands on unchanged to its feature and score rows."""
