"""What a payload says, as plain arrays: a MESSAGE record per valid message, its levels beside it, a reason per refusal.

Reading keeps no memory: what a payload says depends on the payload and the definitions alone. Everything that follows
(``book_sync.py``) sees these arrays only.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from feeds.arrays import Ints, Records
from schemas.errors import BadInput

NANOS_PER_MS = 1_000_000

DEPTH = 1
SNAPSHOT = 2
QUOTE = 3
TRADE = 4
MARK = 5
"""Says which trade id the venue stands at: one above the newest seen means that trades were missed. Gives no row."""
BEST = 6
"""Says the best prices, without sizes: compared with the book as it stands. Gives no row."""
NOTE = 7
"""Is counted, and says nothing that is used. Gives no row."""

TOP = 8
"""A whole tick: an event, and best bid and offer after it. Levels: the event's, the bid, the offer; price 0: none."""
ORDER = 9
"""What became of an order: an adapter that keeps orders turns it into a difference or a note."""

BUST = 10
"""Takes the trade back whose id it names; without levels."""
CORRECTION = 11
"""Tells a trade anew under its id."""

TELLS_TOUCH = 1
"""Bit of ``seller``: the message says what bid and offer are."""
TELLS_EVENT = 2
"""Bit of ``seller``: price and size are the event's; without it they are the side's that changed."""
IN_DOUBT = 4
"""Bit of ``seller``: whoever made it marked its book as possibly wrong."""
SELLER_UNKNOWN = 2
"""``seller`` of a trade whose aggressor the venue does not tell."""

MESSAGE_LEVELS_MAX = 32_768
"""Levels of one message, both sides together; the longest of the venue has 10,000."""

MESSAGE = np.dtype(
    [(name, "<i8") for name in (
        "kind", "slot", "publisher", "seq", "cause", "ts_recv", "ts_event", "ts_venue", "first", "last", "previous",
        "seller", "begin", "bids", "asks", "rounded",
    )]
)  # fmt: skip
"""One message; all columns int64.

kind: one of those above. slot: place of its instrument among the definitions. publisher, seq, ts_recv: the payload's.
cause: index of the payload in its batch. ts_event: transaction time, else event time, ns; 0 if none. ts_venue: event
time, else transaction time. first, last, previous: U, u, pu (-1 if none); last is lastUpdateId of a snapshot, t of a
trade and of what amends it, and the id of an order; first and previous of a top are action and side, as ticks have
them. seller: 1 if the aggressor sells; of an order what became of it, of a top the bits above. begin,
bids, asks: its run of levels. rounded: how many of their sizes were rounded to the grid.
"""

Reject = tuple[int, BadInput]
"""Index of a payload in its batch, and why it cannot be used."""


class Messages(NamedTuple):
    """A batch of valid messages.

    Attributes:
        messages: MESSAGE records in the order of their payloads.
        prices: int64 in 1e-9, all messages' levels in the order of the messages; what follows the last is void.
        sizes: int64 in units of size_increment; 0 removes a level.
    """

    messages: Records
    prices: Ints
    sizes: Ints
