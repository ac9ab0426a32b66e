"""``tapedeck shadow``: a candidate beside the live desk, on the same ticks, with orders that nobody executes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from console.cluster import running
from console.risk_write import Json

app = typer.Typer(help="Run a candidate beside the live desk.", rich_markup_mode=None)
Name = Annotated[str, typer.Argument(metavar="NAME", help="The shadow's name.")]
Model = Annotated[Path, typer.Option("--model", metavar="FILE", help="The candidate (JSON).")]


@app.callback()
def shadow() -> None:
    """Run a candidate beside the live desk."""


@app.command(
    epilog="\b\nExamples:\n  tapedeck shadow run challenger --model m14.json\n"
    "  tapedeck shadow run challenger --model m14.json --seconds 60 --json"
)
def run(
    context: typer.Context, name: Name, model: Model,
    seconds: Annotated[
        float | None, typer.Option(min=1.0, metavar="S", show_default=False, help="End after so long.")
    ] = None,
    json: Json = False,
) -> None:  # fmt: skip
    """Follow the live ticks with a candidate until ctrl-C; then report.

    Its orders go to shadow.NAME.orders and nowhere else; its fills are simulated. Under the same name it goes on where
    it stood.
    """
    from streams.home import use_kernel_cache

    use_kernel_cache()  # before anything imports numba
    from console.shadow_run import follow

    raise typer.Exit(follow(running(context), name, model, seconds, as_json=json))


@app.command(epilog="\b\nExamples:\n  tapedeck shadow report challenger\n  tapedeck shadow report challenger --json")
def report(
    context: typer.Context, name: Name,
    model: Annotated[
        Path | None, typer.Option("--model", metavar="FILE", show_default=False, help="The candidate that it must be.")
    ] = None,
    json: Json = False,
) -> None:  # fmt: skip
    """Report what a shadow came to so far, whether it runs or not."""
    from streams.home import use_kernel_cache

    use_kernel_cache()
    from console.shadow_run import report_of, tell

    found: dict[str, Any] = report_of(running(context), name, model)
    tell(found, as_json=json)
