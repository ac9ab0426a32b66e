"""Messages to tick rows: depth synchronised by update id, the touch moved forward only, everything counted.

**Synchronisation** follows Binance's "How to manage a local order book correctly". Differences wait until a snapshot
comes, with ``lastUpdateId`` = L:

=================  ==========================  ============================
difference         spot                        linear, inverse
=================  ==========================  ============================
too old: dropped   u <= L                      u < L
first must have    U <= L + 1 <= u             U <= L <= u
each next one      U == previous u + 1         pu == previous u
=================  ==========================  ============================

Venues that send the snapshot in the stream (``RULE_IN_STREAM``) begin the book anew with each, and what comes before
one is discarded. Kraken counts on by one as spot does; Coinbase's differences bear no number (``RULE_UNNUMBERED``), so
that its holes show in trade ids alone, which count on by one (``RULE_TRADES_COUNT_ON``).

Whatever does not fit is a gap: the book is not known any more, and differences wait again, this one included, until a
snapshot that is not older than the book was. A snapshot that is newer than a known book replaces it; any other is
ignored.

**The touch** belongs to the highest update id that spoke of it, a difference's or a bookTicker's: an older word moves
nothing, the same id again confirms it. Snapshots give no row and move no touch.

**Rows**: one per applied difference, bookTicker and trade. A difference that waited gives its row when the snapshot
comes, with its own stamps. A repeated id gives none; a late one gives none (difference) or a flagged one. A trade that
is taken back or corrected gives one or two (``amendments.py``).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from feeds.amendments import aggressor, amend, note_trade
from feeds.arrays import Ints, Records
from feeds.book import ASK, BID, best, clear, set_level
from feeds.book_tables import STREAM_DEPTH, STREAM_QUOTE, STREAM_TRADE, Tables, tables_of
from feeds.kernel import kernel
from feeds.messages import BEST, BUST, CORRECTION, DEPTH, MARK, QUOTE, SNAPSHOT, TOP, TRADE
from feeds.quote_rings import DIFFERS, UNMATCHED, compare_quote, note_quote
from feeds.recent_ids import NEW, OLDER, REPEAT, forget, remember
from feeds.rules import RULE_FROM_ORDERS, RULE_FUTURES, RULE_IN_STREAM, RULE_TRADES_COUNT_ON, RULE_UNNUMBERED
from feeds.tick_rows import Output, advance, finish_row, move_touch, next_row, note_lateness, offer_alone
from feeds.top_of_book import on_top
from feeds.waiting import pop, push
from schemas.tick import (
    ACTION_MODIFY,
    ACTION_TRADE,
    FLAG_BUFFERED,
    FLAG_OUT_OF_ORDER,
    SIDE_NONE,
)  # fmt: skip

FITS, STALE, GAP = 0, 1, 2


@kernel
def apply_messages(
    memory: Ints, messages: Records, prices: Ints, sizes: Ints, rows: Records, causes: Ints
) -> tuple[int, int]:
    """Apply a batch in order.

    Args:
        memory: The state (``book_tables.py``); changed.
        messages: MESSAGE records.
        prices: Their levels' prices, 1e-9.
        sizes: Their levels' sizes, units of size_increment.
        rows: Out, zeros before; room for two per message and one per waiting difference.
        causes: Out, as long; at its end, from the last on, the numbers of refused messages.

    Returns:
        Number of rows, and of messages that amend a trade which is not known.
    """
    tables = tables_of(memory)
    output = Output(rows, causes, np.zeros(1, np.int64))
    refused = 0
    for i in range(len(messages)):
        message = messages[i]
        state = tables.instruments[message.slot]
        state.messages += 1
        state.rounded += message.rounded
        if message.kind == SNAPSHOT and state.rule & RULE_IN_STREAM:
            _begin_anew(tables, state, message, prices, sizes)
        elif message.kind == SNAPSHOT:
            _on_snapshot(tables, state, message, prices, sizes, output)
        elif message.kind == DEPTH and state.rule & RULE_UNNUMBERED:
            _on_unnumbered(tables, state, message, prices, sizes, output)
        elif message.kind == DEPTH:
            _on_difference(tables, state, messages, i, prices, sizes, output)
        elif message.kind == MARK:
            _on_mark(tables, state, message)
        elif message.kind == BEST:
            _on_best(tables, state, message, prices)
        elif message.kind == QUOTE or message.kind == TRADE:
            _on_quote_or_trade(tables, state, message, prices, sizes, output)
        elif message.kind == TOP:
            on_top(tables, state, message, prices, sizes, output)
        elif (message.kind == BUST or message.kind == CORRECTION) and not amend(
            tables, state, message, prices, sizes, output
        ):
            refused += 1
            state.messages -= 1
            causes[len(causes) - refused] = i
    return output.filled[0], refused


@kernel
def verdict(state: Any, message: Any) -> int:
    """Whether a difference FITS the book, is STALE, or shows a GAP (the table above)."""
    last = state.last_id
    if state.primed == 1:
        if state.rule & RULE_FUTURES:
            return FITS if message.previous == last else GAP
        return FITS if message.first == last + 1 else GAP
    if state.rule & RULE_FUTURES:
        if message.last < last:
            return STALE
        return FITS if message.first <= last <= message.last else GAP
    if message.last <= last:
        return STALE
    return FITS if message.first <= last + 1 <= message.last else GAP


@kernel
def _on_snapshot(tables: Tables, state: Any, message: Any, prices: Ints, sizes: Ints, output: Output) -> None:
    if message.last < state.last_id or (state.synced == 1 and message.last == state.last_id):
        return
    _load_book(tables, message, prices, sizes)
    state.last_id = message.last
    state.synced = 1
    state.primed = 0
    waiting, slot = tables.waiting, message.slot
    while waiting.counts[slot, 0] > 0:
        difference = waiting.messages[slot, waiting.heads[slot, 0]]
        answer = verdict(state, difference)
        if answer == GAP:
            # A hole between two that waited was counted when the later one came; here only the snapshot's is new.
            state.gaps += 1 - state.primed
            state.synced = 0
            return
        if answer == STALE:
            state.discarded += 1
        else:
            prices, sizes = waiting.prices[slot], waiting.sizes[slot]
            _apply_difference(tables, state, difference, prices, sizes, output, message.cause, True)
        pop(waiting, slot)


@kernel
def _load_book(tables: Tables, message: Any, prices: Ints, sizes: Ints) -> None:
    """Replace a book. Venues list the best level first: from the far end each is appended, and none is moved."""
    clear(tables.books, message.slot)
    for k in range(message.bids + message.asks - 1, -1, -1):
        side = BID if k < message.bids else ASK
        set_level(tables.books, message.slot, side, prices[message.begin + k], sizes[message.begin + k])


@kernel
def _on_difference(
    tables: Tables, state: Any, messages: Records, i: int, prices: Ints, sizes: Ints, output: Output
) -> None:
    message = messages[i]
    seen = remember(tables.recent, message.slot, STREAM_DEPTH, message.last)
    if seen == REPEAT:
        state.duplicates += 1
        return
    note_lateness(tables, state, message)
    if seen == OLDER:
        state.out_of_order += 1
        return
    hole = _follows_a_hole(state, message)
    state.chain_id = message.last
    state.gaps += hole
    if state.synced == 1:
        answer = verdict(state, message)
        if answer == FITS:
            _apply_difference(tables, state, message, prices, sizes, output, message.cause, False)
            return
        if answer == STALE:
            state.discarded += 1
            return
        state.gaps += 1 - hole
        state.synced = 0
    in_stream = state.rule & RULE_IN_STREAM
    state.discarded += 1 if in_stream else push(tables.waiting, message.slot, messages, i, prices, sizes)


@kernel
def _begin_anew(tables: Tables, state: Any, message: Any, prices: Ints, sizes: Ints) -> None:
    """A snapshot in the stream: whatever was known, and however the venue numbers from here on, this is the book."""
    _load_book(tables, message, prices, sizes)
    state.last_id = state.chain_id = message.last
    state.touch_id = -1
    state.synced = 1
    state.primed = 0
    forget(tables.recent, message.slot, STREAM_DEPTH, message.last)


@kernel
def _on_unnumbered(tables: Tables, state: Any, message: Any, prices: Ints, sizes: Ints, output: Output) -> None:
    note_lateness(tables, state, message)
    if state.synced == 1 or state.rule & RULE_FROM_ORDERS:
        _apply_difference(tables, state, message, prices, sizes, output, message.cause, False)
    else:
        state.discarded += 1


@kernel
def _on_mark(tables: Tables, state: Any, message: Any) -> None:
    newest = tables.recent.newest[message.slot, STREAM_TRADE]
    if message.last > newest:
        tables.recent.newest[message.slot, STREAM_TRADE] = message.last
        if newest >= 0:
            state.gaps += 1


@kernel
def _on_best(tables: Tables, state: Any, message: Any, prices: Ints) -> None:
    if state.synced == 1 or state.rule & RULE_FROM_ORDERS:
        bid, ask = best(tables.books, message.slot, BID)[0], best(tables.books, message.slot, ASK)[0]
        state.bbo_compared += 1
        if bid != prices[message.begin] or ask != prices[message.begin + 1]:
            state.bbo_mismatches += 1
        else:
            state.synced = 1


@kernel
def _follows_a_hole(state: Any, message: Any) -> int:
    """1 where differences are missing before this one: judged by the stream alone, whether the book is known or not."""
    if state.chain_id < 0:
        return 0
    if state.rule & RULE_FUTURES:
        return 0 if message.previous == state.chain_id else 1
    return 0 if message.first == state.chain_id + 1 else 1


@kernel
def _apply_difference(
    tables: Tables, state: Any, message: Any, prices: Ints, sizes: Ints, output: Output, cause: int, waited: bool
) -> None:
    """Change the book, move the touch, write the row. Levels may wrap around the end of their arrays."""
    slot = message.slot
    room = len(prices)
    changed = 0
    for k in range(message.bids + message.asks):
        at = (message.begin + k) % room
        side = BID if k < message.bids else ASK
        changed += set_level(tables.books, slot, side, prices[at], sizes[at])
    state.last_id = message.last
    state.primed = 1
    state.applied += 1
    bid_price, bid_size = best(tables.books, slot, BID)
    ask_price, ask_size = best(tables.books, slot, ASK)
    _count_comparison(state, compare_quote(tables.quoted, slot, message.last, bid_price, bid_size, ask_price, ask_size))
    note_quote(tables.applied, slot, message.last, bid_price, bid_size, ask_price, ask_size)
    row = next_row(output, cause)
    row.price = ask_price if offer_alone(state, bid_price, bid_size, ask_price, ask_size) else bid_price
    row.size = changed
    row.action = ACTION_MODIFY
    row.side = SIDE_NONE
    log_time = advance(tables, message)
    if message.last >= state.touch_id:
        move_touch(state, message.last, log_time, bid_price, bid_size, ask_price, ask_size)
    finish_row(state, message, row, log_time, FLAG_BUFFERED if waited else 0)


@kernel
def _on_quote_or_trade(tables: Tables, state: Any, message: Any, prices: Ints, sizes: Ints, output: Output) -> None:
    slot = message.slot
    is_quote = message.kind == QUOTE
    newest = tables.recent.newest[slot, STREAM_TRADE]
    if state.rule & RULE_TRADES_COUNT_ON and not is_quote and newest >= 0 and message.last > newest + 1:
        state.gaps += 1
    seen = remember(tables.recent, slot, STREAM_QUOTE if is_quote else STREAM_TRADE, message.last)
    if seen == REPEAT:
        if is_quote or not amend(tables, state, message, prices, sizes, output):
            state.duplicates += 1
        return
    note_lateness(tables, state, message)
    if seen == OLDER:
        state.out_of_order += 1
    log_time = advance(tables, message)
    row = next_row(output, message.cause)
    price, size = prices[message.begin], sizes[message.begin]
    if is_quote:
        ask_price, ask_size = prices[message.begin + 1], sizes[message.begin + 1]
        _count_comparison(state, compare_quote(tables.applied, slot, message.last, price, size, ask_price, ask_size))
        note_quote(tables.quoted, slot, message.last, price, size, ask_price, ask_size)
        alone = offer_alone(state, price, size, ask_price, ask_size)
        row.price = ask_price if alone else price
        row.size = ask_size if alone else size
        row.action = ACTION_MODIFY
        row.side = SIDE_NONE
        if seen == NEW and message.last >= state.touch_id:
            move_touch(state, message.last, log_time, price, size, ask_price, ask_size)
    else:
        state.trades += 1
        row.price = price
        row.size = size
        row.action = ACTION_TRADE
        row.side = aggressor(message.seller)
        note_trade(tables, message, price, size)
    finish_row(state, message, row, log_time, FLAG_OUT_OF_ORDER if seen == OLDER else 0)


@kernel
def _count_comparison(state: Any, answer: int) -> None:
    if answer != UNMATCHED:
        state.bbo_compared += 1
        if answer == DIFFERS:
            state.bbo_mismatches += 1
