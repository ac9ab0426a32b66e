"""JSON as it stands on a venue's wire: the bounds within which it is parsed, whatever the venue.

Types that messages of all venues share stand here too.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Annotated, TypeVar

import msgspec
import numpy as np
from msgspec import Meta

from schemas.errors import BadPayload

T = TypeVar("T")

PAYLOAD_BYTES_MAX = 4 * 1024 * 1024
"""A depth snapshot of 5,000 levels a side takes about 0.3 MB."""

NESTING_MAX = 16
"""Real messages nest four deep."""

ID_MAX = 2**63 - 1
"""Update and trade ids are kept in int64."""

EVENT_MS_MAX = 4_102_444_800_000
"""2100-01-01 in ms: a stamp in microseconds lies far beyond it."""

SYMBOL_CHARS_MAX = 64

Id = Annotated[int, Meta(ge=0, le=ID_MAX)]
Millis = Annotated[int, Meta(ge=0, le=EVENT_MS_MAX)]
Symbol = Annotated[str, Meta(max_length=SYMBOL_CHARS_MAX)]

_EXCERPT_BYTES = 80


def decode_with(decode: Callable[[bytes], T], value: bytes, venue: str) -> T:
    """The message in a payload, by a msgspec decoder.

    Raises:
        BadPayload: Too long, no UTF-8, nested too deep, no JSON, or a field that is not of its type or bound.
    """
    if len(value) > PAYLOAD_BYTES_MAX:
        raise BadPayload(
            "a message is too long", kind="too_large", got=f"{len(value)} bytes", allowed=f"{PAYLOAD_BYTES_MAX} bytes"
        )
    # The parser recurses, and how deep it may go depends on the caller's stack: the bound is ours, and comes first.
    if value.count(b"[") + value.count(b"{") > NESTING_MAX and _nesting()(value) > NESTING_MAX:
        raise BadPayload(
            "a message is nested too deep", kind="too_deep", got=excerpt(value), allowed=f"{NESTING_MAX} levels"
        )
    try:
        if not value.isascii():
            value.decode("utf-8")
        return decode(value)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise BadPayload(f"not a {venue} message: {error}", kind="not_a_message", got=excerpt(value)) from error


def excerpt(value: bytes) -> str:
    """The beginning of a payload, printable."""
    return repr(bytes(value[:_EXCERPT_BYTES]))[1:]


@cache
def _nesting() -> Callable[[bytes], int]:
    from feeds.nesting import nesting  # it brings a compiler along, which who reads no payload does without

    return lambda value: nesting(np.frombuffer(value, np.uint8))
