"""Coinbase Exchange: level 2, matches and heartbeats of its spot market.

**Book.** A ``snapshot`` comes in the stream, then ``l2update`` messages without numbers: the venue guarantees that none
is left out of a connection, so the order in which they come is all there is, and a new snapshot begins anew.

**Trades.** ``match`` counts ``trade_id`` on by one per product, and the venue may drop some: a jump is a gap, and so is
a ``heartbeat`` or ``last_match`` that names a later id than the newest seen. ``side`` is the maker's: the aggressor is
on the other one.

**Ticker.** Its best prices run beside level 2, not in step with it: counted, and not used.

Source: Coinbase Exchange documentation, "WebSocket Channels".
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import msgspec
import orjson
from msgspec import UNSET, UnsetType

from feeds.envelope import Unfit, missing
from feeds.increments import increment
from feeds.messages import DEPTH, MARK, NOTE, SNAPSHOT, TRADE
from feeds.rules import RULE_IN_STREAM, RULE_TRADES_COUNT_ON, RULE_UNNUMBERED
from feeds.said import SESSION, Said, reads
from feeds.venue import SESSION_SYMBOL, Dialect, Venue
from feeds.wire import Id, Symbol, decode_with
from schemas.definition import Definition

Side = Literal["buy", "sell"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_END = datetime(2100, 1, 1, tzinfo=UTC)
_US = timedelta(microseconds=1)
_PRODUCT = re.compile(rb'"product_id"\s*:\s*"([A-Z0-9-]{1,64})"')
_SESSION = frozenset({"subscriptions"})
_TYPES = frozenset({"snapshot", "l2update", "match", "last_match", "ticker", "heartbeat"})


class _Message(msgspec.Struct, gc=False):
    """The fields of all messages read here, under the venue's names; further ones are ignored."""

    type: str = ""
    product_id: Symbol = ""
    time: datetime | UnsetType = UNSET
    trade_id: Id | UnsetType = UNSET
    last_trade_id: Id | UnsetType = UNSET
    side: Side | UnsetType = UNSET
    price: str | UnsetType = UNSET
    size: str | UnsetType = UNSET
    changes: list[tuple[Side, str, str]] | UnsetType = UNSET
    bids: list[tuple[str, str]] | UnsetType = UNSET
    asks: list[tuple[str, str]] | UnsetType = UNSET


_decode = msgspec.json.Decoder(_Message).decode


def said(value: bytes) -> Said:
    """What a payload means.

    Raises:
        BadPayload: No message, or a field of another type.
        Unfit: A field is missing or impossible.
    """
    message = decode_with(_decode, value, "Coinbase")
    kind, product = message.type, message.product_id
    if kind == "l2update":
        changes = message.changes
        if changes is UNSET or message.time is UNSET:
            raise missing(changes=changes, time=message.time)
        bids = [(price, size) for side, price, size in changes if side == "buy"]
        asks = [(price, size) for side, price, size in changes if side == "sell"]
        return Said(DEPTH, product, _nanos(message.time), bids=bids, asks=asks)
    if kind == "match":
        trade, side, price, size = message.trade_id, message.side, message.price, message.size
        if trade is UNSET or side is UNSET or price is UNSET or size is UNSET or message.time is UNSET:
            raise missing(trade_id=trade, side=side, price=price, size=size, time=message.time)
        return Said(TRADE, product, _nanos(message.time), trade, int(side == "buy"), [(price, size)])
    if kind == "snapshot":
        if message.bids is UNSET or message.asks is UNSET:
            raise missing(bids=message.bids, asks=message.asks)
        return Said(SNAPSHOT, product, _nanos(message.time), bids=message.bids, asks=message.asks)
    if kind in ("heartbeat", "last_match"):
        trade = message.last_trade_id if kind == "heartbeat" else message.trade_id
        if trade is UNSET:
            raise missing(**{"last_trade_id" if kind == "heartbeat" else "trade_id": trade})
        return Said(MARK, product, _nanos(message.time), trade)
    if kind == "ticker":
        return Said(NOTE, product, _nanos(message.time))
    if kind in _SESSION:
        return SESSION
    raise Unfit("unknown_event", "type", ", ".join(sorted(_TYPES | _SESSION)), repr(kind))


