"""Binance's messages as they stand on the wire: shapes, types and bounds, checked by msgspec.

Prices and sizes stay raw JSON text (``msgspec.Raw``): ``binance_numbers.py`` reads them in one kernel call per batch,
and no Python object is made per level. Unknown fields are ignored: the venue adds some now and then.

Sources: Binance API documentation, "Diff. Depth Stream", "Individual Symbol Book Ticker Streams", "Trade Streams" and
"Order Book" of the spot, USDT-margined and coin-margined markets.
"""

from __future__ import annotations

from typing import Annotated

import msgspec
import numpy as np
from msgspec import UNSET, Meta, Raw, UnsetType

from feeds.kernel import Bytes, kernel
from schemas.errors import BadPayload

PAYLOAD_BYTES_MAX = 4 * 1024 * 1024
"""A depth snapshot of 5,000 levels a side takes about 0.3 MB."""

NESTING_MAX = 16
"""Real messages nest four deep."""

ID_MAX = 2**63 - 1
"""Update and trade ids are kept in int64."""

EVENT_MS_MAX = 4_102_444_800_000
"""2100-01-01 in ms: a stamp in microseconds lies far beyond it."""

Id = Annotated[int, Meta(ge=0, le=ID_MAX)]
Millis = Annotated[int, Meta(ge=0, le=EVENT_MS_MAX)]
SYMBOL_CHARS_MAX = 64

Symbol = Annotated[str, Meta(max_length=SYMBOL_CHARS_MAX)]


class Event(msgspec.Struct, gc=False):
    """``data`` of a combined-stream frame: the fields of all events read here, under the venue's names."""

    e: str = ""
    E: Millis | UnsetType = UNSET
    T: Millis | UnsetType = UNSET
    s: Symbol = ""
    U: Id | UnsetType = UNSET
    u: Id | UnsetType = UNSET
    pu: Id | UnsetType = UNSET
    b: Raw | UnsetType = UNSET
    a: Raw | UnsetType = UNSET
    B: Raw | UnsetType = UNSET
    A: Raw | UnsetType = UNSET
    t: Id | UnsetType = UNSET
    p: Raw | UnsetType = UNSET
    q: Raw | UnsetType = UNSET
    m: bool | UnsetType = UNSET


class Frame(msgspec.Struct, gc=False):
    """A combined-stream frame (``stream`` and ``data``) or a bare REST depth snapshot (the other fields)."""

    stream: str = ""
    data: Event | UnsetType = UNSET
    last_update_id: Id | UnsetType = msgspec.field(default=UNSET, name="lastUpdateId")
    E: Millis | UnsetType = UNSET
    T: Millis | UnsetType = UNSET
    symbol: Symbol = ""
    bids: Raw | UnsetType = UNSET
    asks: Raw | UnsetType = UNSET


_decode = msgspec.json.Decoder(Frame).decode
_EXCERPT_BYTES = 80


def decode(value: bytes) -> Frame:
    """The frame in a payload.

    Raises:
        BadPayload: Too long, no UTF-8, nested too deep, no JSON, or a field that is not of its type or bound.
    """
    if len(value) > PAYLOAD_BYTES_MAX:
        raise BadPayload(
            "a message is too long", kind="too_large", got=f"{len(value)} bytes", allowed=f"{PAYLOAD_BYTES_MAX} bytes"
        )
    # The parser recurses, and how deep it may go depends on the caller's stack: the bound is ours, and comes first.
    if value.count(b"[") + value.count(b"{") > NESTING_MAX and nesting(np.frombuffer(value, np.uint8)) > NESTING_MAX:
        raise BadPayload(
            "a message is nested too deep", kind="too_deep", got=excerpt(value), allowed=f"{NESTING_MAX} levels"
        )
    try:
        if not value.isascii():
            value.decode("utf-8")
        return _decode(value)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise BadPayload(f"not a Binance message: {error}", kind="not_a_message", got=excerpt(value)) from error


def excerpt(value: bytes) -> str:
    """The beginning of a payload, printable."""
    return repr(bytes(value[:_EXCERPT_BYTES]))[1:]


@kernel
def nesting(value: Bytes) -> int:
    """How deep arrays and objects nest in JSON text, brackets inside strings not counted."""
    depth = 0
    deepest = 0
    in_string = False
    escaped = False
    for byte in value:
        if in_string:
            if escaped:
                escaped = False
            elif byte == 92:  # a backslash
                escaped = True
            elif byte == 34:  # a quotation mark
                in_string = False
        elif byte == 34:
            in_string = True
        elif byte == 91 or byte == 123:  # [ and {
            depth += 1
            deepest = max(deepest, depth)
        elif byte == 93 or byte == 125:  # ] and }
            depth -= 1
    return deepest
