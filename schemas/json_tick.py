"""JSON ticks: market data that a publisher of any language writes to ``raw.<source>``, one message a record.

The record's key is the instrument, ``market:symbol``, as bytes. Prices and sizes are decimals as text, so that no
parser makes doubles of them. An instrument is told by quotes, or by a book and what changes in it; trades stand beside
either. ``tapedeck topics schema json-ticks`` prints the JSON Schema, which is made of these declarations.

What is published stands: a ``correction`` tells a trade anew, and a ``bust`` takes one back that never was.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

VERSION = 2
"""Newest version that this build reads; 2 brought ``correction`` and ``bust``.

A later one is refused with its own reason, and can be retried after.
"""

ID_MAX = 2**63 - 1
TS_MAX = 4_102_444_800_000_000_000
"""2100-01-01 UTC, ns."""

SCHEMA_DIALECT = "https://json-schema.org/draft/2020-12/schema"

Number = Annotated[int, Meta(ge=0, le=ID_MAX)]
Price = Annotated[
    str,
    Meta(
        description="decimal text above 0, at most 9 places, in the quote currency",
        examples=["60123.45"],
        extra_json_schema={"pattern": r"^(?=.*[1-9])[0-9]{1,9}(\.[0-9]{1,9})?$"},
    ),
]
Size = Annotated[
    str,
    Meta(
        description="decimal text above 0, at most 9 places, in the instrument's unit; a trade's is a multiple of "
        "size_increment, a displayed one off that grid is rounded down",
        examples=["0.015"],
        extra_json_schema={"pattern": r"^(?=.*[1-9])[0-9]{1,9}(\.[0-9]{1,9})?$"},
    ),
]
LevelSize = Annotated[
    str,
    Meta(
        description="decimal text, at most 9 places; in a change 0 removes the level",
        extra_json_schema={"pattern": r"^[0-9]{1,9}(\.[0-9]{1,9})?$"},
    ),
]
Level = tuple[Price, LevelSize]


class _JsonTick(msgspec.Struct, frozen=True, kw_only=True, tag_field="type"):
    """What every message has. Fields that are not known are ignored."""

    instrument: Annotated[
        str,
        Meta(
            max_length=80,
            description="market:symbol, as in the record's key",
            examples=["spot:BTCUSDT"],
            extra_json_schema={"pattern": "^(spot|linear|inverse):[A-Z0-9_-]{1,64}$"},
        ),
    ]
    ts_event: Annotated[
        int, Meta(ge=0, le=TS_MAX, description="when it happened, ns since the Unix epoch, UTC; 0: not known")
    ] = 0
    version: Annotated[
        int, Meta(ge=1, description="of this schema", extra_json_schema={"maximum": VERSION})
    ] = 1  # fmt: skip


Aggressor = Annotated[Literal["buy", "sell"], Meta(description="of the aggressor")]
ToldTrade = Annotated[
    Number,
    Meta(description="of a trade that was told before, among the newest 1,024 of its instrument; else it is refused"),
]


class Trade(_JsonTick, frozen=True, kw_only=True, tag="trade"):
    """A fill."""

    trade_id: Annotated[
        Number,
        Meta(description="counts on by one for each instrument: a repeat is dropped, a jump is told as a gap"),
    ]
    price: Price
    size: Size
    side: Aggressor


class Correction(_JsonTick, frozen=True, kw_only=True, tag="correction"):
    """A trade as it is now: gives a tick that takes it back as it was told last, and one that tells it anew."""

    trade_id: ToldTrade
    price: Price
    size: Size
    side: Aggressor


class Bust(_JsonTick, frozen=True, kw_only=True, tag="bust"):
    """A trade that never was: gives a tick that takes it back."""

    trade_id: ToldTrade


class Quote(_JsonTick, frozen=True, kw_only=True, tag="quote"):
    """The best bid and offer."""

    sequence: Annotated[
        Number, Meta(description="grows for each instrument: a repeat is dropped, an older one moves nothing")
    ]
    bid_price: Price
    bid_size: Size
    ask_price: Price
    ask_size: Size


class Book(_JsonTick, frozen=True, kw_only=True, tag="book"):
    """A whole order book: whatever was known of it before is forgotten."""

    sequence: Annotated[Number, Meta(description="number that the book stands at; the next change has one more")]
    bids: Annotated[list[Level], Meta(description="[price, size], the best first")]
    asks: Annotated[list[Level], Meta(description="[price, size], the best first")]


class Change(_JsonTick, frozen=True, kw_only=True, tag="change"):
    """Levels of the book that are other now: each names the whole size at its price."""

    sequence: Annotated[
        Number,
        Meta(description="counts on by one for each instrument: a jump is a gap, and the book unknown until the next"),
    ]
    bids: list[Level] = []
    asks: list[Level] = []


JsonTick = Trade | Correction | Bust | Quote | Book | Change
"""Any message."""


def json_schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) of a message."""
    return {"$schema": SCHEMA_DIALECT, "title": "JsonTick", **msgspec.json.schema(JsonTick)}
