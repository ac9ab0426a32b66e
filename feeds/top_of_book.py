"""Messages that are ticks already, as purchased history has them: an event, and the best bid and offer after it.

Nothing is rebuilt: the touch is what the message says. ``last`` counts the messages of an instrument on by one within a
file, and begins anew with the next: a jump upwards is a gap.
"""

from __future__ import annotations

from typing import Any

from feeds.arrays import Ints
from feeds.book_tables import Tables
from feeds.kernel import kernel
from feeds.messages import IN_DOUBT, TELLS_EVENT, TELLS_TOUCH
from feeds.tick_rows import Output, advance, finish_row, move_touch, next_row, note_lateness, offer_alone
from schemas.columns import PRICE_UNDEFINED
from schemas.tick import ACTION_TRADE, FLAG_DEPTH_UNSYNCED


@kernel
def on_top(tables: Tables, state: Any, message: Any, prices: Ints, sizes: Ints, output: Output) -> None:
    """Give the row of a ``TOP`` message."""
    begin = message.begin
    if state.chain_id >= 0 and message.last > state.chain_id + 1:
        state.gaps += 1
    state.chain_id = message.last
    note_lateness(tables, state, message)
    log_time = advance(tables, message)
    row = next_row(output, message.cause)
    row.action, row.side = message.first, message.previous
    row.price, row.size = _price(prices[begin]), sizes[begin]
    if message.seller & TELLS_TOUCH:
        bid_price, bid_size = _price(prices[begin + 1]), sizes[begin + 1]
        ask_price, ask_size = _price(prices[begin + 2]), sizes[begin + 2]
        if not message.seller & TELLS_EVENT:
            alone = offer_alone(state, bid_price, bid_size, ask_price, ask_size)
            row.price = ask_price if alone else bid_price
            row.size = ask_size if alone else bid_size
        state.synced = 1
        state.applied += 1
        move_touch(state, message.last, log_time, bid_price, bid_size, ask_price, ask_size)
    if message.first == ACTION_TRADE:
        state.trades += 1
    finish_row(state, message, row, log_time, FLAG_DEPTH_UNSYNCED if message.seller & IN_DOUBT else 0)


@kernel
def _price(price: int) -> int:
    return PRICE_UNDEFINED if price == 0 else price
