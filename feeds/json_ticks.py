"""JSON ticks (``schemas/json_tick.py``): the door for a source of one's own, in any language.

**Book.** A ``book`` comes in the stream, then ``change`` messages that count on by one; whatever does not is a gap, and
the book is unknown until the next ``book``. **Quotes** alone say the touch where no book was ever sent: nothing is
missing then. **Trades** count on by one; ``correction`` and ``bust`` name one by its id. A ``trade`` whose id comes
again is a repeat, whatever it says.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import msgspec

from feeds.messages import BUST, CORRECTION, DEPTH, QUOTE, SNAPSHOT, TRADE
from feeds.rules import RULE_IN_STREAM, RULE_QUOTES_SERVE, RULE_TRADES_COUNT_ON
from feeds.said import Said, reads
from feeds.venue import Venue
from feeds.wire import decode_with
from schemas.definition import Definition
from schemas.errors import BadPayload
from schemas.json_tick import VERSION, Book, Bust, Correction, JsonTick, Quote, Trade

NAME = "json"
"""Of the source that has no name of its own: that of captures."""

_INSTRUMENT = re.compile(rb'"instrument"\s*:\s*"((?:spot|linear|inverse):[A-Z0-9_-]{1,64})"')
_TYPES = frozenset({"trade", "quote", "book", "change", "correction", "bust"})
_RULE = RULE_IN_STREAM | RULE_TRADES_COUNT_ON | RULE_QUOTES_SERVE


class _Versioned(msgspec.Struct):
    version: int = 1


_decode = msgspec.json.Decoder(JsonTick).decode
_decode_version = msgspec.json.Decoder(_Versioned).decode


def said(value: bytes) -> Said:
    """What a payload means.

    Raises:
        BadPayload: No message, a field of another type, or a later version than this build reads.
    """
    try:
        message = decode_with(_decode, value, "JSON tick")
    except BadPayload:
        _check_version(_version(value))  # a later version may look like anything
        raise
    _check_version(message.version)
    instrument, ts = message.instrument, message.ts_event
    if isinstance(message, Bust):
        return Said(BUST, instrument, ts, message.trade_id)
    if isinstance(message, Trade | Correction):
        level = [(message.price, message.size)]
        kind = TRADE if isinstance(message, Trade) else CORRECTION
        return Said(kind, instrument, ts, message.trade_id, int(message.side == "sell"), level)
    if isinstance(message, Quote):
        bid, ask = [(message.bid_price, message.bid_size)], [(message.ask_price, message.ask_size)]
        return Said(QUOTE, instrument, ts, message.sequence, 0, bid, ask)
    kind = SNAPSHOT if isinstance(message, Book) else DEPTH
    return Said(kind, instrument, ts, message.sequence, 0, message.bids, message.asks)


def json_ticks(definitions: Sequence[Definition], source: str = NAME) -> Venue:
    """A source that sends JSON ticks, as a venue: no live side, it comes to us."""
    return Venue(
        name=source, definitions=tuple(definitions),
        reader=reads(said, own=source, name_of=lambda definition: definition.instrument),
        rule=lambda _definition: _RULE, shape=_shape, key=_key, dialects={},
    )  # fmt: skip


def _version(value: bytes) -> int:
    try:
        return _decode_version(value).version
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return 0


def _check_version(version: int) -> None:
    if version > VERSION:
        raise BadPayload(
            "a JSON tick of a later version than this build reads", kind="future_version", got=f"version {version}",
            allowed=f"up to {VERSION}", fix="upgrade, then: tapedeck dlq retry --kind bad_payload.future_version",
        )  # fmt: skip


def _shape(message: Any) -> tuple[str, str] | None:
    if not isinstance(message, dict) or message.get("type") not in _TYPES:
        return None
    market, colon, symbol = str(message.get("instrument", "")).partition(":")
    return (market, symbol) if colon and symbol else None


def _key(payload: bytes, market: str) -> bytes | None:
    del market  # every message names its own
    found = _INSTRUMENT.search(payload)
    return found[1] if found is not None else None
