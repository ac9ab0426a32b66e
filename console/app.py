"""The commands of ``tapedeck``, drawn together.

Nothing heavy is imported here, and by no module that this one imports: ``tapedeck --help`` answers at once. A command
loads what it needs when it runs.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from console import (
    archive,
    broker,
    chaos,
    days,
    demo,
    dlq,
    doctor,
    export,
    feed,
    init,
    instruments,
    pin,
    provenance,
    release,
    replay,
    risk,
    shadow,
    top,
    topics,
    trace,
    up,
)  # fmt: skip
from console.examples import epilog
from console.file_lists import CaptureCommand
from console.terminal import emit
from streams.logs import FORMAT_VARIABLE, JSON, TEXT, use


class LogFormat(StrEnum):
    """How lines on standard error are written."""

    TEXT = TEXT
    JSON = JSON


app = typer.Typer(
    name="tapedeck",
    help="A trading desk's tape in Kafka: ticks in, risk-checked orders out, every day replayable.",
    epilog="\b\nExamples:\n  tapedeck demo\n  tapedeck topics tail orders -n 5\n"
    "  tapedeck --bootstrap localhost:9092 demo",
    add_completion=False,
    rich_markup_mode=None,  # rich's help pages cost 0.3 s of imports
    pretty_exceptions_enable=False,
)
app.command(
    "demo",
    cls=CaptureCommand,
    short_help="Play a session through every agent.",
    epilog=epilog("demo", demo.EXAMPLES),
)(demo.demo)
app.command(
    "init",
    short_help="Write a project of your own that runs at once.",
    epilog=epilog("init", init.EXAMPLES),
)(init.init)
app.command(
    "up",
    short_help="Run a live topology.",
    epilog=epilog("up", up.EXAMPLES),
)(up.up)
app.command(
    "top",
    short_help="Watch a run: rates, lag, latency, orders, position, money.",
    epilog=epilog("top", top.EXAMPLES),
)(top.top)
app.add_typer(replay.app, name="replay")
app.command(
    "trace",
    short_help="Tell an order's whole story from the log.",
    epilog=epilog("trace", trace.EXAMPLES),
)(trace.trace)
app.command(
    "provenance",
    short_help="Walk from any record back to its payload.",
    epilog=epilog("provenance", provenance.EXAMPLES),
)(provenance.provenance)
app.add_typer(feed.app, name="feed")
app.add_typer(instruments.app, name="instruments")
app.add_typer(risk.app, name="risk")
app.add_typer(release.app, name="release")
app.add_typer(replay.app, name="replay")
app.add_typer(shadow.app, name="shadow")
app.add_typer(archive.app, name="archive")
app.add_typer(days.app, name="days")
app.add_typer(pin.app, name="pin")
app.command(
    "export",
    short_help="Write what is on the tape into Parquet, CSV or DBN.",
    epilog=epilog("export", export.EXAMPLES),
)(export.export)
app.add_typer(topics.app, name="topics")
app.add_typer(dlq.app, name="dlq")
app.add_typer(broker.app, name="broker")
app.command(
    "chaos",
    cls=CaptureCommand,
    short_help="Break a running topology, and prove that nothing is lost.",
    epilog=epilog("chaos", chaos.EXAMPLES),
)(chaos.chaos)
app.command(
    "doctor",
    short_help="Find what is not well, and what mends it.",
    epilog=epilog("doctor", doctor.EXAMPLES),
)(doctor.doctor)


@app.callback(invoke_without_command=True)
def everything(
    context: typer.Context,
    bootstrap: Annotated[
        str | None,
        typer.Option(
            metavar="HOST:PORT",
            help="Kafka to use [default: TAPEDECK_BOOTSTRAP, else tapedeck.toml here or above, else the embedded one]",
            show_default=False,
        ),
    ] = None,
    log_format: Annotated[
        LogFormat,
        typer.Option(envvar=FORMAT_VARIABLE, help="Lines on standard error: for people, or JSON."),
    ] = LogFormat.TEXT,
    version: Annotated[bool, typer.Option("--version", help="Show the version and exit.")] = False,
) -> None:
    """Everything begins here: global options, then a command."""
    del bootstrap  # commands find it by console.cluster
    use(log_format.value)
    if version:
        from importlib.metadata import version as installed

        emit(f"tapedeck {installed('tapedeck')}")
        raise typer.Exit
    if context.invoked_subcommand is None:
        emit(context.get_help())
