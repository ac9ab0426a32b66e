"""What there is to know of a venue, in one value that its own file declares and ``venues.py`` lists."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from feeds.messages import Messages, Reject
from schemas.definition import Definition
from streams.agent import Payload

SESSION_SYMBOL = "?"
"""Symbol in the key of what is of no instrument, as the answer to a subscription: nothing is called so."""


class Reader(Protocol):
    """The memoryless half of an adapter."""

    def read(self, payloads: Sequence[Payload]) -> tuple[Messages, list[Reject]]:
        """Valid messages, and rejects in the order of their payloads. Raises nothing, whatever the bytes."""
        ...


@dataclass(frozen=True, slots=True)
class Dialect:
    """How a live feed speaks with a market of a venue. Symbols are those of definitions.

    Attributes:
        url: Of the websocket, without what ``path`` adds.
        rest_url: Of the HTTP interface.
        path: What follows the websocket's address, given the symbols.
        subscribe: Messages that begin a connection, given the symbols.
        resubscribe: Messages that ask for a symbol's snapshot in the stream; none where it comes by ``snapshot``.
        snapshot: Path of a symbol's depth snapshot; None where it comes in the stream.
        instruments: Path of the list of instruments.
        definitions: Definitions of the symbols wanted, out of that list's text; those that are not there are left out.
        request_gap_s: Least time between two snapshots asked for, which keeps within the venue's limits of requests.
        silence_s_max: A connection that is silent for longer is stale, and is given up.
    """

    url: str
    rest_url: str
    instruments: str
    definitions: Callable[[bytes, Sequence[str]], dict[str, Definition]]
    path: Callable[[Sequence[str]], str] = lambda _symbols: ""
    subscribe: Callable[[Sequence[str]], list[str]] = lambda _symbols: []
    resubscribe: Callable[[str], list[str]] = lambda _symbol: []
    snapshot: Callable[[str], str] | None = None
    request_gap_s: float = 1.0
    silence_s_max: float = 30.0


@dataclass(frozen=True, slots=True)
class Venue:
    """A venue.

    Attributes:
        name: Of the source: its payloads are in ``raw.<name>``. It has a number in ``schemas/sources.py``.
        definitions: Instruments that ship.
        reader: Makes the reader for instruments.
        rule: How an instrument's differences, snapshots and trades follow each other: bits of ``rules.RULE_*``.
        shape: (market, symbol or "") of a decoded message; None when it is none of the venue's.
        key: Key of a payload as received, given the market of its connection or file; None where it names no symbol.
        dialects: How to speak with each market; none: it is read from recordings only.
        orders: Whether its messages tell single orders (``order_adapter.py``).
    """

    name: str
    definitions: tuple[Definition, ...]
    reader: Callable[[Sequence[Definition]], Reader]
    rule: Callable[[Definition], int]
    shape: Callable[[Any], tuple[str, str] | None]
    key: Callable[[bytes, str], bytes | None]
    dialects: dict[str, Dialect]
    orders: bool = False
