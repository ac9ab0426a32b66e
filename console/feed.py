"""``tapedeck feed``: how good recorded market data is, live feeds (``feed_run.py``), and ``feed_status.py``."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from console import feed_health, feed_init, feed_status
from console.examples import epilog
from console.feed_files import FILES
from console.feed_run import CUT_SHORT_EXIT, EXAMPLES, run
from console.figures import count
from console.file_lists import CaptureCommand
from console.reject_lines import tell_reject
from console.terminal import complain, emit, is_screen, show

if TYPE_CHECKING:
    from feeds.check import OnProgress

FEEDS = ("binance", "coinbase", "kraken", "bitstamp_l3", "history", "json")
"""As listed in ``feeds/venues.py``, which is too heavy for a help text."""
COLUMN_MIN = 6
"""Least width of a column of figures."""

app = typer.Typer(
    help="Judge recorded market data, publish a venue's live, and see what became of a source.", rich_markup_mode=None
)

_COUNTED = {name: name for name in ("messages", "ticks", "trades", "applied", "discarded")}
_DOUBTED = {
    "gaps": "gaps", "duplicates": "twice", "out_of_order": "out of\norder", "late_ms_max": "late\nms",
    "crossed": "crossed", "clock_skew_ms": "skew\nms", "bbo_compared": "bbo\ncompared", "bbo_mismatches": "bbo\nwrong",
}  # fmt: skip
"""Columns of the two tables for people and their heads; a row an instrument, 80 columns wide at most."""


@app.callback()
def feed() -> None:
    """Judge recorded market data, publish a venue's live, and see what became of a source."""


app.command("run", epilog=epilog("feed run", EXAMPLES))(run)
app.command("init", epilog=epilog("feed init", feed_init.EXAMPLES))(feed_init.init)
app.command("status", epilog=epilog("feed status", feed_status.EXAMPLES))(feed_status.status)
app.command("health", epilog=epilog("feed health", feed_health.EXAMPLES))(feed_health.health)


@app.command(
    cls=CaptureCommand,
    epilog="\b\nExamples:\n  tapedeck feed check binance --capture btc.gz eth.gz\n"
    "  tapedeck feed check coinbase session.gz --json\n  tapedeck feed check csv quotes.zip --map map.toml",
)
def check(
    source: Annotated[
        str,
        typer.Argument(
            metavar="SOURCE|csv|parquet|dbn",
            show_default=False,
            help="Whose messages they are: binance, coinbase, kraken, bitstamp_l3, history, json; or a file format.",
        ),
    ],
    files: Annotated[
        list[Path] | None, typer.Argument(metavar="FILE", show_default=False, help="Recorded lines, plain or gzip.")
    ] = None,
    capture: Annotated[
        list[Path] | None, typer.Option(metavar="FILE [FILE...]", show_default=False, help="The same, after a flag.")
    ] = None,
    mapped: Annotated[
        Path | None,
        typer.Option("--map", metavar="FILE", show_default=False, help="What a file's columns mean (TOML)."),
    ] = None,
    json: Annotated[
        bool, typer.Option("--json", help="Print the report as one JSON object, the last line of standard output.")
    ] = False,
) -> None:
    """How good is this feed? Starts no broker.

    Reads recorded websocket frames through the adapter that a run uses and counts what it finds, by instrument: gaps,
    repeats, order, lateness, clock skew, and whether the rebuilt book agrees with the venue's own best bid and offer.

    Lines that are no valid message are named on standard error (exit 0). A gzip that is cut short is read up to the
    cut (exit 1).
    """
    from schemas.errors import ConfigError
    from streams.home import use_kernel_cache

    if source not in (*FEEDS, *FILES):
        raise ConfigError(
            "no such feed", kind="no_feed", got=source, allowed=", ".join((*FEEDS, *FILES)), where="feed check"
        )
    if mapped is not None and source not in FILES:
        raise ConfigError("only files have a map", kind="flags_conflict", got="--map", allowed=", ".join(FILES),
                          where=f"feed check {source}")  # fmt: skip
    use_kernel_cache()  # before anything imports numba
    from console.feed_files import check_files
    from feeds.check import check as check_captures

    with _progress() as on_progress:
        paths = [*(files or ()), *(capture or ())]
        if source in FILES:
            report = check_files(source, paths, mapped, tell_reject, on_progress)
        else:
            report = check_captures(
                paths, on_reject=tell_reject, on_progress=on_progress, wanted=source,
                on_fault=lambda fault: complain(
                    str(fault), event="capture_cut", level="warning", code="fault.capture_cut"
                ),
            )  # fmt: skip
    if json:
        import orjson

        emit(orjson.dumps(report.document()).decode())
    else:
        show(*_tables(report.instruments), f"{count(report.lines)} lines read, {count(report.rejected)} rejected")
    raise typer.Exit(CUT_SHORT_EXIT if report.faults else 0)


@contextmanager
def _progress() -> Iterator[OnProgress]:
    """A bar on standard error where that is a terminal; nothing elsewhere."""
    if not is_screen(sys.stderr):
        yield lambda _read, _total, _lines: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("checking"), BarColumn(), TextColumn("{task.percentage:3.0f}%  {task.fields[lines]} lines"),
               TimeRemainingColumn())  # fmt: skip
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("", total=None, lines="0")
        yield lambda read, total, lines: progress.update(task, completed=read, total=total, lines=count(lines))


def _tables(instruments: dict[str, dict[str, Any]]) -> list[Any]:
    """Two tables of 80 columns at most, and a line for each instrument whose depth is not synchronised."""
    drawn = [_table(instruments, _COUNTED), "", _table(instruments, _DOUBTED), ""]
    for name, found in instruments.items():
        if lives := found.get("lifecycles"):
            drawn.append(f"{name}: " + ", ".join(f"{count(n)} {what.replace('_', ' ')}" for what, n in lives.items()))
        if not found.get("depth_synchronised", True):
            drawn.append(
                f"{name}: depth is not synchronised (no snapshot, or a gap): best bid and offer and trades only"
            )
    return drawn


def _table(instruments: dict[str, dict[str, Any]], heads: dict[str, str]) -> Any:
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, padding=0)
    table.add_column("instrument", no_wrap=True)
    for head in heads.values():
        table.add_column(head, justify="right", min_width=COLUMN_MIN)
    for instrument, found in instruments.items():
        table.add_row(instrument, *(_figure(found[name]) for name in heads))
    return table


def _figure(value: float | None) -> str:
    if value is None:
        return "-"
    return count(value) if isinstance(value, int) else f"{value:.1f}"
