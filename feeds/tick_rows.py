"""Tick rows as all kernels make them: where they come out, log time, the touch, and the columns that every row has."""

from __future__ import annotations

from typing import Any, NamedTuple

from feeds.arrays import Ints, Records
from feeds.book_tables import LOG_TIME, VENUE_TIME, Tables
from feeds.kernel import kernel
from feeds.messages import NANOS_PER_MS
from feeds.rules import RULE_QUOTES_SERVE
from schemas.columns import PRICE_UNDEFINED
from schemas.tick import FLAG_CROSSED, FLAG_DEPTH_UNSYNCED, FLAG_NO_TS_EVENT


class Output(NamedTuple):
    """Where rows come out.

    Attributes:
        rows: TICK rows.
        causes: int64, as long as ``rows``: index of the payload that made each row come out.
        filled: int64, shape (1,): rows written.
    """

    rows: Records
    causes: Ints
    filled: Ints


@kernel
def next_row(output: Output, cause: int) -> Any:
    """The row that comes out next, because of a payload."""
    at = output.filled[0]
    output.filled[0] = at + 1
    output.causes[at] = cause
    return output.rows[at]


@kernel
def note_lateness(tables: Tables, state: Any, message: Any) -> None:
    """How far behind the newest event time this message is."""
    if message.ts_venue > 0:
        late_ms = (tables.clocks[VENUE_TIME] - message.ts_venue) // NANOS_PER_MS
        state.late_ms_max = max(state.late_ms_max, late_ms)
        tables.clocks[VENUE_TIME] = max(tables.clocks[VENUE_TIME], message.ts_venue)


@kernel
def advance(tables: Tables, message: Any) -> int:
    """Log time of the row that this message gives."""
    tables.clocks[LOG_TIME] = max(tables.clocks[LOG_TIME], message.ts_recv)
    log_time: int = tables.clocks[LOG_TIME]
    return log_time


@kernel
def offer_alone(state: Any, bid_price: int, bid_size: int, ask_price: int, ask_size: int) -> bool:
    """Whether a quote differs from the touch on the offer's side alone: the row's price is then the offer's."""
    bid_stands = bid_price == state.bid_price and bid_size == state.bid_size
    ask_stands = ask_price == state.ask_price and ask_size == state.ask_size
    return bool(bid_stands and not ask_stands)


@kernel
def move_touch(
    state: Any, number: int, log_time: int, bid_price: int, bid_size: int, ask_price: int, ask_size: int
) -> None:
    """The touch is this from now on."""
    state.touch_id = number
    state.ts_touch = log_time
    state.bid_price = bid_price
    state.bid_size = bid_size
    state.ask_price = ask_price
    state.ask_size = ask_size


@kernel
def finish_row(state: Any, message: Any, row: Any, log_time: int, flags: int) -> None:
    """Columns that every row has."""
    if message.ts_event == 0:
        flags |= FLAG_NO_TS_EVENT
    if state.synced == 0 and not (state.rule & RULE_QUOTES_SERVE and state.chain_id < 0):
        flags |= FLAG_DEPTH_UNSYNCED
    both = state.bid_price != PRICE_UNDEFINED and state.ask_price != PRICE_UNDEFINED
    if both and state.bid_price >= state.ask_price:
        flags |= FLAG_CROSSED
        state.crossed += 1
    state.ticks += 1
    row.ts_event = message.ts_event
    row.ts_recv = message.ts_recv
    row.ts_log = log_time
    row.ts_touch = state.ts_touch
    row.sequence = message.last
    row.root_seq = message.seq
    row.bid_price = state.bid_price
    row.ask_price = state.ask_price
    row.bid_size = state.bid_size
    row.ask_size = state.ask_size
    row.instrument_id = state.instrument_id
    row.publisher_id = message.publisher
    row.root_part = 0
    row.flags = flags
