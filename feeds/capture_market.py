"""Which venue, market and symbol a recorded message is of, by its shape.

Binance's spot and linear snapshots name neither market nor symbol:

=============  ==========================  ==========================  ==========================
message        spot                        linear                      inverse
=============  ==========================  ==========================  ==========================
depth          no ``pu``                   ``pu``                      ``pu``, ``ps``
bookTicker     no event name               event name                  ``ps``
trade          ``M``                       no ``M``                    symbol ends USD_PERP
snapshot       no time                     ``E``                       ``pair``
=============  ==========================  ==========================  ==========================
"""

from __future__ import annotations

import re
from typing import Any

import orjson

UNKNOWN_SYMBOL = "?"
"""Symbol in the key of what names none, in a file of several symbols. No instrument is called so: it is refused."""

STAMP_MIN = 946_684_800_000_000_000
"""2000-01-01 UTC, ns."""
STAMP_MAX = 4_102_444_800_000_000_000
"""2100-01-01 UTC, ns."""

_COIN_MARGINED = re.compile(r"[A-Z0-9]+USD_(?:PERP|\d{6})")
_REMARK = re.compile(rb"(?:wss?|https?)://\S+ (?:<->|<-|->) ")
_DECIMALS = 9
_NANOS_PER_MS = 1_000_000
_MS_DIGITS = 13
"""Of a time in ms from 2001 to 2286; one in ns that is as short lies in 1970."""
_NAMED = re.compile(rb"([a-z_]{1,32}) (?=\{)")
_SYMBOL = re.compile(r"[A-Z0-9_]{1,64}")


def split_stamp(line: bytes) -> tuple[int, bytes] | None:
    """(receive time, payload) of a line; None when no receive time between 2000 and 2100 leads it.

    Lines are ``<ns> <payload>``, ``<ms> <payload>``, or ``<s>.<fraction>: <payload>``, as cryptofeed records them.

    >>> split_stamp(b"1723161254087896568 {}"), split_stamp(b"1723161254 {}"), split_stamp(b"{}")
    ((1723161254087896568, b'{}'), None, None)
    >>> split_stamp(b"1618677817.061845: {}")
    (1618677817061845000, b'{}')
    >>> split_stamp(b"1430438404518 order_created {}")
    (1430438404518000000, b'order_created {}')
    """
    stamp, space, payload = line.partition(b" ")
    if stamp.endswith(b":"):
        stamp = _nanoseconds(stamp[:-1])
    if not space or len(stamp) > 19 or not stamp.isdigit():
        return None
    ts_recv = int(stamp) * (_NANOS_PER_MS if len(stamp) == _MS_DIGITS else 1)
    return (ts_recv, payload) if STAMP_MIN <= ts_recv < STAMP_MAX else None


def _nanoseconds(seconds: bytes) -> bytes:
    whole, point, part = seconds.partition(b".")
    fits = whole.isdigit() and point and part.isdigit() and len(part) <= _DECIMALS
    return whole + part.ljust(_DECIMALS, b"0") if fits else b""


def is_remark(line: bytes) -> bool:
    """Whether a line was never received: cryptofeed notes what it sent and when it connected, and leaves blanks.

    >>> is_remark(b'wss://ws.example <- 1618677817.020616: {"type":"subscribe"}'), is_remark(b"1618677817.0: {}")
    (True, False)
    """
    return not line or _REMARK.match(line) is not None


def decoded(payload: bytes) -> Any:
    """A message as JSON; one that its recorder wrote as ``event {...}`` as a frame of that event.

    Raises:
        JSONDecodeError: It is none.

    >>> decoded(b'trade {"id": 1}')
    {'event': 'trade', 'data': {'id': 1}}
    """
    named = _NAMED.match(payload)
    if named is None:
        return orjson.loads(payload)
    return {"event": named[1].decode(), "data": orjson.loads(payload[named.end() :])}


def shape_of(message: Any) -> tuple[str, str] | None:
    """(market, symbol or "") of a decoded message; None when it is none of Binance's.

    >>> shape_of({"stream": "btcusdt@bookTicker", "data": {"u": 1, "s": "BTCUSDT", "b": "1", "B": "1"}})
    ('spot', 'BTCUSDT')
    >>> shape_of({"lastUpdateId": 1, "E": 2, "T": 2, "bids": [], "asks": []})
    ('linear', '')
    """
    if not isinstance(message, dict):
        return None
    data = message.get("data")
    if not isinstance(data, dict):
        if "lastUpdateId" not in message or "bids" not in message:
            return None
        symbol = _symbol(message.get("symbol"))
        if "pair" in message or _COIN_MARGINED.fullmatch(symbol):
            return "inverse", symbol
        return ("linear" if "E" in message or "T" in message else "spot"), symbol
    symbol = _symbol(data.get("s"))
    event = data.get("e")
    stream = message.get("stream")
    if not symbol:
        return None
    if "ps" in data or _COIN_MARGINED.fullmatch(symbol):
        return "inverse", symbol
    if event == "depthUpdate":
        return ("linear" if "pu" in data else "spot"), symbol
    if event in ("trade", "aggTrade"):
        return ("spot" if "M" in data else "linear"), symbol
    if event == "bookTicker":
        return "linear", symbol
    if event is None and isinstance(stream, str) and stream.endswith("@bookTicker"):
        return "spot", symbol
    return None


def _symbol(value: Any) -> str:
    return value if isinstance(value, str) and _SYMBOL.fullmatch(value) else ""
