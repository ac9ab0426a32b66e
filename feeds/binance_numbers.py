"""Prices and sizes of a batch of messages: raw JSON text to int64 levels, in one kernel call.

A message brings *spans* of JSON text, by kind:

=============  ===========================================================
depth          ``b`` and ``a``: lists of ``["price", "size"]``
snapshot       ``bids`` and ``asks``: the same
bookTicker     ``b``, ``B``, ``a``, ``A``: strings
trade          ``p``, ``q``: strings
bust           none
=============  ===========================================================

and gets a run of levels: its bids, then its offers (a trade: one level). What is wrong with a message is noted with the
place of the offending text; its levels are then not used at all.

**Displayed sizes off the grid are rounded down** to the instrument's size_increment, but never to nothing. The venue
has raised its lot sizes over the years, and orders older than that still rest in its books: 5 levels in the recorded
data, e.g. 25.426189 BTC at 200,000 where the lot is 0.00001. What is rounded away cannot be traded; to refuse the
message would tear a hole into the book. Traded sizes are whole lots by the venue's own rule: off the grid they are
refused.
"""

from __future__ import annotations

import numpy as np

from feeds.arrays import Bytes, Ints, Records
from feeds.decimal import NEGATIVE, NOT_A_NUMBER, NOT_FINITE, OK, REASONS, TOO_FINE, TOO_LARGE, parse_decimal
from feeds.kernel import kernel
from feeds.messages import BUST, DEPTH, MESSAGE_LEVELS_MAX, QUOTE, SNAPSHOT, TRADE

SPANS: dict[int, tuple[str, ...]] = {
    DEPTH: ("b", "a"),
    SNAPSHOT: ("bids", "asks"),
    QUOTE: ("b", "B", "a", "A"),
    TRADE: ("p", "q"),
    BUST: (),
}
"""Fields whose text a message brings, by kind."""

LEVEL_BYTES_MIN = 6
"""Shortest text of a level, ``"1""1"``: bounds how many levels a text can hold."""

NOT_A_STRING = 16
NOT_LEVELS = 17
ZERO_PRICE = 18
ZERO_SIZE = 19
OFF_GRID = 20
TOO_MANY_LEVELS = 21
OFF_STEP = 22

FAULTS: dict[int, str] = {
    **{code: f"a number {reason}" for code, reason in REASONS.items()},
    NOT_A_STRING: "a number is not in a JSON string",
    NOT_LEVELS: 'no list of ["price", "size"]',
    ZERO_PRICE: "a price is zero",
    ZERO_SIZE: "a size is zero",
    OFF_GRID: "a traded size is no multiple of the instrument's size_increment",
    OFF_STEP: "no multiple of the instrument's price_increment",
    TOO_MANY_LEVELS: f"more than {MESSAGE_LEVELS_MAX} levels",
}

FAULT_KINDS: dict[int, str] = {
    NOT_A_NUMBER: "not_a_number",
    NOT_FINITE: "not_finite",
    NEGATIVE: "negative",
    TOO_FINE: "too_fine",
    TOO_LARGE: "absurd_number",
    NOT_A_STRING: "not_a_string",
    NOT_LEVELS: "not_levels",
    ZERO_PRICE: "zero_price",
    ZERO_SIZE: "zero_size",
    OFF_GRID: "off_grid",
    OFF_STEP: "off_increment",
    TOO_MANY_LEVELS: "too_many_levels",
}
"""Kinds of ``schemas/error_kinds.py`` that they are."""

FAULT_CODE, FAULT_SPAN, FAULT_BEGIN, FAULT_END, ROUNDED = 0, 1, 2, 3, 4
"""Columns of a note: what is wrong, in which of the message's spans, where the text stands; sizes rounded."""
NOTE_COLUMNS = 5

_QUOTE_MARK = ord('"')
_BACKSLASH = ord("\\")
_OPEN = ord("[")
_CLOSE = ord("]")
_COMMA = ord(",")


@kernel
def read_numbers(
    messages: Records, buffer: Bytes, offsets: Ints, increments: Ints, prices: Ints, sizes: Ints, notes: Ints
) -> int:
    """Read all messages' spans; set ``begin``, ``bids``, ``asks`` and ``rounded`` of each message.

    Args:
        messages: MESSAGE records, shape (n,).
        buffer: All spans, joined.
        offsets: Shape (spans + 1,): where each begins.
        increments: size_increment by slot, in 1e-9.
        prices: Out, in 1e-9; room for ``len(buffer) // LEVEL_BYTES_MIN + 1``.
        sizes: Out, in units of size_increment.
        notes: Out, shape (n, NOTE_COLUMNS), zeros before.

    Returns:
        Number of messages with a fault.
    """
    span = 0
    at = 0
    bad = 0
    for i in range(len(messages)):
        message = messages[i]
        increment = increments[message.slot]
        message.begin = at
        note = notes[i]
        if message.kind == DEPTH or message.kind == SNAPSHOT:
            room = at + MESSAGE_LEVELS_MAX
            middle = _levels(buffer, offsets[span], offsets[span + 1], increment, prices, sizes, at, room, note)
            end = middle
            if note[FAULT_CODE] == OK:
                note[FAULT_SPAN] = 1
                end = _levels(
                    buffer, offsets[span + 1], offsets[span + 2], increment, prices, sizes, middle, room, note
                )
            span += 2
        elif message.kind == BUST:
            middle = end = at
        else:
            middle = _pair(buffer, offsets, span, increment, prices, sizes, message.begin, note)
            end = middle
            span += 2
            if message.kind == QUOTE:
                if note[FAULT_CODE] == OK:
                    note[FAULT_SPAN] = 2
                    end = _pair(buffer, offsets, span, increment, prices, sizes, middle, note)
                span += 2
        if note[FAULT_CODE] == OK and note[ROUNDED] > 0 and message.kind == TRADE:
            _fault(note, OFF_GRID, offsets[span - 1], offsets[span])
        if note[FAULT_CODE] == OK:
            message.bids = middle - at
            message.asks = end - middle
            message.rounded = note[ROUNDED]
            at = end
        else:
            bad += 1
    return bad


