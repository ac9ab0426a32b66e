"""Bitstamp, order by order: what became of each order of its spot market, its trades, and the best of its book.

**Book.** ``order_created``, ``order_changed`` and ``order_deleted`` name an order and what is left of it. There is no
snapshot of orders: those that rested before the recording show when they are changed or deleted, and the book counts
as known once its best prices are those of an ``order_book`` message, with which it is compared from then on.

**Times.** ``datetime`` is when an order was created, in seconds, in all that is said of it: only a creation is stamped
by it. Trades bear no time, and no aggressor.

**Payloads** are those of the recorders of that time, ``order_created {...}``, or the venue's own frames,
``{"event": "order_created", "channel": "live_orders", "data": {...}}``. A channel without a pair is of BTC-USD.

Source: Bitstamp documentation, "WebSocket API", channels live_orders, live_trades and order_book.
"""

from __future__ import annotations

import re
from decimal import Decimal, InvalidOperation
from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, Raw, UnsetType

from feeds.envelope import Unfit, missing
from feeds.increments import increment
from feeds.messages import BEST, NOTE, ORDER, SELLER_UNKNOWN, TRADE
from feeds.orders import CHANGED, CREATED, DELETED
from feeds.rules import RULE_FROM_ORDERS, RULE_TRADES_COUNT_ON, RULE_UNNUMBERED
from feeds.said import SESSION, Said, reads
from feeds.venue import Venue
from feeds.wire import Id, decode_with, excerpt
from schemas.definition import Definition
from schemas.errors import BadPayload

NANOS = 1_000_000_000
SECONDS_MAX = 4_102_444_800
"""2100-01-01."""
AMOUNT = Decimal("0.00000001")
"""Amounts have eight decimals; the venue writes those of trades as floats, with what floats add behind."""
NUMBER_BYTES_MAX = 64

_ORDER_EVENTS = {"order_created": CREATED, "order_changed": CHANGED, "order_deleted": DELETED}
_EVENTS = (*_ORDER_EVENTS, "trade", "order_book")
_SESSION_EVENTS = ("bts:subscription_succeeded", "bts:heartbeat", "bts:unsubscription_succeeded")
_NAMED = re.compile(rb"([a-z_]{1,32}) (?=\{)")
_PAIR = re.compile(rb'"channel"\s*:\s*"(?:live_orders|live_trades|order_book)_([a-z]{6,12})"')
_DEFAULT = "BTCUSD"

_Levels = list[tuple[str, str]]


class _Data(msgspec.Struct, gc=False):
    """The fields of all messages read here, under the venue's names; further ones are ignored."""

    id: Id | UnsetType = UNSET
    price: Raw | UnsetType = UNSET
    amount: Raw | UnsetType = UNSET
    order_type: Literal[0, 1] | UnsetType = UNSET
    datetime: Annotated[str, Meta(pattern="^[0-9]{1,10}$")] | UnsetType = UNSET
    bids: _Levels | UnsetType = UNSET
    asks: _Levels | UnsetType = UNSET


class _Frame(msgspec.Struct, gc=False):
    event: str
    data: _Data = msgspec.field(default_factory=_Data)
    channel: str = ""


_decode_data = msgspec.json.Decoder(_Data).decode
_decode_frame = msgspec.json.Decoder(_Frame).decode


def said(value: bytes) -> Said:
    """What a payload means.

    Raises:
        BadPayload: No message, or a field of another type.
        Unfit: A field is missing or impossible.
    """
    named = _NAMED.match(value)
    if named is None:
        frame = decode_with(_decode_frame, value, "Bitstamp")
    else:
        frame = _Frame(named[1].decode(), decode_with(_decode_data, value[named.end() :], "Bitstamp"))
    event, data, symbol = frame.event, frame.data, _symbol(value)
    if event in _ORDER_EVENTS:
        number, price, amount, side = data.id, data.price, data.amount, data.order_type
        if number is UNSET or price is UNSET or amount is UNSET or side is UNSET:
            raise missing(id=number, price=price, amount=amount, order_type=side)
        what = _ORDER_EVENTS[event]
        level = [(_text(price), _text(amount))]
        bids, asks = (level, ()) if side == 0 else ((), level)
        return Said(ORDER, symbol, _seconds(data.datetime) if what == CREATED else 0, number, what, bids, asks)
    if event == "trade":
        number, price, amount = data.id, data.price, data.amount
        if number is UNSET or price is UNSET or amount is UNSET:
            raise missing(id=number, price=price, amount=amount)
        return Said(TRADE, symbol, 0, number, SELLER_UNKNOWN, [(_rounded(_text(price)), _rounded(_text(amount)))])
    if event == "order_book":
        best_bids, best_asks = data.bids, data.asks
        if best_bids is UNSET or best_asks is UNSET:
            raise missing(bids=best_bids, asks=best_asks)
        if not best_bids or not best_asks:
            return Said(NOTE, symbol)
        return Said(BEST, symbol, bids=best_bids[:1], asks=best_asks[:1])
    if event in _SESSION_EVENTS:
        return SESSION
    raise Unfit("unknown_event", "event", ", ".join(_EVENTS), repr(event))


def _text(raw: Raw) -> str:
    """A number as text, whether it is in a string or not; what is none stays as it is, to be refused."""
    text = bytes(raw)
    if len(text) > NUMBER_BYTES_MAX:
        raise BadPayload("a number is too long", kind="not_a_number", got=excerpt(text))
    return text.strip(b'"').decode()


def _rounded(text: str) -> str:
    try:
        number = Decimal(text)
        return format(number.quantize(AMOUNT), "f") if number.is_finite() and abs(number) < NANOS else text
    except InvalidOperation:
        return text


def _seconds(text: str | UnsetType) -> int:
    if text is UNSET:
        return 0
    if int(text) >= SECONDS_MAX:
        raise Unfit("not_a_message", "datetime", "seconds from 1970 to 2100", text)
    return int(text) * NANOS


def _symbol(payload: bytes) -> str:
    pair = _PAIR.search(payload)
    return _DEFAULT if pair is None else pair[1].decode().upper()


def _shape(message: Any) -> tuple[str, str] | None:
    if (
        not isinstance(message, dict)
        or not isinstance(message.get("data"), dict)
        or message.get("event") not in _EVENTS
    ):
        return None
    return "spot", _symbol(b'"channel":"%b"' % str(message.get("channel", "")).encode())


def _spot(instrument_id: int, base: str, quote: str, price_increment: str) -> Definition:
    symbol = base + quote
    return Definition(
        instrument_id=instrument_id, instrument=f"spot:{symbol}", venue="bitstamp", market="spot", symbol=symbol,
        base=base, quote=quote, settlement=quote, price_increment=increment(price_increment),
        size_increment=increment("0.00000001"),
    )  # fmt: skip


BITSTAMP_L3 = Venue(
    name="bitstamp_l3",
    definitions=(_spot(301, "BTC", "USD", "0.01"), _spot(302, "ETH", "USD", "0.01"), _spot(303, "BTC", "EUR", "0.01")),
    reader=reads(said),
    rule=lambda _definition: RULE_UNNUMBERED | RULE_FROM_ORDERS | RULE_TRADES_COUNT_ON,
    shape=_shape,
    key=lambda payload, market: f"{market}:{_symbol(payload)}".encode(),
    dialects={},
    orders=True,
)  # fmt: skip
"""Recorded only: live, Bitstamp gives no snapshot of orders that a book could begin with."""
