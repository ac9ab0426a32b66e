"""The venue's frequent messages straight from bytes to MESSAGE records and levels: a whole batch in one kernel call.

Taken are combined-stream frames ``{"stream":"…","data":{…}}`` of depthUpdate, bookTicker and trade as the venue writes
them: the two keys in this order, no white space, plain tokens (``plain_json.py``), the fields of ``data`` in any order
but ``b`` before ``a``, none of them twice, further fields only with a plain string, a whole number or a truth value.
Every bound and rule is met with room to spare: an id of 19 digits may be right, and is not taken.

**Whatever is not taken is not refused**: ``binance_checked.py`` reads it, and only that reader refuses. So the rule to
keep when this file changes is: take no payload that the other would refuse or read otherwise.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from feeds.arrays import Bytes, Ints, Records
from feeds.binance_numbers import displayed_size
from feeds.kernel import byte, kernel
from feeds.messages import DEPTH, MESSAGE_LEVELS_MAX, NANOS_PER_MS, QUOTE, TRADE
from feeds.plain_json import NOT_PLAIN, PLAIN, QUOTE_MARK, decimal, integer, matches, string
from feeds.wire import EVENT_MS_MAX, PAYLOAD_BYTES_MAX, SYMBOL_CHARS_MAX
from schemas.definition import Definition

SLOT, PUBLISHER, SEQ, TS_RECV, LENGTH = range(5)
"""Columns of an envelope: a payload but for its text, whose length in bytes stands last."""
ENVELOPE_COLUMNS = 5

_INCREMENT, _FUTURES, _CHARS, _SYMBOL = range(4)
"""Columns of an instrument; its symbol's characters follow from the last."""


_PLAIN_SYMBOL = re.compile(rb"[A-Za-z0-9_]{1,%d}" % SYMBOL_CHARS_MAX)


def _text(value: bytes) -> Bytes:
    return np.frombuffer(value, np.uint8)


_HEAD = _text(b'{"stream":"')
_DATA = _text(b',"data":{"')
_BOOK_TICKER_STREAM = _text(b'@bookTicker"')
_DEPTH_UPDATE = _text(b'depthUpdate"')
_BOOK_TICKER = _text(b'bookTicker"')
_TRADE = _text(b'trade"')
_PU = _text(b'pu":')
_TRUE = _text(b"true")
_FALSE = _text(b"false")
_COLON = ord(":")
_COMMA = ord(",")
_OPEN = ord("[")
_CLOSE = ord("]")
_CLOSE_OBJECT = ord("}")

_E, _T, _U, _u, _PU_ID, _t, _B, _A, _b, _a, _p, _q, _BIDS, _ASKS, _m, _e, _s, _SEEN, _ROUNDED, _FIELDS = range(20)
"""Places of ``data``'s fields in the scratch array, grouped by type: times, ids, numbers (``b`` and ``a`` of a depth
message are lists: their lengths), the rest; then a bit for each field seen, and how many sizes were rounded."""

_LETTERS = np.full(256, -1, np.int64)
"""Place of the field with a name of one letter."""
for _letter, _place in {
    "E": _E, "T": _T, "U": _U, "u": _u, "t": _t, "B": _B, "A": _A, "b": _b, "a": _a, "p": _p, "q": _q, "m": _m,
    "e": _e, "s": _s,
}.items():  # fmt: skip
    _LETTERS[ord(_letter)] = _place

_TIMES = 1 << _E | 1 << _T
_LISTS = 1 << _BIDS | 1 << _ASKS
_NEEDED_DEPTH = 1 << _s | 1 << _U | 1 << _u | _LISTS
_NEEDED_QUOTE = 1 << _s | 1 << _u | 1 << _b | 1 << _B | 1 << _a | 1 << _A
_NEEDED_TRADE = 1 << _s | 1 << _t | 1 << _p | 1 << _q | 1 << _m


def instrument_table(definitions: Sequence[Definition]) -> Ints:
    """What the kernel must know of each instrument."""
    table = np.zeros((len(definitions), _SYMBOL + SYMBOL_CHARS_MAX), np.int64)
    for row, definition in zip(table, definitions, strict=True):
        symbol = definition.symbol.encode()
        row[_INCREMENT] = definition.size_increment
        row[_FUTURES] = definition.market != "spot"
        if _PLAIN_SYMBOL.fullmatch(symbol):  # else it has no characters here, and no message matches
            row[_CHARS] = len(symbol)
            row[_SYMBOL : _SYMBOL + len(symbol)] = _text(symbol)
    return table


