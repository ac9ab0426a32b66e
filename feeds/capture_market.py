"""Which market and symbol a recorded message is of, by its shape: spot and linear snapshots name neither.

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
from collections import Counter
from collections.abc import Iterable
from typing import Any

import orjson

INFER_MESSAGES = 1000
"""Messages looked at to tell a file's market and symbols."""

INFER_LINES_MAX = 100_000
"""Lines in which at least one of them must stand."""

OWN_SHARE = 0.9
"""Share of messages from which on a symbol is the file's own: what else is named is a stray line, not a second one."""

UNKNOWN_SYMBOL = "?"
"""Symbol in the key of what names none, in a file of several symbols. No instrument is called so: it is refused."""

STAMP_MIN = 946_684_800_000_000_000
"""2000-01-01 UTC, ns."""
STAMP_MAX = 4_102_444_800_000_000_000
"""2100-01-01 UTC, ns."""

_COIN_MARGINED = re.compile(r"[A-Z0-9]+USD_(?:PERP|\d{6})")
_SYMBOL = re.compile(r"[A-Z0-9_]{1,64}")


def split_stamp(line: bytes) -> tuple[int, bytes] | None:
    """(receive time, payload) of ``<ns> <payload>``, or None when no such stamp between 2000 and 2100 leads the line.

    >>> split_stamp(b"1723161254087896568 {}"), split_stamp(b"1723161254 {}"), split_stamp(b"{}")
    ((1723161254087896568, b'{}'), None, None)
    """
    stamp, space, payload = line.partition(b" ")
    if not space or len(stamp) > 19 or not stamp.isdigit():
        return None
    ts_recv = int(stamp)
    return (ts_recv, payload) if STAMP_MIN <= ts_recv < STAMP_MAX else None


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


def infer(lines: Iterable[bytes]) -> tuple[str, str, int] | None:
    """(market, symbol, first valid stamp) of a file from its first lines; None when no message names a symbol.

    The market is the one most messages look like. The symbol is UNKNOWN_SYMBOL when there are several; one that a few
    stray messages name does not make it so.
    """
    markets: Counter[str] = Counter()
    symbols: Counter[str] = Counter()
    first_stamp = 0
    for number, line in enumerate(lines):
        if number == INFER_LINES_MAX or markets.total() == INFER_MESSAGES:
            break
        stamped = split_stamp(line)
        if stamped is None:
            continue
        first_stamp = first_stamp or stamped[0]
        try:
            shape = shape_of(orjson.loads(stamped[1]))
        except orjson.JSONDecodeError:
            continue
        if shape is not None:
            markets[shape[0]] += 1
            symbols.update({shape[1]} - {""})
    if not symbols:
        return None
    market = markets.most_common(1)[0][0]
    symbol, messages = symbols.most_common(1)[0]
    return market, symbol if messages >= OWN_SHARE * symbols.total() else UNKNOWN_SYMBOL, first_stamp


def _symbol(value: Any) -> str:
    return value if isinstance(value, str) and _SYMBOL.fullmatch(value) else ""
