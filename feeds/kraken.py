"""Kraken Futures: book, trades and ticker of its inverse (``PI``, ``FI``) and linear (``PF``, ``FF``) futures.

**Book.** A ``book_snapshot`` with ``seq`` comes in the stream, then ``book`` messages, one level each, whose ``seq``
counts on by one per product; whatever does not is a gap, and the book is unknown until the next snapshot.

**Trades.** ``trade`` counts a ``seq`` of its own on by one; ``trade_snapshot`` says at which one the venue stands.
``side`` is the aggressor's.

**Ticker.** ``ticker`` and ``ticker_lite`` say the best prices, in step with the book: the book is compared with them.

Sizes of inverse contracts are US dollars. Source: Kraken Futures documentation, "Websocket API, public feeds".
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import Decimal
from typing import Any, Literal

import msgspec
import orjson
from msgspec import UNSET, Raw, UnsetType

from feeds.envelope import Unfit, missing
from feeds.increments import increment
from feeds.messages import BEST, DEPTH, MARK, NANOS_PER_MS, NOTE, SNAPSHOT, TRADE
from feeds.rules import RULE_IN_STREAM, RULE_TRADES_COUNT_ON
from feeds.said import SESSION, Said, reads
from feeds.venue import SESSION_SYMBOL, Dialect, Venue
from feeds.wire import Id, Millis, Symbol, decode_with
from schemas.columns import PRICE_SCALE
from schemas.definition import Definition

Side = Literal["buy", "sell"]

NUMBER_BYTES_MAX = 64
"""Longest text of a number."""
EXPONENT_MAX = 30

_PRODUCT = re.compile(rb'"product_id"\s*:\s*"([A-Za-z0-9_]{1,64})"')
_MARKETS = {"PI": "inverse", "FI": "inverse", "PF": "linear", "FF": "linear"}
_FEEDS = frozenset({"book", "book_snapshot", "trade", "trade_snapshot", "ticker", "ticker_lite"})
_EVENTS = frozenset({"info", "subscribed", "unsubscribed"})


class _Level(msgspec.Struct, gc=False):
    price: Raw
    qty: Raw


class _Traded(msgspec.Struct, gc=False):
    seq: Id


class _Message(msgspec.Struct, gc=False):
    """The fields of all messages read here, under the venue's names; further ones are ignored."""

    feed: str = ""
    event: str = ""
    product_id: Symbol = ""
    timestamp: Millis | UnsetType = UNSET
    time: Millis | UnsetType = UNSET
    seq: Id | UnsetType = UNSET
    side: Side | UnsetType = UNSET
    price: Raw | UnsetType = UNSET
    qty: Raw | UnsetType = UNSET
    bid: Raw | UnsetType = UNSET
    ask: Raw | UnsetType = UNSET
    bids: list[_Level] | UnsetType = UNSET
    asks: list[_Level] | UnsetType = UNSET
    trades: list[_Traded] | UnsetType = UNSET


_decode = msgspec.json.Decoder(_Message).decode


def said(value: bytes) -> Said:
    """What a payload means.

    Raises:
        BadPayload: No message, or a field of another type.
        Unfit: A field is missing or impossible.
    """
    message = decode_with(_decode, value, "Kraken Futures")
    feed, product = message.feed, message.product_id
    if message.event:
        if message.event in _EVENTS:
            return SESSION
        raise Unfit("unknown_event", "event", ", ".join(sorted(_EVENTS)), repr(message.event))
    if feed in ("book", "trade"):
        seq, side, price, qty = message.seq, message.side, message.price, message.qty
        ts = message.timestamp if feed == "book" else message.time
        if seq is UNSET or side is UNSET or price is UNSET or qty is UNSET or ts is UNSET:
            raise missing(seq=seq, side=side, price=price, qty=qty, **{"timestamp" if feed == "book" else "time": ts})
        level = [(_number(price), _number(qty))]
        if feed == "trade":
            return Said(TRADE, product, ts * NANOS_PER_MS, seq, int(side == "sell"), level)
        bids, asks = (level, ()) if side == "buy" else ((), level)
        return Said(DEPTH, product, ts * NANOS_PER_MS, seq, bids=bids, asks=asks)
    if feed in ("ticker", "ticker_lite"):
        ts = message.time if message.time is not UNSET else 0
        if message.bid is UNSET or message.ask is UNSET:
            return Said(NOTE, product, ts * NANOS_PER_MS)
        best = [(_number(price), "0") for price in (message.bid, message.ask)]
        return Said(BEST, product, ts * NANOS_PER_MS, bids=best[:1], asks=best[1:])
    if feed == "book_snapshot":
        seq, bids_, asks_ = message.seq, message.bids, message.asks
        if seq is UNSET or bids_ is UNSET or asks_ is UNSET:
            raise missing(seq=seq, bids=bids_, asks=asks_)
        bids, asks = ([(_number(level.price), _number(level.qty)) for level in side] for side in (bids_, asks_))
        ts = message.timestamp if message.timestamp is not UNSET else 0
        return Said(SNAPSHOT, product, ts * NANOS_PER_MS, seq, bids=bids, asks=asks)
    if feed == "trade_snapshot":
        if message.trades is UNSET:
            raise missing(trades=message.trades)
        newest = max((trade.seq for trade in message.trades), default=-1)
        return Said(MARK if newest >= 0 else NOTE, product, last=max(newest, 0))
    if feed == "heartbeat":
        return SESSION
    raise Unfit("unknown_event", "feed", ", ".join(sorted(_FEEDS | {"heartbeat"})), repr(feed))