@kernel
def read_hot(
    text: Bytes, envelopes: Ints, instruments: Ints, messages: Records, prices: Ints, sizes: Ints, left: Ints
) -> int:
    """Read what can be taken.

    Args:
        text: The payloads' texts, each followed by ``plain_json.END``.
        envelopes: Shape (n * ENVELOPE_COLUMNS,); slot and publisher are -1 where unknown.
        instruments: ``instrument_table``.
        messages: Out, MESSAGE; room for n.
        prices: Out, levels' prices; room as ``binance_numbers.level_room``.
        sizes: Out, levels' sizes.
        left: Out, shape (n,): indices of payloads that were not taken, in order.

    Returns:
        Number of messages; all other payloads are in ``left``.
    """
    fields = np.zeros(_FIELDS, np.int64)
    count = 0
    at = 0
    top = 0
    payloads = len(left)
    for i in range(payloads):
        envelope = envelopes[i * ENVELOPE_COLUMNS : (i + 1) * ENVELOPE_COLUMNS]
        end = at + envelope[LENGTH]
        message = messages[count]
        taken = False
        if _is_possible(envelope):
            fields[_SEEN] = 0
            fields[_ROUNDED] = 0
            instrument = instruments[envelope[SLOT]]
            kind, place = _frame(text, at, instrument, fields, prices, sizes, top)
            taken = place == end and _fill(message, kind, instrument, fields, prices, sizes, top)
        if taken:
            message.slot = envelope[SLOT]
            message.publisher = envelope[PUBLISHER]
            message.seq = envelope[SEQ]
            message.ts_recv = envelope[TS_RECV]
            message.cause = i
            top += message.bids + message.asks
            count += 1
        else:
            left[i - count] = i
        at = end + 1
    return count


@kernel
def _is_possible(envelope: Ints) -> bool:
    known = envelope[SLOT] >= 0 and envelope[PUBLISHER] > 0
    return bool(known and envelope[SEQ] >= 0 and envelope[TS_RECV] >= 0 and envelope[LENGTH] <= PAYLOAD_BYTES_MAX)


@kernel
def _frame(
    text: Bytes, at: int, instrument: Ints, fields: Ints, prices: Ints, sizes: Ints, top: int
) -> tuple[int, int]:
    """Fields of a frame; gives the kind and the place after the frame."""
    at = matches(text, at, _HEAD)
    if at == NOT_PLAIN:
        return 0, NOT_PLAIN
    stream = at
    at = string(text, at)
    if at == NOT_PLAIN:
        return 0, NOT_PLAIN
    stream_end = at
    at = matches(text, at, _DATA)
    while at != NOT_PLAIN:
        at = _field(text, at, instrument, fields, prices, sizes, top)
        if at == NOT_PLAIN:
            break
        if byte(text, at) == _COMMA and byte(text, at + 1) == QUOTE_MARK:
            at += 2
        elif byte(text, at) == _CLOSE_OBJECT and byte(text, at + 1) == _CLOSE_OBJECT:
            if fields[_SEEN] & (1 << _e):
                return fields[_e], at + 2
            suffix = stream_end - len(_BOOK_TICKER_STREAM)
            if suffix >= stream and matches(text, suffix, _BOOK_TICKER_STREAM) != NOT_PLAIN:
                return QUOTE, at + 2
            break
        else:
            break
    return 0, NOT_PLAIN


@kernel
def _field(text: Bytes, at: int, instrument: Ints, fields: Ints, prices: Ints, sizes: Ints, top: int) -> int:
    """One field, whose name stands at ``at`` after its quotation mark; gives the place after its value."""
    name = -1
    if PLAIN[byte(text, at)] and byte(text, at + 1) == QUOTE_MARK:
        name = _LETTERS[byte(text, at)]
        at += 2
        if byte(text, at) != _COLON:
            return NOT_PLAIN
        at += 1
    else:
        two = matches(text, at, _PU)
        if two != NOT_PLAIN:
            name = _PU_ID
            at = two
        else:
            at = string(text, at)
            if at == NOT_PLAIN or byte(text, at) != _COLON:
                return NOT_PLAIN
            at += 1
    if name < 0:
        return _other(text, at)
    is_list = byte(text, at) == _OPEN
    if is_list:
        if name == _b:
            name = _BIDS
        elif name == _a and fields[_SEEN] & (1 << _BIDS):
            name = _ASKS
        else:
            return NOT_PLAIN
    if fields[_SEEN] & (1 << name):
        return NOT_PLAIN
    fields[_SEEN] |= 1 << name
    value = 0
    if name <= _t:
        value, at = integer(text, at)
        if name <= _T and value > EVENT_MS_MAX:
            return NOT_PLAIN
    elif is_list:
        before = 0 if name == _BIDS else fields[_BIDS]
        room = MESSAGE_LEVELS_MAX - before
        value, at = _levels(text, at + 1, instrument[_INCREMENT], fields, prices, sizes, top + before, room)
    elif name == _m:
        value, at = _truth(text, at)
    elif byte(text, at) != QUOTE_MARK:
        return NOT_PLAIN
    elif name <= _q:
        value, at = decimal(text, at + 1)
    elif name == _e:
        value, at = _event(text, at + 1)
    else:
        at = _symbol(text, at + 1, instrument)
    fields[name] = value
    return at


