"""Messages of a simulated instrument in Binance's wire format, written byte by byte into the output.

Times on the wire are the venue's: its clock runs ahead of ours by ``session[SKEW]`` and drifts, to and fro.
"""

from __future__ import annotations

import numpy as np

from feeds.arrays import Bytes
from feeds.draw_kernels import below, exponential
from feeds.kernel import kernel
from feeds.messages import DEPTH, QUOTE, SNAPSHOT, TRADE
from feeds.simulated_state import ASKS, BIDS, RECEIVED, SKEW, START_MS, Market, Output

DRIFT_PER_S_NS = 1_000_000
"""The venue's clock gains so much each second ..."""
DRIFT_TURN_NS = 600_000_000_000
"""... until it has gained for so long; then it loses as much, and so on."""

LATENCY_NS = 3_000_000
JITTER_NS = 900_000
"""From the venue to us: at least, and the mean of what comes on top."""

UPPER, LOWER = 0, 1


def _text(value: str) -> Bytes:
    return np.array(list(value.encode()), np.uint8)


_STREAM = _text('{"stream":"')
_TRADE = _text('@trade","data":{"e":"trade","E":')
_QUOTE_SPOT = _text('@bookTicker","data":{"u":')
_QUOTE_FUTURES = _text('@bookTicker","data":{"e":"bookTicker","u":')
_DEPTH_SPOT = _text('@depth@100ms","data":{"e":"depthUpdate","E":')
_DEPTH_FUTURES = _text('@depth@0ms","data":{"e":"depthUpdate","E":')
_LAST_ID = _text('{"lastUpdateId":')
_E = _text(',"E":')
_T = _text(',"T":')
_S = _text(',"s":"')
_TRADE_ID = _text('","t":')
_P = _text(',"p":"')
_Q = _text('","q":"')
_B = _text(',"b":"')
_QUOTE_B = _text('","b":"')
_B_SIZE = _text('","B":"')
_A = _text('","a":"')
_A_SIZE = _text('","A":"')
_FIRST = _text('","U":')
_LAST = _text(',"u":')
_PREVIOUS = _text(',"pu":')
_BIDS = _text(',"b":[')
_ASKS = _text('],"a":[')
_SNAP_BIDS = _text(',"bids":[')
_SNAP_ASKS = _text('],"asks":[')
_TRUE = _text("true")
_FALSE = _text("false")
_MAKER_SPOT = _text(',"m":')
_MAKER_FUTURES = _text(',"X":"MARKET","m":')
_MATCHED = _text(',"M":true}}')
_OPEN = _text('["')
_BETWEEN = _text('","')
_CLOSE = _text('"]')
_END = _text("}}")
_END_QUOTED = _text('"}}')
_END_LIST = _text("]}}")
_END_SNAPSHOT = _text("]}")

_COMMA, _DOT, _ZERO, _QUOTE_MARK = 44, 46, 48, 34


