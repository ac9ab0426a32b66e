"""All that the Binance adapter remembers, in preallocated arrays, and those arrays as snapshot bytes.

A snapshot holds the occupied part of every book, ring and queue, oldest first, so that the same memory gives the same
bytes wherever its rings happen to stand.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from feeds.book import Books, empty_books
from feeds.kernel import Ints, Records
from feeds.quote_rings import QuoteRings, empty_quotes
from feeds.recent_ids import RecentIds, empty_recent
from feeds.waiting import Waiting, empty_waiting
from schemas.columns import PRICE_UNDEFINED
from schemas.definition import Definition
from schemas.errors import SnapshotError
from streams.state_bytes import dump, load

KIND = "binance/1"

STREAM_DEPTH, STREAM_QUOTE, STREAM_TRADE = 0, 1, 2
STREAMS = 3
"""Streams of an instrument, each with ids of its own."""

COUNTERS = (
    "messages", "ticks", "trades", "applied", "discarded", "gaps", "duplicates", "out_of_order", "crossed",
    "bbo_compared", "bbo_mismatches", "late_ms_max", "rounded",
)  # fmt: skip
"""Counted per instrument since the start.

messages: valid ones, snapshots included. discarded: differences older than the snapshot, or dropped while waiting.
out_of_order: below the newest id of their stream, and no repeat. crossed: rows after which the bid is at or above the
offer. bbo_compared: applied differences whose last id a bookTicker also carries; bbo_mismatches: where the book's best
differs from it. late_ms_max: how far an event time lay behind the newest seen in any stream. rounded: see
``binance_numbers.py``.
"""

INSTRUMENT = np.dtype(
    [(name, "<i8") for name in (
        "instrument_id", "futures", "synced", "primed", "last_id", "chain_id", "touch_id", "ts_touch",
        "bid_price", "bid_size", "ask_price", "ask_size", *COUNTERS,
    )]
)  # fmt: skip
"""One instrument; all columns int64.

