"""All that an adapter remembers: tables for the kernel, all of them views of one preallocated run of int64.

One run, because a call into compiled code costs by the arrays that are handed over, and one message a call is usual
where a feed is live: with one array a call takes 1 us instead of 9.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from feeds.arrays import Ints, Records
from feeds.book import BOOK_LEVELS_MAX, Books
from feeds.kernel import kernel
from feeds.messages import MESSAGE
from feeds.quote_rings import QUOTE_COLUMNS, QUOTES_MAX, QuoteRings
from feeds.recent_ids import RECENT_IDS_MAX, RecentIds
from feeds.waiting import WAITING_DIFFERENCES_MAX, WAITING_LEVELS_MAX, Waiting
from schemas.columns import PRICE_UNDEFINED
from schemas.definition import Definition

STREAM_DEPTH, STREAM_QUOTE, STREAM_TRADE = 0, 1, 2
STREAMS = 3
"""Streams of an instrument, each with ids of its own."""
TRADE_COLUMNS = 4
"""What is kept of a trade: ``amendments.py``."""

COUNTERS = (
    "messages", "ticks", "trades", "applied", "discarded", "gaps", "duplicates", "out_of_order", "crossed",
    "bbo_compared", "bbo_mismatches", "late_ms_max", "rounded", "corrected", "busted",
)  # fmt: skip
"""Counted per instrument since the start.

messages: valid ones, snapshots included. discarded: differences older than the snapshot, or dropped while waiting.
out_of_order: below the newest id of their stream, and no repeat. crossed: rows after which the bid is at or above the
offer. bbo_compared: applied differences whose last id a bookTicker also carries; bbo_mismatches: where the book's best
differs from it. late_ms_max: how far an event time lay behind the newest seen in any stream. rounded: see
``binance_numbers.py``. corrected, busted: trades that the venue told anew or took back.
"""

INSTRUMENT = np.dtype(
    [(name, "<i8") for name in (
        "instrument_id", "rule", "synced", "primed", "last_id", "chain_id", "touch_id", "ts_touch",
        "bid_price", "bid_size", "ask_price", "ask_size", *COUNTERS,
    )]
)  # fmt: skip
"""One instrument; all columns int64.

rule: bits of ``RULE_*``. synced: 1 while the book is known. primed: 1 once a difference was applied to the
snapshot. last_id: id that the book stands at. chain_id: id of the newest difference seen, applied or not. touch_id: id
that last set the touch. ts_touch: log time of that row.
"""

LOG_TIME, VENUE_TIME = 0, 1
"""Places in ``Tables.clocks``: the running maximum of emitted rows' ts_recv, and the newest event time seen."""


class Tables(NamedTuple):
    """What the kernel works on.

    Attributes:
        instruments: INSTRUMENT, shape (n,), in the order of the definitions.
        books: Their order books.
        recent: Ids seen per stream.
        traded: int64, shape (n, RECENT_IDS_MAX, TRADE_COLUMNS): what the trades said whose ids ``recent`` holds.
        quoted: bookTickers' quotes by id.
        applied: The books' best after applied differences, by id.
        waiting: Differences that wait for a snapshot.
        clocks: int64, shape (2,): LOG_TIME and VENUE_TIME, ns.
    """

    instruments: Records
    books: Books
    recent: RecentIds
    traded: Ints
    quoted: QuoteRings
    applied: QuoteRings
    waiting: Waiting
    clocks: Ints


_WORDS = (
    len(INSTRUMENT.names or ()),
    2 * BOOK_LEVELS_MAX, 2 * BOOK_LEVELS_MAX, 2,
    STREAMS * RECENT_IDS_MAX, STREAMS, STREAMS, STREAMS, RECENT_IDS_MAX * TRADE_COLUMNS,
    QUOTES_MAX * QUOTE_COLUMNS, 1,
    QUOTES_MAX * QUOTE_COLUMNS, 1,
    WAITING_DIFFERENCES_MAX * len(MESSAGE.names or ()), WAITING_LEVELS_MAX, WAITING_LEVELS_MAX, 2, 2,
)  # fmt: skip
"""int64 that each array takes per instrument, in the order in which they stand in memory; the clocks follow."""

_PLACES: Ints = np.cumsum((0, *_WORDS))
_CLOCKS = 2


def empty_memory(definitions: Sequence[Definition], rules: Sequence[int]) -> Ints:
    """The state before any message; ``rules``: bits of ``RULE_*`` by definition."""
    memory = np.zeros(int(_PLACES[-1]) * len(definitions) + _CLOCKS, np.int64)
    tables = tables_of(memory)
    instruments = tables.instruments
    instruments["instrument_id"] = [d.instrument_id for d in definitions]
    instruments["rule"] = rules
    instruments["last_id"] = instruments["chain_id"] = instruments["touch_id"] = -1
    instruments["bid_price"] = instruments["ask_price"] = PRICE_UNDEFINED
    tables.recent.newest[:] = tables.recent.floors[:] = -1
    return memory


def parts_of(memory: Ints) -> list[Ints]:
    """A memory's arrays but for the clocks, as views of shape (instruments, words)."""
    count = (len(memory) - _CLOCKS) // int(_PLACES[-1])
    edges = [int(place) * count for place in _PLACES]
    return [memory[begin:end].reshape(count, -1) for begin, end in pairwise(edges)]


@kernel
def tables_of(memory: Ints) -> Tables:
    """The tables that stand in a memory, as views."""
    count = (len(memory) - _CLOCKS) // _PLACES[-1]
    return Tables(
        _part(memory, 0).view(INSTRUMENT),
        Books(
            _part(memory, 1).reshape(count, 2, BOOK_LEVELS_MAX),
            _part(memory, 2).reshape(count, 2, BOOK_LEVELS_MAX),
            _part(memory, 3).reshape(count, 2),
        ),
        RecentIds(
            _part(memory, 4).reshape(count, STREAMS, RECENT_IDS_MAX),
            _part(memory, 5).reshape(count, STREAMS),
            _part(memory, 6).reshape(count, STREAMS),
            _part(memory, 7).reshape(count, STREAMS),
        ),
        _part(memory, 8).reshape(count, RECENT_IDS_MAX, TRADE_COLUMNS),
        QuoteRings(_part(memory, 9).reshape(count, QUOTES_MAX, QUOTE_COLUMNS), _part(memory, 10)),
        QuoteRings(_part(memory, 11).reshape(count, QUOTES_MAX, QUOTE_COLUMNS), _part(memory, 12)),
        Waiting(
            _part(memory, 13).view(MESSAGE).reshape(count, WAITING_DIFFERENCES_MAX),
            _part(memory, 14).reshape(count, WAITING_LEVELS_MAX),
            _part(memory, 15).reshape(count, WAITING_LEVELS_MAX),
            _part(memory, 16).reshape(count, 2),
            _part(memory, 17).reshape(count, 2),
        ),
        memory[_PLACES[-1] * count :],
    )


@kernel
def _part(memory: Ints, number: int) -> Ints:
    count = (len(memory) - _CLOCKS) // _PLACES[-1]
    return memory[_PLACES[number] * count : _PLACES[number + 1] * count]
