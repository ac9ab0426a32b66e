"""Trades that the venue thinks again about: taken back (a bust), or told anew (a correction).

What is out stays out: a row is appended that takes the trade back as it was told last, and for a correction a second
one with the trade as it is now (``schemas/tick.py``). To know what there is to take back, each instrument keeps what
its newest trades said, beside their ids (``recent_ids.py``): price, size, aggressor and venue time.

**What is no amendment.** The same word again is a repeat, and so is one that the venue said before the word that holds
now: a connection that lags behind takes no correction back. A trade whose id has left the ring, was never seen, or was
busted before cannot be amended: the message is refused, and whoever reads the dead letter knows what still stands.
"""

from __future__ import annotations

from typing import Any

from feeds.arrays import Ints
from feeds.book_tables import STREAM_TRADE, Tables
from feeds.kernel import kernel
from feeds.messages import BUST, SELLER_UNKNOWN, TRADE
from feeds.recent_ids import place_of
from feeds.rules import RULE_REPEATS_CORRECT
from feeds.tick_rows import Output, advance, finish_row, next_row, note_lateness
from schemas.tick import (
    ACTION_NONE,
    FLAG_CORRECTION,
    FLAG_RETRACTION,
    FLAGS_AMENDED,
    SIDE_ASK,
    SIDE_BID,
    SIDE_NONE,
)  # fmt: skip

PRICE, SIZE, SELLER, TS_VENUE = range(4)
"""Columns of a trade's word; the seller is that of its message, or ``BUSTED`` more."""
BUSTED = 4


@kernel
def note_trade(tables: Tables, message: Any, price: int, size: int) -> None:
    """Keep what a trade says whose id was taken in last."""
    count = tables.recent.counts[message.slot, STREAM_TRADE]
    words = tables.traded[message.slot]
    _say(words[(count - 1) % len(words)], message, price, size)


@kernel
def amend(tables: Tables, state: Any, message: Any, prices: Ints, sizes: Ints, output: Output) -> bool:
    """Apply a bust, a correction, or a trade whose id was seen before; False: none, nothing is changed."""
    at = place_of(tables.recent, message.slot, STREAM_TRADE, message.last)
    if at < 0:
        return False
    word = tables.traded[message.slot, at]
    if word[SELLER] >= BUSTED:
        if message.kind != BUST and message.kind != TRADE:
            return False
        state.duplicates += 1
        return True
    price, size = word[PRICE], word[SIZE]
    if message.kind != BUST:
        price, size = prices[message.begin], sizes[message.begin]
        same = price == word[PRICE] and size == word[SIZE] and message.seller == word[SELLER]
        if same or _is_stale(state, message, word[TS_VENUE]):
            state.duplicates += 1
            return True
    note_lateness(tables, state, message)
    log_time = advance(tables, message)
    row = next_row(output, message.cause)
    _lay_out(row, word[PRICE], word[SIZE], word[SELLER])
    if message.kind == BUST:
        finish_row(state, message, row, log_time, FLAG_RETRACTION)
        word[SELLER] += BUSTED
        state.busted += 1
        return True
    finish_row(state, message, row, log_time, FLAGS_AMENDED)
    _say(word, message, price, size)
    row = next_row(output, message.cause)
    _lay_out(row, price, size, message.seller)
    finish_row(state, message, row, log_time, FLAG_CORRECTION)
    row.root_part = 1
    state.corrected += 1
    return True


@kernel
def _is_stale(state: Any, message: Any, ts_venue: int) -> bool:
    """Whether a word came from the venue before the one that holds.

    A repeated trade must be later than what it corrects, and only where the venue corrects so. A correction that is
    called one need not tell its time.
    """
    if message.kind == TRADE:
        return bool(state.rule & RULE_REPEATS_CORRECT == 0 or message.ts_venue <= ts_venue)
    return bool(0 < message.ts_venue < ts_venue)


@kernel
def _say(word: Ints, message: Any, price: int, size: int) -> None:
    word[PRICE] = price
    word[SIZE] = size
    word[SELLER] = message.seller
    word[TS_VENUE] = message.ts_venue


@kernel
def _lay_out(row: Any, price: int, size: int, seller: int) -> None:
    row.price = price
    row.size = size
    row.action = ACTION_NONE
    row.side = aggressor(seller)


@kernel
def aggressor(seller: int) -> int:
    """Side of a trade."""
    if seller == SELLER_UNKNOWN:
        return SIDE_NONE
    return SIDE_ASK if seller == 1 else SIDE_BID
