"""Sources: who publishes. The number stands in rows, the name in documents and topic names."""

from __future__ import annotations

import re
import zlib

SOURCES: dict[str, int] = {
    "binance": 1, "simulator": 2, "coinbase": 3, "kraken": 4, "bitstamp_l3": 5, "history": 6, "json": 10,
}  # fmt: skip
"""Publisher ids by source name. Numbers are wire format: never reused. ``json``: JSON ticks under no other name."""

SIMULATOR = "simulator"
"""The source whose market is made up: no clock of a venue stands behind its event times, and nobody trades it."""

SOURCE_NAMES: dict[int, str] = {number: name for name, number in SOURCES.items()}

OWN_FROM = 1 << 15
"""Numbers of sources that are in no table begin here: they follow from the name, in any language."""

RESERVED = frozenset({"retry"})
"""Names of writers of Tapedeck's own on raw topics."""

_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")


def is_source_name(name: str) -> bool:
    """Whether a source may be called so.

    >>> is_source_name("acme"), is_source_name("a.b"), is_source_name("retry")
    (True, False, False)
    """
    return _NAME.fullmatch(name) is not None and name not in RESERVED


def number_of(source: str) -> int:
    """Number of a source, as rows carry it (``publisher_id``): the table's, else by crc32 of the name.

    >>> number_of("binance"), number_of("acme")
    (1, 47678)
    """
    return SOURCES.get(source) or OWN_FROM + zlib.crc32(source.encode()) % OWN_FROM


def name_of(number: int, run_source: str) -> str:
    """Name of the source that a row's number stands for, in a run of ``run_source``.

    >>> name_of(1, "simulator"), name_of(number_of("acme"), "acme"), name_of(40_000, "acme")
    ('binance', 'acme', '40000')
    """
    return run_source if number == number_of(run_source) else SOURCE_NAMES.get(number, str(number))
