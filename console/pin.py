"""``tapedeck pin``: name a dataset by the hash of its data, hold a log to it, and give it names that people know."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from console.cluster import running
from console.examples import epilog
from console.recorded import address, recorded
from console.risk_write import Author, Json, author_of, text_of
from console.terminal import emit

app = typer.Typer(help="Name a dataset by the hash of its data.", rich_markup_mode=None)

Pin = Annotated[str, typer.Argument(metavar="PIN", show_default=False, help="Name, tag, or first digits of an id.")]


@app.callback()
def pin() -> None:
    """Name a dataset by the hash of its data; hold a log to it."""


@app.command(
    epilog=epilog("pin create", (
        "friday --day 2026-11-20", "q3 --from 2026-07-01 --to 2026-10-01 --json",
        "nyse --day 2026-11-20 --session XNYS --topics raw,ticks",
    ))
)  # fmt: skip
def create(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", show_default=False, help="What people call it.")],
    day: Annotated[
        str, typer.Option(metavar="D", show_default=False, help="A UTC day, or a session's with --session.")
    ] = "",
    since: Annotated[str, typer.Option("--from", metavar="T", show_default=False, help="Beginning: ISO, UTC.")] = "",
    until: Annotated[str, typer.Option("--to", metavar="T", show_default=False, help="The end: ISO, UTC.")] = "",
    known_by: Annotated[
        str, typer.Option(metavar="T", show_default=False, help="As known then [default: the end of the range].")
    ] = "",
    session: Annotated[
        str, typer.Option(metavar="CALENDAR", show_default=False, help="What a day is: XNYS, ... [default: UTC].")
    ] = "",
    topics: Annotated[
        str, typer.Option(metavar="LIST", show_default=False, help="raw, ticks, orders, ... [default: all archived].")
    ] = "",
    run: Annotated[str, typer.Option(metavar="RUN", help="Id of a run, or live.")] = "live",
    topology: Annotated[
        Path | None,
        typer.Option(metavar="FILE", show_default=False, help="Whose [source] says where the data is from "
                     "[default: topology.toml here, if any]."),
    ] = None,
    author: Author = None,
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why: for the record.")] = "created",
    json: Json = False,
) -> None:  # fmt: skip
    """Pin a day or a range: hash what was recorded in it, what was known, and the state that it begins with.

    The id is the hash of that data alone: the same from Kafka and from an archive, on any machine, by any build.
    """
    from console.pin_told import told_of
    from console.pin_work import Range, created

    wanted = Range(day, since, until, known_by, session, tuple(t.strip() for t in topics.split(",") if t.strip()), run)
    manifest = created(
        running(context), name, wanted, topology, author_of(author), text_of(reason, "--reason"), quiet=json
    )
    emit(told_of(manifest, name, json=json))


@app.command(epilog=epilog("pin show", ("friday", "3f9a52c1 --json")))
def show(context: typer.Context, pin: Pin, json: Json = False) -> None:
    """Show a pin's manifest: what it holds, and beside that where it lay and what made it."""
    from console.pin_told import told_of
    from replay.pins.pinning import find

    log = recorded(context)
    try:
        manifest = find(log, pin)
    finally:
        log.close()
    emit(told_of(manifest, pin, json=json))


@app.command(epilog=epilog("pin verify", ("friday", "3f9a52c1 --json")))
def verify(context: typer.Context, pin: Pin, json: Json = False) -> None:
    """Read a pin's data again and hold it to its hashes. Exit 1: it differs; the first place is told."""
    from console.pin_told import verdict_of
    from console.pin_work import verified

    verdict = verified(address(context), pin, quiet=json)
    emit(verdict_of(verdict, pin, json=json))
    if not verdict.identical:
        raise typer.Exit(1)


@app.command("list", epilog=epilog("pin list", ("", "--json")))
def list_pins(context: typer.Context, json: Json = False) -> None:
    """List the names of pins, the oldest first, and those pins that are here without one."""
    from console.pin_told import list_of
    from replay.pins.store import ids
    from replay.pins.tags import tags_in

    log = recorded(context)
    try:
        tags = tags_in(log)
    finally:
        log.close()
    emit(list_of(tags, ids(), json=json))


@app.command(epilog=epilog("pin tag", ("friday golden --reason 'the month is checked'", "3f9a52c1 golden --json")))
def tag(
    context: typer.Context,
    pin: Pin,
    name: Annotated[str, typer.Argument(metavar="TAG", show_default=False, help="The name to give or to move.")],
    author: Author = None,
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why: for the record.")] = "tagged",
    json: Json = False,
) -> None:
    """Let a name mean a pin from now on: a record in control says who moved it, and why."""
    from console.pin_told import tagged_as
    from console.pin_work import tagged

    written, event = tagged(running(context), pin, name, author_of(author), text_of(reason, "--reason"))
    emit(tagged_as(written, event, json=json))
