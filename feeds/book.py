"""The order book as a numba kernel over preallocated arrays: sorted price levels, bid and offer, many instruments.

A side keeps its levels in one run, farthest first and best last, so that the many changes near the touch move few
levels. Bids are kept by price, offers by the negated price: both sides then rise towards the best, and one kernel
serves both.

**When a side is full** the farthest level makes room for a nearer one, and a level farther than all is not taken in.
What was dropped is not known again until the next snapshot; the best levels are right for as long as fewer than a whole
side's capacity of nearer levels have vanished.

>>> books = empty_books(instruments=1, levels=4)
>>> for price, size in ((100, 5), (101, 2), (99, 7)):
...     _ = set_level(books, 0, BID, price, size)
>>> best(books, 0, BID), best(books, 0, ASK) == (PRICE_UNDEFINED, 0)
((101, 2), True)
>>> set_level(books, 0, BID, 101, 0), best(books, 0, BID)
(1, (100, 5))
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from feeds.arrays import Ints
from feeds.kernel import kernel, move
from schemas.columns import PRICE_UNDEFINED

BID = 0
ASK = 1

BOOK_LEVELS_MAX = 8192
"""Price levels kept a side. A depth snapshot brings at most 5,000; differences add levels far from the touch."""


class Books(NamedTuple):
    """Books of several instruments.

    Attributes:
        keys: int64, shape (instruments, 2, capacity): price (bids) or negated price (offers), rising up to ``counts``.
        sizes: int64, same shape: units of the instrument's size_increment, > 0.
        counts: int64, shape (instruments, 2): occupied levels a side.
    """

    keys: Ints
    sizes: Ints
    counts: Ints


def empty_books(instruments: int, levels: int = BOOK_LEVELS_MAX) -> Books:
    """Books without a level, with room for ``levels`` a side."""
    return Books(
        keys=np.zeros((instruments, 2, levels), np.int64),
        sizes=np.zeros((instruments, 2, levels), np.int64),
        counts=np.zeros((instruments, 2), np.int64),
    )


@kernel
def clear(books: Books, slot: int) -> None:
    """Forget all levels of an instrument."""
    books.counts[slot, BID] = 0
    books.counts[slot, ASK] = 0


@kernel
def set_level(books: Books, slot: int, side: int, price: int, size: int) -> int:
    """Set the size at a price; 0 removes the level.

    Returns:
        1 if the book changed, 0 if not (already so; or full, and this level farther than all).
    """
    keys = books.keys[slot, side]
    sizes = books.sizes[slot, side]
    count = books.counts[slot, side]
    key = price if side == BID else -price
    at = _place(keys, count, key)
    if at < count and keys[at] == key:
        if size == 0:
            move(keys, at + 1, at, count - at - 1)
            move(sizes, at + 1, at, count - at - 1)
            books.counts[slot, side] = count - 1
            return 1
        changed = 1 if sizes[at] != size else 0
        sizes[at] = size
        return changed
    if size == 0:
        return 0
    if count < len(keys):
        move(keys, at, at + 1, count - at)
        move(sizes, at, at + 1, count - at)
        books.counts[slot, side] = count + 1
    else:
        if at == 0:
            return 0
        at -= 1
        move(keys, 1, 0, at)
        move(sizes, 1, 0, at)
    keys[at] = key
    sizes[at] = size
    return 1


@kernel
def best(books: Books, slot: int, side: int) -> tuple[int, int]:
    """(price, size) of the best level; (PRICE_UNDEFINED, 0) when the side is empty."""
    count = books.counts[slot, side]
    if count == 0:
        return PRICE_UNDEFINED, 0
    key = books.keys[slot, side, count - 1]
    return key if side == BID else -key, books.sizes[slot, side, count - 1]


@kernel
def _place(keys: Ints, count: int, key: int) -> int:
    """Index of the first key that is not below ``key``."""
    low = 0
    high = count
    while low < high:
        middle = (low + high) >> 1
        if keys[middle] < key:
            low = middle + 1
        else:
            high = middle
    return low
