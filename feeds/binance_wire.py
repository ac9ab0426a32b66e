"""Binance's messages as they stand on the wire: shapes, types and bounds, checked by msgspec.

Prices and sizes stay raw JSON text (``msgspec.Raw``): ``binance_numbers.py`` reads them in one kernel call per batch,
and no Python object is made per level. Unknown fields are ignored: the venue adds some now and then.

Sources: Binance API documentation, "Diff. Depth Stream", "Individual Symbol Book Ticker Streams", "Trade Streams" and
"Order Book" of the spot, USDT-margined and coin-margined markets.
"""

from __future__ import annotations

import msgspec
from msgspec import UNSET, Raw, UnsetType

from feeds.wire import Id, Millis, Symbol, decode_with


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


def decode(value: bytes) -> Frame:
    """The frame in a payload.

    Raises:
        BadPayload: As ``wire.decode_with``.
    """
    return decode_with(_decode, value, "Binance")
