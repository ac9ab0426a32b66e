"""Definition: what an instrument is, and how its numbers are to be read."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from msgspec import UNSET, Meta, UnsetType

from schemas.columns import U32, Nanos, Positive
from schemas.document import Document, Text

NAME_PATTERN = "^(spot|linear|inverse):[A-Z0-9_-]{1,64}$"
"""Names that people may give to instruments."""


def is_instrument_name(text: str) -> bool:
    """Whether a text can name an instrument: market and symbol.

    >>> is_instrument_name("spot:ACMEUSD"), is_instrument_name("ACMEUSD")
    (True, False)
    """
    return re.fullmatch(NAME_PATTERN, text) is not None


class Definition(Document, frozen=True, kw_only=True, tag="definition"):
    """An instrument. Appended, never rewritten: a revision is a further document with a higher ``revision``."""

    instrument_id: U32
    instrument: Annotated[Text, Meta(description="market:symbol, the key of every topic, e.g. spot:BTCUSDT")]
    venue: Text
    market: Literal["spot", "linear", "inverse"]
    symbol: Text
    base: Text
    quote: Text
    settlement: Annotated[Text, Meta(description="currency in which profit and loss accrue")]
    price_increment: Annotated[Positive, Meta(description="smallest price step, 1e-9")]
    size_increment: Annotated[Positive, Meta(description="size of one unit of every size column, 1e-9 of the lot")]
    multiplier: Annotated[
        Positive,
        Meta(description="1e-9; linear: base per unit of size 1.0; inverse: quote currency per contract"),
    ] = 1_000_000_000
    inverse: bool = False
    calendar: Text = "24x7"
    valid_from: Annotated[Nanos, Meta(description="from when it is so at the venue; 0: always")] = 0
    revision: U32 = 1
    author: Annotated[
        Text | UnsetType, Meta(description="who added it; left out: it came with the build or a file")
    ] = UNSET
    reason: Annotated[Text | UnsetType, Meta(description="why, in that person's words")] = UNSET
