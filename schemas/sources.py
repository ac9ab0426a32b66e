"""Sources: who publishes. The number stands in rows, the name in documents and topic names."""

from __future__ import annotations

SOURCES: dict[str, int] = {"binance": 1, "simulator": 2, "coinbase": 3, "kraken": 4, "bitstamp_l3": 5, "history": 6}
"""Publisher ids by source name. Numbers are wire format: never reused."""

SOURCE_NAMES: dict[int, str] = {number: name for name, number in SOURCES.items()}
