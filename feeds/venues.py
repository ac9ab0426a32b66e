"""The venues that are read: one entry each. Everything else about a venue stands in its own file."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from feeds.binance import BINANCE
from feeds.bitstamp_l3 import BITSTAMP_L3
from feeds.coinbase import COINBASE
from feeds.history import HISTORY
from feeds.json_ticks import json_ticks
from feeds.kraken import KRAKEN
from feeds.venue import Venue
from schemas.definition import Definition
from schemas.sources import SIMULATOR

if TYPE_CHECKING:
    from feeds.adapter import Adapter

_SHIPPED = (BINANCE, COINBASE, KRAKEN, BITSTAMP_L3, HISTORY)

KNOWN: dict[str, Definition] = {d.instrument: d for venue in _SHIPPED for d in venue.definitions}
"""Every definition that ships, by ``market:symbol``."""

LISTED: tuple[Venue, ...] = (*_SHIPPED, json_ticks(tuple(KNOWN.values())))

VENUES: dict[str, Venue] = {venue.name: venue for venue in LISTED}
"""By name."""


def venue_of(source: str) -> Venue:
    """Whose messages a source sends: the simulator speaks as Binance does, one that is in no table sends JSON ticks."""
    if source == SIMULATOR:
        return BINANCE
    return VENUES.get(source) or json_ticks(tuple(KNOWN.values()), source)


def adapter_of(source: str, definitions: Sequence[Definition] | None = None) -> Adapter:
    """The adapter of a source; definitions None: those that ship."""
    from feeds.adapter import Adapter  # with the kernels, which who only looks an instrument up does without
    from feeds.order_adapter import OrderAdapter

    venue = venue_of(source)
    return (OrderAdapter if venue.orders else Adapter)(venue, definitions)
