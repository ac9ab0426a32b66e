"""What a payload means, as a venue's own file says it; numbers are still text."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from feeds.venue import Reader
from schemas.definition import Definition

Levels = Sequence[tuple[str, str]]
"""(price, size) as decimal text."""


class Said(NamedTuple):
    """What a payload means.

    Attributes:
        kind: Of ``messages.py``; 0 for what is of the session and of no instrument.
        symbol: Of the instrument.
        ts_event: Venue time, ns; 0 if none.
        last: Update id, trade id, or the id that a mark names; 0 where there is none.
        seller: 1 if the aggressor of a trade sells.
        bids, asks: Levels; a trade stands in ``bids``.
        first, previous: Of a tick: action and side; -1 for all else.
    """

    kind: int
    symbol: str = ""
    ts_event: int = 0
    last: int = 0
    seller: int = 0
    bids: Levels = ()
    asks: Levels = ()
    first: int = -1
    previous: int = -1


SESSION = Said(0)
"""An answer or beat of the session: nothing comes of it."""


def reads(said: Callable[[bytes], Said], **more: Any) -> Callable[[Sequence[Definition]], Reader]:
    """A venue's ``reader``, of what its payloads mean; ``more`` is as for ``TextReader``.

    The kernels come with the first reader: who only asks what instruments a venue has needs no compiler.
    """

    def reader(definitions: Sequence[Definition]) -> Reader:
        from feeds.text_reader import TextReader

        return TextReader(definitions, said, **more)

    return reader
