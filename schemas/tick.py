"""Tick: one market event of one instrument and the best bid and offer after it (DBN's ``mbp-1``).

**A row stands for ever.** What a venue thinks again about is told by further rows, of action N: nothing happened in the
market, and whoever counts trades by action T counts each once, as it was first told.

==========  ==============================================  =====================================================
the venue   gives                                           flags
==========  ==============================================  =====================================================
busts       a row with the trade as it was told last        ``FLAG_RETRACTION``
corrects    the same, and a row with the trade as it is now  ``FLAG_RETRACTION | FLAG_CORRECTION``; ``FLAG_CORRECTION``
==========  ==============================================  =====================================================

Both name the trade by ``instrument_id`` and ``sequence``, the venue's trade id. ``root_seq`` and the times are those of
the message that took it back. Whoever sums trades up takes off what a retraction says, and adds what a correction says.
"""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from schemas.columns import U8, U16, U32, U64, Nanos, Price, Row, Size, dtype_of

ACTION_ADD = ord("A")
ACTION_CANCEL = ord("C")
ACTION_MODIFY = ord("M")
ACTION_CLEAR = ord("R")
ACTION_TRADE = ord("T")
ACTION_FILL = ord("F")
ACTION_NONE = ord("N")

SIDE_ASK = ord("A")
SIDE_BID = ord("B")
SIDE_NONE = ord("N")

FLAG_NO_TS_EVENT = 1
"""The venue gave no event time: ts_event is 0 and ts_recv serves."""
FLAG_DEPTH_UNSYNCED = 2
"""The order book is not synchronised (no snapshot yet, or a gap): only best bid/offer messages move the touch."""
FLAG_OUT_OF_ORDER = 4
"""The message's update or trade id is below one already seen in its stream: the touch did not move."""
FLAG_BUFFERED = 8
"""A difference that waited for its snapshot: emitted when the snapshot came, with its own ts_recv."""
FLAG_CROSSED = 16
"""The best bid is at or above the best offer after this event."""
FLAG_SUSPECT = 32
"""The mid lies outside the calibrated band of its peers: other markets and venues of the same underlying."""
FLAG_RETRACTION = 64
"""The trade that the row names is taken back; price, size and side are those that it was last told with."""
FLAG_CORRECTION = 128
"""One of the two rows of a correction: with ``FLAG_RETRACTION`` the trade as it was, without it as it is now."""
FLAGS_AMENDED = FLAG_RETRACTION | FLAG_CORRECTION
"""A row with one of these tells of a trade in the past: nothing has happened in the market."""


class Tick(Row, frozen=True, kw_only=True):
    """One event and the touch after it. One row per applied depth difference, best bid/offer message and trade."""

    ts_event: Annotated[Nanos, Meta(description="venue event time, ns UTC; 0 where the venue gives none")]
    ts_recv: Annotated[Nanos, Meta(description="our capture time, ns UTC; never restamped")]
    ts_log: Annotated[Nanos, Meta(description="log time: the running maximum of ts_recv in this partition")]
    ts_touch: Annotated[Nanos, Meta(description="log time of the message that last set the touch; 0 before any")]
    sequence: Annotated[U64, Meta(description="the venue's update id, or trade id for a trade and what amends it")]
    root_seq: Annotated[U64, Meta(description="source_seq of the raw payload this row came from")]
    price: Annotated[Price, Meta(description="trade price; for a quote the side's new best price")]
    size: Annotated[Size, Meta(description="trade size; for a depth difference the number of levels changed")]
    bid_price: Annotated[Price, Meta(description="best bid; PRICE_UNDEFINED when none")]
    ask_price: Annotated[Price, Meta(description="best offer; PRICE_UNDEFINED when none")]
    bid_size: Annotated[Size, Meta(description="size displayed at the best bid")]
    ask_size: Annotated[Size, Meta(description="size displayed at the best offer")]
    instrument_id: Annotated[U32, Meta(description="definition's id")]
    publisher_id: Annotated[U16, Meta(description="source: its number in schemas/sources.py, or by crc32 of its name")]
    root_part: Annotated[U16, Meta(description="number of this row among those of one raw payload")]
    flags: Annotated[U16, Meta(description="FLAG_* bits")]
    action: Annotated[
        U8, Meta(description="ASCII: T trade, M book or best bid/offer changed, N a trade amended (flags)")
    ]
    side: Annotated[U8, Meta(description="ASCII: aggressor of a trade (A sell, B buy), N none")]


TICK = dtype_of(Tick)
