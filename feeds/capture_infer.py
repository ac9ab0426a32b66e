"""Which venue, market and symbol a recorded file is of, from its first lines."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

import orjson

from feeds.capture_market import UNKNOWN_SYMBOL, decoded, split_stamp
from feeds.venues import LISTED

INFER_MESSAGES = 1000
"""Messages looked at to tell a file's market and symbols."""

INFER_LINES_MAX = 100_000
"""Lines in which at least one of them must stand."""

OWN_SHARE = 0.9
"""Share of messages from which on a symbol is the file's own: what else is named is a stray line, not a second one."""


class Inferred(NamedTuple):
    """What a file is of.

    Attributes:
        venue: Name of the venue.
        market, symbol: Of what names no symbol itself.
        first_stamp: First valid receive time, ns.
        remarks: The recorder's own lines stand between what was received.
    """

    venue: str
    market: str
    symbol: str
    first_stamp: int
    remarks: bool


def infer(lines: Iterable[bytes]) -> Inferred | None:
    """What a file is of, from its first lines; None when no message names a symbol.

    Venue and market are those that most messages look like. The symbol is UNKNOWN_SYMBOL when there are several; one
    that a few stray messages name does not make it so.
    """
    markets: Counter[tuple[str, str]] = Counter()
    symbols: Counter[str] = Counter()
    first_stamp = 0
    remarks = False
    for number, line in enumerate(lines):
        if number == INFER_LINES_MAX or markets.total() == INFER_MESSAGES:
            break
        stamped = split_stamp(line)
        if stamped is None:
            continue
        first_stamp = first_stamp or stamped[0]
        remarks = remarks or line.split(b" ", 1)[0].endswith(b":")
        try:
            message = decoded(stamped[1])
        except orjson.JSONDecodeError:
            continue
        for venue in LISTED:
            shape = venue.shape(message)
            if shape is not None:
                markets[venue.name, shape[0]] += 1
                symbols.update({shape[1]} - {""})
                break
    if not symbols:
        return None
    venue_name, market = markets.most_common(1)[0][0]
    symbol, messages = symbols.most_common(1)[0]
    own = symbol if messages >= OWN_SHARE * symbols.total() else UNKNOWN_SYMBOL
    return Inferred(venue_name, market, own, first_stamp, remarks)
