"""The last quotes by update id: two streams' words about one update can be compared, whichever came first."""

from __future__ import annotations

from typing import NamedTuple

from feeds.arrays import Ints
from feeds.kernel import kernel

QUOTES_MAX = 256
"""Quotes held per instrument and stream; in the shared captures a match stands at most 9 quotes back."""

QUOTE_COLUMNS = 5
"""id, bid price, bid size, ask price, ask size."""

DIFFERS = 0
AGREES = 1
UNMATCHED = 2


class QuoteRings(NamedTuple):
    """Rings of quotes by instrument.

    Attributes:
        quotes: int64, shape (instruments, capacity, QUOTE_COLUMNS), rising by id from the oldest.
        counts: int64, shape (instruments,): quotes ever taken in.
    """

    quotes: Ints
    counts: Ints


@kernel
def note_quote(
    rings: QuoteRings, slot: int, number: int, bid_price: int, bid_size: int, ask_price: int, ask_size: int
) -> None:
    """Take a quote in at its place by id; the oldest makes room."""
    ring = rings.quotes[slot]
    count = rings.counts[slot]
    oldest = max(0, count + 1 - len(ring))
    at = count
    while at > oldest and ring[(at - 1) % len(ring), 0] > number:
        for column in range(QUOTE_COLUMNS):
            ring[at % len(ring), column] = ring[(at - 1) % len(ring), column]
        at -= 1
    quote = ring[at % len(ring)]
    quote[0] = number
    quote[1] = bid_price
    quote[2] = bid_size
    quote[3] = ask_price
    quote[4] = ask_size
    rings.counts[slot] = count + 1


@kernel
def compare_quote(
    rings: QuoteRings, slot: int, number: int, bid_price: int, bid_size: int, ask_price: int, ask_size: int
) -> int:
    """Whether the quote held under an id says the same: AGREES, DIFFERS, or UNMATCHED if none is held."""
    ring = rings.quotes[slot]
    count = rings.counts[slot]
    for at in range(count - 1, max(0, count - len(ring)) - 1, -1):
        quote = ring[at % len(ring)]
        if quote[0] < number:
            return UNMATCHED
        if quote[0] == number:
            same = quote[1] == bid_price and quote[2] == bid_size and quote[3] == ask_price and quote[4] == ask_size
            return AGREES if same else DIFFERS
    return UNMATCHED