def _nanos(time: datetime | UnsetType) -> int:
    if time is UNSET:
        return 0
    if time.tzinfo is None or not _EPOCH <= time < _END:
        raise Unfit("not_a_message", "time", "RFC 3339 with its zone, 1970 to 2100", str(time))
    return (time - _EPOCH) // _US * 1000


def _shape(message: Any) -> tuple[str, str] | None:
    known = isinstance(message, dict) and message.get("type") in _TYPES and isinstance(message.get("product_id"), str)
    return ("spot", message["product_id"]) if known else None


def _key(payload: bytes, market: str) -> bytes | None:
    product = _PRODUCT.search(payload)
    return market.encode() + b":" + (product[1] if product else SESSION_SYMBOL.encode())


def _spot(instrument_id: int, symbol: str, price_increment: str, size_increment: str) -> Definition:
    base, _, quote = symbol.partition("-")
    return Definition(
        instrument_id=instrument_id, instrument=f"spot:{symbol}", venue="coinbase", market="spot", symbol=symbol,
        base=base, quote=quote, settlement=quote, price_increment=increment(price_increment),
        size_increment=increment(size_increment),
    )  # fmt: skip


def _definitions(text: bytes, symbols: Sequence[str]) -> dict[str, Definition]:
    """Out of ``/products``."""
    listed = (product for product in orjson.loads(text) if product["id"] in symbols)
    return {p["id"]: _spot(910 + n, p["id"], p["quote_increment"], p["base_increment"]) for n, p in enumerate(listed)}


def _ask(what: str, symbols: Sequence[str], channels: Sequence[str]) -> str:
    return orjson.dumps({"type": what, "product_ids": list(symbols), "channels": list(channels)}).decode()


_BOOK = "level2_batch"
"""Level 2 that needs no key: the same messages as ``level2``, sent every 50 ms."""

COINBASE = Venue(
    name="coinbase",
    definitions=(
        _spot(101, "BTC-USD", "0.01", "0.00000001"), _spot(102, "ETH-USD", "0.01", "0.00000001"),
        _spot(103, "SKL-USD", "0.0001", "0.1"), _spot(104, "SKL-BTC", "0.00000001", "0.1"),
        _spot(105, "SKL-GBP", "0.0001", "0.1"), _spot(106, "BAND-GBP", "0.0001", "0.01"),
        _spot(107, "BAND-BTC", "0.00000001", "0.01"), _spot(108, "NMR-EUR", "0.0001", "0.001"),
        _spot(109, "YFI-BTC", "0.00001", "0.000001"), _spot(110, "DASH-BTC", "0.00000001", "0.001"),
        _spot(111, "NU-GBP", "0.0001", "0.000001"), _spot(112, "CRV-EUR", "0.0001", "0.01"),
    ),
    reader=reads(said),
    rule=lambda _definition: RULE_IN_STREAM | RULE_UNNUMBERED | RULE_TRADES_COUNT_ON,
    shape=_shape,
    key=_key,
    dialects={
        "spot": Dialect(
            url="wss://ws-feed.exchange.coinbase.com", rest_url="https://api.exchange.coinbase.com",
            subscribe=lambda symbols: [_ask("subscribe", symbols, (_BOOK, "matches", "heartbeat"))],
            resubscribe=lambda symbol: [_ask(what, [symbol], (_BOOK,)) for what in ("unsubscribe", "subscribe")],
            instruments="/products", definitions=_definitions, silence_s_max=10.0,
        )
    },
)  # fmt: skip
"""Spot; the heartbeat comes every second, so that ten silent ones are a dead connection."""