futures: 1 for linear and inverse. synced: 1 while the book is known. primed: 1 once a difference was applied to the
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
        quoted: bookTickers' quotes by id.
        applied: The books' best after applied differences, by id.
        waiting: Differences that wait for a snapshot.
        clocks: int64, shape (2,): LOG_TIME and VENUE_TIME, ns.
    """

    instruments: Records
    books: Books
    recent: RecentIds
    quoted: QuoteRings
    applied: QuoteRings
    waiting: Waiting
    clocks: Ints


def empty_tables(definitions: Sequence[Definition]) -> Tables:
    """The state before any message."""
    count = len(definitions)
    instruments = np.zeros(count, INSTRUMENT)
    instruments["instrument_id"] = [d.instrument_id for d in definitions]
    instruments["futures"] = [d.market != "spot" for d in definitions]
    instruments["last_id"] = instruments["chain_id"] = instruments["touch_id"] = -1
    instruments["bid_price"] = instruments["ask_price"] = PRICE_UNDEFINED
    return Tables(
        instruments=instruments,
        books=empty_books(count),
        recent=empty_recent(count, STREAMS),
        quoted=empty_quotes(count),
        applied=empty_quotes(count),
        waiting=empty_waiting(count),
        clocks=np.zeros(2, np.int64),
    )


def snapshot(tables: Tables) -> bytes:
    """The whole state as bytes."""
    slots = range(len(tables.instruments))
    waiting = tables.waiting
    book_runs = [(slot, side, int(tables.books.counts[slot, side])) for slot in slots for side in (0, 1)]
    messages = [_unrolled(waiting.messages[s], int(waiting.heads[s, 0]), int(waiting.counts[s, 0])) for s in slots]
    for queue in messages:
        levels = queue["bids"] + queue["asks"]
        queue["begin"] = np.cumsum(levels) - levels
    arrays: dict[str, npt.NDArray[Any]] = {
        "instruments": tables.instruments,
        "clocks": tables.clocks,
        "book_counts": tables.books.counts,
        "book_keys": _joined([tables.books.keys[slot, side, :n] for slot, side, n in book_runs]),
        "book_sizes": _joined([tables.books.sizes[slot, side, :n] for slot, side, n in book_runs]),
        "waiting_counts": waiting.counts,
        "waiting_messages": np.concatenate(messages),
        "waiting_prices": _joined(list(_waiting_levels(waiting, waiting.prices))),
        "waiting_sizes": _joined(list(_waiting_levels(waiting, waiting.sizes))),
        "recent_newest": tables.recent.newest,
        "recent_floors": tables.recent.floors,
    }
    for name, rings, counts in _rings(tables):
        capacity = rings.shape[1]
        held = np.minimum(counts, capacity)
        arrays[f"{name}_counts"] = held
        arrays[name] = np.concatenate(
            [_unrolled(ring, int(n) % capacity if n > capacity else 0, int(h))
             for ring, n, h in zip(rings, counts, held, strict=True)]
        )  # fmt: skip
    return dump(KIND, arrays, {})


def restore(data: bytes, definitions: Sequence[Definition]) -> Tables:
    """State from ``snapshot``'s bytes.

    Raises:
        SnapshotError: Torn, of another version, or of other instruments.
    """
    arrays, _ = load(KIND, data)
    tables = empty_tables(definitions)
    instruments = arrays["instruments"]
    if not np.array_equal(instruments["instrument_id"], tables.instruments["instrument_id"]):
        raise SnapshotError(
            "a snapshot is of other instruments",
            kind="other_instruments",
            got=str(instruments["instrument_id"].tolist()),
            allowed=str(tables.instruments["instrument_id"].tolist()),
            fix="use the definitions that the snapshot was taken with",
        )
    tables.instruments[:] = instruments
    tables.clocks[:] = arrays["clocks"]
    tables.recent.newest[:] = arrays["recent_newest"]
    tables.recent.floors[:] = arrays["recent_floors"]
    tables.books.counts[:] = arrays["book_counts"]
    books, waiting = tables.books, tables.waiting
    sides = books.counts.reshape(-1)
    _fill(books.keys.reshape(len(sides), -1), sides, arrays["book_keys"])
    _fill(books.sizes.reshape(len(sides), -1), sides, arrays["book_sizes"])
    waiting.counts[:] = arrays["waiting_counts"]
    _fill(waiting.messages, waiting.counts[:, 0], arrays["waiting_messages"])
    _fill(waiting.prices, waiting.counts[:, 1], arrays["waiting_prices"])
    _fill(waiting.sizes, waiting.counts[:, 1], arrays["waiting_sizes"])
    for name, rings, counts in _rings(tables):
        counts[:] = arrays[f"{name}_counts"]
        _fill(rings, counts, arrays[name])
    return tables


def _rings(tables: Tables) -> Iterator[tuple[str, npt.NDArray[Any], Ints]]:
    """(name, rings of shape (m, capacity, ...), counts of shape (m,)), as views."""
    recent = tables.recent
    yield "recent_ids", recent.ids.reshape(-1, recent.ids.shape[2]), recent.counts.reshape(-1)
    yield "quoted", tables.quoted.quotes, tables.quoted.counts
    yield "applied", tables.applied.quotes, tables.applied.counts


def _unrolled(ring: npt.NDArray[Any], head: int, count: int) -> npt.NDArray[Any]:
    """The occupied part of a ring, oldest first, as a copy."""
    places = (head + np.arange(count)) % len(ring)
    return ring[places]


def _waiting_levels(waiting: Waiting, levels: Ints) -> Iterator[Ints]:
    for slot in range(len(levels)):
        yield _unrolled(levels[slot], int(waiting.heads[slot, 1]), int(waiting.counts[slot, 1]))


def _joined(runs: list[Ints]) -> Ints:
    return np.concatenate(runs) if runs else np.zeros(0, np.int64)


def _fill(rings: npt.NDArray[Any], counts: Ints, values: npt.NDArray[Any]) -> None:
    """Lay runs of values out again, each from the start of its ring."""
    at = 0
    for ring, count in zip(rings, counts, strict=True):
        ring[:count] = values[at : at + count]
        at += int(count)
