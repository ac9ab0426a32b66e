"""``tapedeck feed run``: a venue's public feed, live, or purchased files, into ``raw.<source>``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from console.cluster import bootstrap_flag, started
from console.feed_files import FILES
from console.interrupts import Interrupts
from console.terminal import complain, emit

if TYPE_CHECKING:
    from feeds.venue_feed import VenueFeed

EXAMPLES = (
    "binance --symbols BTCUSDT,ETHUSDT",
    "binance --market linear --symbols BTCUSDT --record btc.raw",
    "coinbase --symbols BTC-USD --seconds 60 --json",
    "binance --symbols BTCUSDT --connections 2",
    "kraken --symbols PI_XBTUSD,PI_ETHUSD",
    "csv 20140501_quote.zip --map map.toml",
    "csv quotes.csv --map map.toml --no-publish --record a.raw",
    "dbn ticks.dbn.zst",
)
"""Shown by ``--help``."""

WAIT_S = 0.1
CUT_SHORT_EXIT = 1
"""A file could not be read to its end; what was read is published."""


def run(
    context: typer.Context,
    source: Annotated[
        str,
        typer.Argument(
            metavar="VENUE|csv|parquet|dbn", help="binance, coinbase, kraken; or a format of files.", show_default=False
        ),
    ],
    files: Annotated[
        list[Path] | None, typer.Argument(metavar="FILE", show_default=False, help="Purchased files, plain or packed.")
    ] = None,
    symbols: Annotated[
        str, typer.Option(metavar="A,B,...", help="As the venue writes them, e.g. BTCUSDT.", show_default=False)
    ] = "",
    mapped: Annotated[
        Path | None,
        typer.Option("--map", metavar="FILE", show_default=False, help="What a file's columns mean (TOML)."),
    ] = None,
    publish: Annotated[
        bool, typer.Option("--publish/--no-publish", help="Files: only look, and record with --record; no Kafka.")
    ] = True,
    market: Annotated[
        str | None, typer.Option(metavar="spot|linear|inverse", show_default=False, help="[default: the venue's first]")
    ] = None,
    record: Annotated[
        Path | None, typer.Option(metavar="FILE", show_default=False, help="Append all that comes to a capture.")
    ] = None,
    seconds: Annotated[float | None, typer.Option(min=0, help="End after so long.", show_default=False)] = None,
    connections: Annotated[
        int, typer.Option(min=1, max=4, metavar="N", help="So many at once: each payload is published once.")
    ] = 1,
    url: Annotated[str | None, typer.Option(help="Another websocket address.", show_default=False)] = None,
    rest_url: Annotated[str | None, typer.Option(help="Another HTTP address.", show_default=False)] = None,
    json: Annotated[bool, typer.Option("--json", help="At the end what came of it as one JSON object.")] = False,
) -> None:
    """Publish a venue's live market data as it comes, or purchased files. No key is needed.

    Every payload goes to raw.<source> untouched, numbered and with its receive time. Snapshots are fetched and books
    resynchronised as the venue's rules say; a connection that closes or falls silent is opened again, with a growing,
    jittered wait. Of two connections each payload is published once, by the venue's own numbers, so that one of them
    may close, stall or lag without a gap. Where no cluster is named, the embedded Kafka is started. Ctrl-C ends it in
    order (exit 0).

    Rows of files go to raw.history, each with its file, sha256 and line; docs/files.md tells how a map is written.
    """
    from streams.home import use_kernel_cache

    use_kernel_cache()  # before anything imports numba
    _check_flags(source, symbols, files or (), mapped, publish=publish, connections=connections)
    if source in FILES:
        counts = _run_files(context, source, files or (), mapped, record, publish=publish)
        _emit("history", counts, as_json=json)
        raise typer.Exit(CUT_SHORT_EXIT if counts["cut_short"] else 0)
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
            connections=connections, recorder=recorder, tell=_tell,
        )  # fmt: skip
        interrupts.on_first(feed.stop)
        counts = _run(feed, seconds)
    _emit(source, counts, as_json=json)


def _run_files(
    context: typer.Context, kind: str, files: Sequence[Path], mapped: Path | None, record: Path | None, *, publish: bool
) -> dict[str, Any]:  # fmt: skip
    from console.feed_files import run_files
    from console.reject_lines import tell_reject
    from streams.config import named_bootstrap

    def bootstrap() -> str:
        named = named_bootstrap(bootstrap_flag(context))
        return started(None if named is None else named.bootstrap, lambda line: _tell("broker", line))

    return run_files(
        bootstrap, kind, files, mapped, record, publish=publish, interrupts=Interrupts(), on_reject=tell_reject
    )


def _check_flags(
    source: str, symbols: str, files: Sequence[Path], mapped: Path | None, *, publish: bool, connections: int
) -> None:  # fmt: skip
    """Flags of files and flags of venues do not go together.

    Raises:
        ConfigError: One of the other sort was given.
    """
    from schemas.errors import ConfigError

    wrong = ("--symbols" if symbols else "--connections" if connections > 1 else "") if source in FILES else next(
        (flag for flag, given in (("FILE", files), ("--map", mapped), ("--no-publish", not publish)) if given), ""
    )  # fmt: skip
    if wrong:
        raise ConfigError(
            "a flag of another sort of feed", kind="flags_conflict", got=wrong, where=f"feed run {source}",
            allowed="FILE and --map" if source in FILES else "--symbols",
        )  # fmt: skip


def _emit(source: str, counts: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        import orjson

        emit(orjson.dumps({"source": source, **counts}).decode())
    else:
        emit(
            ", ".join(
                f"{value:,} {name.replace('_', ' ')}" for name, value in counts.items() if not isinstance(value, list)
            )
        )


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
    calm = event in ("connected", "broker", "arbitrated")
    complain(f"{event}: {message}", event=event, level="info" if calm else "warning", code=f"feed.{event}")
