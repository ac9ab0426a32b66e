"""Messages a second through each venue's adapter, on one core: recorded payloads in memory to tick rows, by CPU time.

Recordings of the shared data where they lie (``TAPEDECK_DATA``), each alone; JSON ticks are the simulator's session,
said in them. A venue without a recording here is left out, and told.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

from benchmarks.adapter import adapt
from benchmarks.declare import Found, Series
from benchmarks.harness import Harness
from benchmarks.ticks import tape_captures
from feeds.captures import Line, open_captures
from feeds.file_feed import FileFeed
from feeds.file_map import MapFile, checked
from feeds.simulated_json import json_session
from feeds.venues import adapter_of
from streams.agent import Payload

MESSAGES_MAX, QUICK_MESSAGES_MAX = 200_000, 10_000
SIMULATED_S = 60.0
QUOTES = MapFile(
    instrument="spot:EURUSD", time="ms since midnight", timezone="UTC", date="name:%Y%m%d",
    columns={"time": 1, "bid": 2, "ask": 3}, values={"bid_size": "1", "ask_size": "1"},
)  # fmt: skip
RECORDED = {
    "binance": "binance/*.gz", "coinbase": "venues/COINBASE.ws.*.gz", "kraken": "venues/KRAKEN_FUTURES.ws.*.gz",
    "bitstamp_l3": "bitstamp_l3/*.log.xz", "history": "oanda_fx/*/20140504_quote.zip", "json": "",
}  # fmt: skip
"""Figures, and where their recordings lie."""


def run(harness: Harness) -> Found:
    """Every adapter in turn, as often as there are pairs, behind a first run that does not count."""
    most = QUICK_MESSAGES_MAX if harness.quick else MESSAGES_MAX
    sessions = {source: found for source in RECORDED if (found := payloads(source, most))}
    for source in RECORDED.keys() - sessions.keys():
        harness.say(f"  no recording of {source} here")
    rates: dict[str, list[float]] = {source: [] for source in sessions}
    for n in range(harness.pairs + 1):
        for source, messages in sessions.items():
            gc.collect()
            gc.freeze()
            rate = round(len(messages) / adapt(adapter_of(source), messages)[0])
            gc.unfreeze()
            if n:
                rates[source].append(rate)
    detail = {
        source: {"messages": len(m), "bytes": sum(len(p.value) for p in m)} for source, m in sessions.items()
    }  # fmt: skip
    return Found({source: Series(found) for source, found in rates.items()}, detail)


def payloads(source: str, most: int) -> list[Payload]:
    """At most so many recorded payloads of a source."""
    if not RECORDED[source]:
        return [Payload(source, i, *m) for i, m in enumerate(islice(json_session(seconds=SIMULATED_S, seed=1), most))]
    captures = tape_captures()
    paths = sorted(captures[0].parent.parent.glob(RECORDED[source])) if captures else []
    if not paths:
        return []
    read: Callable[[list[Path]], Iterator[Line]] = (
        _rows if source == "history" else lambda found: iter(open_captures(found))
    )
    return [
        Payload(source, i, line.ts_recv, line.key, line.payload) for i, line in enumerate(islice(read(paths), most))
    ]


def _rows(paths: list[Path]) -> Iterator[Line]:
    return iter(FileFeed(paths, "csv", checked(QUOTES, "a map")))