@kernel
def stamp(market: Market, slot: int, now: int) -> int:
    """Transaction time in ms by the venue's clock; never back within an instrument."""
    session = market.session
    turn = now % (2 * DRIFT_TURN_NS)
    drift = min(turn, 2 * DRIFT_TURN_NS - turn) // 1000 * (DRIFT_PER_S_NS // 1_000_000)
    latency = LATENCY_NS + exponential(market.words, JITTER_NS)
    one = market.instruments[slot]
    one.event_ms = max(one.event_ms, session[START_MS] + (now + session[SKEW] + drift - latency) // 1_000_000)
    return int(one.event_ms)


@kernel
def write_trade(market: Market, slot: int, now: int, ms: int, price: int, lots: int, buyer: bool, out: Output) -> None:
    """A trade; the aggressor is the buyer or the seller."""
    one = market.instruments[slot]
    one.trade_id += 1
    text = out.text
    at = _stream(market, slot, _TRADE, out)
    at = _number(text, at, ms + 1)
    if one.futures == 1:
        at = _number(text, _put(text, at, _T), ms)
    at = _name(market, slot, UPPER, text, _put(text, at, _S))
    at = _number(text, _put(text, at, _TRADE_ID), one.trade_id)
    at = _fixed(text, _put(text, at, _P), price * one.price_unit, one.price_places)
    at = _fixed(text, _put(text, at, _Q), lots * one.size_unit, one.size_places)
    text[at] = _QUOTE_MARK
    at += 1
    if one.futures == 0:
        at = _number(text, _put(text, at, _T), ms)
        at = _put(text, at, _MAKER_SPOT)
    else:
        at = _put(text, at, _MAKER_FUTURES)
    at = _put(text, at, _FALSE if buyer else _TRUE)
    at = _put(text, at, _MATCHED if one.futures == 0 else _END)
    _done(market, slot, TRADE, now, at, out)


@kernel
def write_quote(market: Market, slot: int, now: int, ms: int, out: Output) -> None:
    """The touch, unless it is as last said or one side is empty."""
    one = market.instruments[slot]
    if market.counts[slot, BIDS] == 0 or market.counts[slot, ASKS] == 0:
        return
    bid, bid_lots = market.prices[slot, BIDS, 0], market.lots[slot, BIDS, 0]
    ask, ask_lots = market.prices[slot, ASKS, 0], market.lots[slot, ASKS, 0]
    if (
        one.quoted_bid == bid
        and one.quoted_ask == ask
        and one.quoted_bid_lots == bid_lots
        and one.quoted_ask_lots == ask_lots
    ):
        return
    one.quoted_bid, one.quoted_ask, one.quoted_bid_lots, one.quoted_ask_lots = bid, ask, bid_lots, ask_lots
    text = out.text
    at = _stream(market, slot, _QUOTE_SPOT if one.futures == 0 else _QUOTE_FUTURES, out)
    at = _number(text, at, one.update_id)
    at = _name(market, slot, UPPER, text, _put(text, at, _S))
    at = _fixed(text, _put(text, at, _QUOTE_B), bid * one.price_unit, one.price_places)
    at = _fixed(text, _put(text, at, _B_SIZE), bid_lots * one.size_unit, one.size_places)
    at = _fixed(text, _put(text, at, _A), ask * one.price_unit, one.price_places)
    at = _fixed(text, _put(text, at, _A_SIZE), ask_lots * one.size_unit, one.size_places)
    if one.futures == 1:
        text[at] = _QUOTE_MARK
        at = _number(text, _put(text, at + 1, _T), ms)
        at = _number(text, _put(text, at, _E), ms + 1)
        at = _put(text, at, _END)
    else:
        at = _put(text, at, _END_QUOTED)
    _done(market, slot, QUOTE, now, at, out)


@kernel
def write_difference(market: Market, slot: int, now: int, ms: int, out: Output) -> None:
    """All changes since the last difference."""
    one = market.instruments[slot]
    text = out.text
    at = _stream(market, slot, _DEPTH_SPOT if one.futures == 0 else _DEPTH_FUTURES, out)
    at = _number(text, at, ms + 1)
    if one.futures == 1:
        at = _number(text, _put(text, at, _T), ms)
    at = _name(market, slot, UPPER, text, _put(text, at, _S))
    at = _number(text, _put(text, at, _FIRST), one.sent_id + 1)
    at = _number(text, _put(text, at, _LAST), one.update_id)
    if one.futures == 1:
        at = _number(text, _put(text, at, _PREVIOUS), one.sent_id)
    for side in range(2):
        at = _put(text, at, _BIDS if side == BIDS else _ASKS)
        first = True
        for i in range(one.changes):
            change = market.changed[slot, i]
            if change[0] == side:
                at = _level(market, slot, text, at, first, change[1], change[2])
                first = False
    at = _put(text, at, _END_LIST)
    one.changes = 0
    one.sent_id = one.update_id
    _done(market, slot, DEPTH, now, at, out)


@kernel
def write_snapshot(market: Market, slot: int, now: int, ms: int, out: Output) -> None:
    """The whole book, as the REST endpoint gives it; its id lies inside the next difference if any change is noted."""
    one = market.instruments[slot]
    text = out.text
    at = _put(text, out.filled[1], _LAST_ID)
    at = _number(text, at, one.update_id)
    if one.futures == 1:
        at = _number(text, _put(text, at, _E), ms + 1)
        at = _number(text, _put(text, at, _T), ms)
    for side in range(2):
        at = _put(text, at, _SNAP_BIDS if side == BIDS else _SNAP_ASKS)
        for i in range(market.counts[slot, side]):
            at = _level(market, slot, text, at, i == 0, market.prices[slot, side, i], market.lots[slot, side, i])
    at = _put(text, at, _END_SNAPSHOT)
    _done(market, slot, SNAPSHOT, now, at, out)


@kernel
def _stream(market: Market, slot: int, kind: Bytes, out: Output) -> int:
    at = _put(out.text, out.filled[1], _STREAM)
    return _put(out.text, _name(market, slot, LOWER, out.text, at), kind)


@kernel
def _done(market: Market, slot: int, kind: int, now: int, end: int, out: Output) -> None:
    """Note a message that is written. One socket reads them all: what comes at once is read within microseconds."""
    session = market.session
    wait = 350 + exponential(market.words, 800)
    if below(market.words, 10) == 0:
        wait += exponential(market.words, 6_000)
    session[RECEIVED] = max(now, session[RECEIVED] + wait)
    meta = out.meta[out.filled[0]]
    meta.ts = session[RECEIVED]
    meta.slot = slot
    meta.kind = kind
    meta.begin = out.filled[1]
    meta.end = end
    out.filled[0] += 1
    out.filled[1] = end


@kernel
def _level(market: Market, slot: int, text: Bytes, at: int, first: bool, price: int, lots: int) -> int:
    one = market.instruments[slot]
    if not first:
        text[at] = _COMMA
        at += 1
    at = _fixed(text, _put(text, at, _OPEN), price * one.price_unit, one.price_places)
    at = _fixed(text, _put(text, at, _BETWEEN), lots * one.size_unit, one.size_places)
    return _put(text, at, _CLOSE)


@kernel
def _name(market: Market, slot: int, case: int, text: Bytes, at: int) -> int:
    for i in range(market.instruments[slot].symbol_bytes):
        text[at + i] = market.symbols[slot, case, i]
    return int(at + market.instruments[slot].symbol_bytes)


@kernel
def _put(text: Bytes, at: int, piece: Bytes) -> int:
    for i in range(len(piece)):
        text[at + i] = piece[i]
    return at + len(piece)


@kernel
def _number(text: Bytes, at: int, value: int) -> int:
    """A whole number from 0."""
    digits = 1
    rest = value
    while rest >= 10:
        rest //= 10
        digits += 1
    for i in range(at + digits - 1, at - 1, -1):
        text[i] = _ZERO + value % 10
        value //= 10
    return at + digits


@kernel
def _fixed(text: Bytes, at: int, value: int, places: int) -> int:
    """A number in units of its last decimal."""
    scale = 1
    for _ in range(places):
        scale *= 10
    at = _number(text, at, value // scale)
    if places:
        text[at] = _DOT
        rest = value % scale
        for i in range(at + places, at, -1):
            text[i] = _ZERO + rest % 10
            rest //= 10
        at += places + 1
    return at