def _number(raw: Raw) -> str:
    """A JSON number's text, an exponent written out; what is none stays as it is, to be refused."""
    text = bytes(raw).decode()
    if len(text) > NUMBER_BYTES_MAX:
        return text[:NUMBER_BYTES_MAX] + "..."
    if ("e" in text or "E" in text) and text[:1] in "-0123456789":
        mantissa, _, exponent = text.lower().partition("e")
        if abs(int(exponent)) <= EXPONENT_MAX:
            return format(Decimal(mantissa).scaleb(int(exponent)), "f")
    return text


def _market(symbol: str) -> str:
    return _MARKETS.get(symbol[:2].upper(), "inverse")


def _shape(message: Any) -> tuple[str, str] | None:
    known = isinstance(message, dict) and message.get("feed") in _FEEDS and isinstance(message.get("product_id"), str)
    return (_market(message["product_id"]), message["product_id"].upper()) if known else None


def _key(payload: bytes, market: str) -> bytes | None:
    product = _PRODUCT.search(payload)
    if product is None:
        return f"{market}:{SESSION_SYMBOL}".encode()
    return f"{_market(product[1].decode())}:".encode() + product[1]


def _future(instrument_id: int, symbol: str, tick: str | float, lot: str = "1") -> Definition:
    """A future. Inverse: a contract is worth a US dollar and settles in the coin. Linear: sizes are the coin's."""
    market = _market(symbol)
    pair = symbol.split("_")[1]
    base, quote = pair[:-3], pair[-3:]
    return Definition(
        instrument_id=instrument_id, instrument=f"{market}:{symbol}", venue="kraken", market=market,  # type: ignore[arg-type]
        symbol=symbol, base=base, quote=quote, settlement=base if market == "inverse" else quote,
        price_increment=increment(tick), size_increment=increment(lot), multiplier=PRICE_SCALE,
        inverse=market == "inverse",
    )  # fmt: skip


def _definitions(text: bytes, symbols: Sequence[str]) -> dict[str, Definition]:
    """Out of ``/instruments``; a linear contract's lot has ``contractValueTradePrecision`` decimals."""
    listed = (found for found in orjson.loads(text)["instruments"] if found["symbol"].upper() in symbols)
    return {
        found["symbol"].upper(): _future(
            920 + n, found["symbol"].upper(), found["tickSize"],
            str(Decimal(1).scaleb(-int(found.get("contractValueTradePrecision", 0)))),
        )
        for n, found in enumerate(listed)
    }  # fmt: skip


def _ask(what: str, feed: str, symbols: Sequence[str]) -> str:
    return orjson.dumps({"event": what, "feed": feed, "product_ids": list(symbols)}).decode()


_DIALECT = Dialect(
    url="wss://futures.kraken.com/ws/v1", rest_url="https://futures.kraken.com",
    subscribe=lambda symbols: [
        *(_ask("subscribe", feed, symbols) for feed in ("book", "trade", "ticker")),
        '{"event":"subscribe","feed":"heartbeat"}',
    ],
    resubscribe=lambda symbol: [_ask(what, "book", [symbol]) for what in ("unsubscribe", "subscribe")],
    instruments="/derivatives/api/v3/instruments", definitions=_definitions,
)  # fmt: skip

KRAKEN = Venue(
    name="kraken",
    definitions=(
        _future(201, "PI_XBTUSD", "0.5"), _future(202, "PI_ETHUSD", "0.05"), _future(203, "PI_LTCUSD", "0.01"),
        _future(204, "PI_XRPUSD", "0.0001"), _future(205, "PI_BCHUSD", "0.1"),
        _future(206, "FI_XBTUSD_210730", "0.5"), _future(207, "FI_XBTUSD_210924", "0.5"),
        _future(208, "FI_ETHUSD_210730", "0.05"), _future(209, "FI_ETHUSD_211231", "0.05"),
        _future(210, "FI_BCHUSD_210730", "0.1"), _future(211, "FI_BCHUSD_210924", "0.1"),
        _future(212, "FI_XRPUSD_210924", "0.0001"),
        _future(213, "PF_XBTUSD", "1", "0.0001"), _future(214, "PF_ETHUSD", "0.1", "0.001"),
    ),
    reader=reads(said),
    rule=lambda _definition: RULE_IN_STREAM | RULE_TRADES_COUNT_ON,
    shape=_shape,
    key=_key,
    dialects={"inverse": _DIALECT, "linear": _DIALECT},
)  # fmt: skip
"""Futures."""