@kernel
def _pair(
    buffer: Bytes, offsets: Ints, span: int, increment: int, prices: Ints, sizes: Ints, at: int, note: Ints
) -> int:
    """A price and a size in two spans, neither zero; returns the next free level."""
    _price(buffer, offsets[span], offsets[span + 1], prices, at, note)
    if note[FAULT_CODE] == OK:
        note[FAULT_SPAN] += 1
        _size(buffer, offsets[span + 1], offsets[span + 2], increment, sizes, at, note)
        if note[FAULT_CODE] == OK and sizes[at] == 0:
            _fault(note, ZERO_SIZE, offsets[span + 1], offsets[span + 2])
    return at + 1


@kernel
def _levels(
    buffer: Bytes, begin: int, end: int, increment: int, prices: Ints, sizes: Ints, at: int, room: int, note: Ints
) -> int:
    """A JSON list of ``["price", "size"]``; returns the next free level, below ``room``. A size of zero removes one."""
    i = _blank(buffer, begin, end)
    if i == end or buffer[i] != _OPEN:
        return _fault(note, NOT_LEVELS, begin, end)
    i = _blank(buffer, i + 1, end)
    if i < end and buffer[i] == _CLOSE:
        return at
    while i < end:
        level = i
        if at == room:
            return _fault(note, TOO_MANY_LEVELS, begin, end)
        if buffer[i] != _OPEN:
            return _fault(note, NOT_LEVELS, level, end)
        price_from = _blank(buffer, i + 1, end)
        price_end = _string_end(buffer, price_from, end)
        i = _blank(buffer, price_end, end)
        if price_end == price_from or i == end or buffer[i] != _COMMA:
            return _fault(note, NOT_LEVELS, level, end)
        size_from = _blank(buffer, i + 1, end)
        size_end = _string_end(buffer, size_from, end)
        i = _blank(buffer, size_end, end)
        if size_end == size_from or i == end or buffer[i] != _CLOSE:
            return _fault(note, NOT_LEVELS, level, end)
        _price(buffer, price_from, price_end, prices, at, note)
        if note[FAULT_CODE] == OK:
            _size(buffer, size_from, size_end, increment, sizes, at, note)
        if note[FAULT_CODE] != OK:
            return at
        at += 1
        i = _blank(buffer, i + 1, end)
        if i < end and buffer[i] == _CLOSE:
            return at
        if i == end or buffer[i] != _COMMA:
            return _fault(note, NOT_LEVELS, level, end)
        i = _blank(buffer, i + 1, end)
    return _fault(note, NOT_LEVELS, begin, end)


@kernel
def _price(buffer: Bytes, begin: int, end: int, prices: Ints, at: int, note: Ints) -> None:
    value, code = _number(buffer, begin, end)
    prices[at] = value
    if code == OK and value == 0:
        code = ZERO_PRICE
    if code != OK:
        _fault(note, code, begin, end)


@kernel
def _size(buffer: Bytes, begin: int, end: int, increment: int, sizes: Ints, at: int, note: Ints) -> None:
    value, code = _number(buffer, begin, end)
    if code != OK:
        _fault(note, code, begin, end)
    sizes[at], rounded = displayed_size(value, increment)
    note[ROUNDED] += rounded


@kernel
def displayed_size(value: int, increment: int) -> tuple[int, int]:
    """A size in 1e-9 in units of the grid, and 1 if it was rounded to it, else 0."""
    size = value // increment
    if size * increment == value:
        return size, 0
    return max(size, 1), 1


@kernel
def _number(buffer: Bytes, begin: int, end: int) -> tuple[int, int]:
    """A decimal in a JSON string without escapes, nothing around it."""
    if end - begin < 2 or buffer[begin] != _QUOTE_MARK or buffer[end - 1] != _QUOTE_MARK:
        return 0, NOT_A_STRING
    if end - begin == 2:
        return 0, NOT_A_NUMBER
    return parse_decimal(buffer, begin + 1, end - 1)


@kernel
def _string_end(buffer: Bytes, at: int, end: int) -> int:
    """Where the JSON string that begins at ``at`` ends; ``at`` when there is none without escapes."""
    if at >= end or buffer[at] != _QUOTE_MARK:
        return at
    for i in range(at + 1, end):
        if buffer[i] == _QUOTE_MARK:
            return i + 1
        if buffer[i] == _BACKSLASH:
            return at
    return at


@kernel
def _blank(buffer: Bytes, at: int, end: int) -> int:
    """The next place that is not JSON white space."""
    while at < end and (buffer[at] == 32 or buffer[at] == 9 or buffer[at] == 10 or buffer[at] == 13):
        at += 1
    return at


@kernel
def _fault(note: Ints, code: int, begin: int, end: int) -> int:
    note[FAULT_CODE] = code
    note[FAULT_BEGIN] = begin
    note[FAULT_END] = end
    return 0


def level_room(text_bytes: int) -> tuple[Ints, Ints]:
    """Empty arrays for the prices and sizes of so much text."""
    levels = text_bytes // LEVEL_BYTES_MIN + 1
    return np.empty(levels, np.int64), np.empty(levels, np.int64)
