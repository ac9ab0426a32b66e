"""``tapedeck feed run``: a venue's public feed, live, into ``raw.<source>``."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from console.cluster import bootstrap_flag, started
from console.interrupts import Interrupts
from console.terminal import complain, emit

if TYPE_CHECKING:
    from feeds.venue_feed import VenueFeed

EXAMPLES = (
    "binance --symbols BTCUSDT,ETHUSDT",
    "binance --market linear --symbols BTCUSDT --record btc.raw",
    "coinbase --symbols BTC-USD --seconds 60 --json",
    "kraken --symbols PI_XBTUSD,PI_ETHUSD",
)
"""Shown by ``--help``."""

WAIT_S = 0.1


def run(
    context: typer.Context,
    source: Annotated[str, typer.Argument(metavar="binance|coinbase|kraken", help="The venue.", show_default=False)],
    symbols: Annotated[
        str, typer.Option(metavar="A,B,...", help="As the venue writes them, e.g. BTCUSDT.", show_default=False)
    ],
    market: Annotated[
        str | None, typer.Option(metavar="spot|linear|inverse", show_default=False, help="[default: the venue's first]")
    ] = None,
    record: Annotated[
        Path | None, typer.Option(metavar="FILE", show_default=False, help="Append all that comes to a capture.")
    ] = None,
    seconds: Annotated[float | None, typer.Option(min=0, help="End after so long.", show_default=False)] = None,
    url: Annotated[str | None, typer.Option(help="Another websocket address.", show_default=False)] = None,
    rest_url: Annotated[str | None, typer.Option(help="Another HTTP address.", show_default=False)] = None,
    json: Annotated[bool, typer.Option("--json", help="At the end what came of it as one JSON object.")] = False,
) -> None:
    """Publish a venue's live market data as it comes. No key is needed.

    Every payload goes to raw.<source> untouched, numbered and with its receive time. Snapshots are fetched and books
    resynchronised as the venue's rules say; a connection that closes or falls silent is opened again, with a growing,
    jittered wait. Where no cluster is named, the embedded Kafka is started. Ctrl-C ends it in order (exit 0).
    """
    from streams.home import use_kernel_cache

    use_kernel_cache()  # before anything imports numba
    from feeds.live_instruments import asked_for
    from feeds.recorder import Recorder
    from feeds.venue_feed import VenueFeed
    from streams.config import named_bootstrap
    from streams.publisher import Publisher

    asked = asked_for(source, symbols, market, url, rest_url)
    recorder = None if record is None else Recorder(record)
    named = named_bootstrap(bootstrap_flag(context))
    with Interrupts() as interrupts:
        bootstrap = started(None if named is None else named.bootstrap, lambda line: _tell("broker", line))
        feed = VenueFeed(
            asked.venue, asked.market, asked.definitions, asked.dialect, Publisher(bootstrap, source),
            recorder=recorder, tell=_tell,
        )  # fmt: skip
        interrupts.on_first(feed.stop)
        counts = _run(feed, seconds)
    if json:
        import orjson

        emit(orjson.dumps({"source": source, **counts}).decode())
    else:
        emit(", ".join(f"{value:,} {name}" for name, value in counts.items()))


def _run(feed: VenueFeed, seconds: float | None) -> dict[str, Any]:
    from streams.clock import monotonic_s

    until = None if seconds is None else monotonic_s() + seconds
    try:
        while not feed.done:
            if until is not None and monotonic_s() >= until:
                feed.stop()
            feed.turn(WAIT_S)
    finally:
        feed.close()
    return asdict(feed.counts)


def _tell(event: str, message: str) -> None:
    calm = event in ("connected", "broker")
    complain(f"{event}: {message}", event=event, level="info" if calm else "warning", code=f"feed.{event}")