@kernel
def _other(text: Bytes, at: int) -> int:
    """The place after a value that is not looked at."""
    if byte(text, at) == QUOTE_MARK:
        return string(text, at + 1)
    _, end = _truth(text, at)
    if end == NOT_PLAIN:
        _, end = integer(text, at)
    return end


@kernel
def _truth(text: Bytes, at: int) -> tuple[int, int]:
    end = matches(text, at, _TRUE)
    if end != NOT_PLAIN:
        return 1, end
    return 0, matches(text, at, _FALSE)


@kernel
def _event(text: Bytes, at: int) -> tuple[int, int]:
    """The kind of an event by its name."""
    end = matches(text, at, _DEPTH_UPDATE)
    if end != NOT_PLAIN:
        return DEPTH, end
    end = matches(text, at, _BOOK_TICKER)
    if end != NOT_PLAIN:
        return QUOTE, end
    return TRADE, matches(text, at, _TRADE)


@kernel
def _symbol(text: Bytes, at: int, instrument: Ints) -> int:
    """The place after the instrument's own symbol."""
    chars = instrument[_CHARS]
    for i in range(chars):
        if byte(text, at + i) != instrument[_SYMBOL + i]:
            return NOT_PLAIN
    at += chars
    return at + 1 if chars > 0 and byte(text, at) == QUOTE_MARK else NOT_PLAIN


@kernel
def _levels(
    text: Bytes, at: int, increment: int, fields: Ints, prices: Ints, sizes: Ints, begin: int, room: int
) -> tuple[int, int]:
    """A list of ``["price","size"]``; ``at`` is after its bracket. Gives how many, and the place after the list."""
    if byte(text, at) == _CLOSE:
        return 0, at + 1
    for count in range(room):
        if byte(text, at) != _OPEN or byte(text, at + 1) != QUOTE_MARK:
            return 0, NOT_PLAIN
        price, at = decimal(text, at + 2)
        if at == NOT_PLAIN or price == 0 or byte(text, at) != _COMMA or byte(text, at + 1) != QUOTE_MARK:
            return 0, NOT_PLAIN
        size, at = decimal(text, at + 2)
        if at == NOT_PLAIN or byte(text, at) != _CLOSE:
            return 0, NOT_PLAIN
        prices[begin + count] = price
        sizes[begin + count], rounded = displayed_size(size, increment)
        fields[_ROUNDED] += rounded
        at += 1
        if byte(text, at) == _CLOSE:
            return count + 1, at + 1
        if byte(text, at) != _COMMA:
            return 0, NOT_PLAIN
        at += 1
    return 0, NOT_PLAIN


@kernel
def _fill(message: Any, kind: int, instrument: Ints, fields: Ints, prices: Ints, sizes: Ints, top: int) -> bool:
    """Check that a message is whole, and lay its fields out; whether it may be taken."""
    seen = fields[_SEEN]
    timed = seen & _TIMES != 0
    if kind == DEPTH:
        needed = _NEEDED_DEPTH | (1 << _PU_ID if instrument[_FUTURES] else 0)
        unfit = 1 << _b | 1 << _a
    elif kind == QUOTE:
        needed = _NEEDED_QUOTE
        unfit = _LISTS
    else:
        needed = _NEEDED_TRADE
        unfit = _LISTS
    if seen & (needed | unfit) != needed or not (timed or kind == QUOTE):
        return False
    message.kind = kind
    message.begin = top
    message.seller = 0
    message.previous = -1
    if kind == DEPTH:
        if fields[_U] > fields[_u]:
            return False
        message.first = fields[_U]
        message.last = fields[_u]
        if seen & (1 << _PU_ID):
            message.previous = fields[_PU_ID]
        message.bids = fields[_BIDS]
        message.asks = fields[_ASKS]
    elif kind == QUOTE:
        message.first = message.last = fields[_u]
        message.bids = message.asks = 1
        increment = instrument[_INCREMENT]
        if not _number(fields, _b, _B, increment, prices, sizes, top):
            return False
        if not _number(fields, _a, _A, increment, prices, sizes, top + 1):
            return False
    else:
        message.first = message.last = fields[_t]
        message.seller = fields[_m]
        message.bids = 1
        message.asks = 0
        if not _number(fields, _p, _q, instrument[_INCREMENT], prices, sizes, top) or fields[_ROUNDED]:
            return False
    message.rounded = fields[_ROUNDED]
    ts = fields[_T] if seen & (1 << _T) else fields[_E] if timed else 0
    message.ts_event = ts * NANOS_PER_MS
    message.ts_venue = (fields[_E] if seen & (1 << _E) else ts) * NANOS_PER_MS
    return True


@kernel
def _number(fields: Ints, price: int, size: int, increment: int, prices: Ints, sizes: Ints, at: int) -> bool:
    """One level of a price and a size that are both above zero."""
    prices[at] = fields[price]
    sizes[at], rounded = displayed_size(fields[size], increment)
    fields[_ROUNDED] += rounded
    return bool(fields[price] > 0 and fields[size] > 0)
