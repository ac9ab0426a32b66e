"""``tapedeck broker``: the embedded Kafka, up, status and down."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from console.figures import duration
from console.terminal import complain, emit, is_screen

if TYPE_CHECKING:
    from streams.broker import BrokerStatus

app = typer.Typer(help="The embedded Kafka: start it, look at it, stop it.", rich_markup_mode=None)

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


@app.callback()
def broker() -> None:
    """The embedded Kafka: a real one, below TAPEDECK_HOME; its data survive restarts."""


@app.command(epilog="\b\nExamples:\n  tapedeck broker up\n  tapedeck broker up --port 9092")
def up(
    port: Annotated[
        int | None,
        typer.Option(help="Clients' port [default: last time's if free, else a free one].", show_default=False),
    ] = None,
    json: Json = False,
) -> None:
    """Start it unless it runs, and wait until it answers. Fetches Kafka's jars the first time."""
    from streams.broker import EmbeddedBroker

    with waiting() as progress:
        status_now = EmbeddedBroker().up(port, progress=progress)
    _tell(status_now, json)


@app.command(epilog="\b\nExamples:\n  tapedeck broker status\n  tapedeck broker status --json")
def status(json: Json = False) -> None:
    """Whether it runs, and where. Exit 0 either way; what it found is in the answer."""
    from streams.broker import EmbeddedBroker

    _tell(EmbeddedBroker().status(), json)


@app.command(epilog="\b\nExample:\n  tapedeck broker down")
def down(json: Json = False) -> None:
    """Stop it if it runs. Its data stay."""
    from streams.broker import EmbeddedBroker

    embedded = EmbeddedBroker()
    with waiting() as progress:
        progress("stopping Kafka")
        was_running = embedded.down()
    if json:
        _tell(embedded.status(), json)
    else:
        emit(f"stopped; its data stay in {embedded.status().data}" if was_running else "it was not running")


@contextmanager
def waiting() -> Iterator[Callable[[str], None]]:
    """Shows what is being waited for: a spinner on a terminal, a line each elsewhere, on standard error."""
    if not is_screen(sys.stderr):
        yield complain
        return
    from rich.console import Console

    with Console(stderr=True, highlight=False).status("") as spinner:
        yield spinner.update


def _tell(found: BrokerStatus, as_json: bool) -> None:
    if as_json:
        import orjson

        emit(orjson.dumps(found.as_json()).decode())
        return
    if not found.running:
        emit(f"not running (start it: tapedeck broker up)\nKafka      {found.version}\ndata       {found.data}")
        return
    emit(
        f"running at {found.bootstrap} for {duration(found.uptime_s)}, process {found.pid}\n"
        f"Kafka      {found.version}\ndata       {found.data}\nlog        {found.log}"
    )
