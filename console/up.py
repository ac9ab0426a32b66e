"""``tapedeck up``: the flags, and nothing but the flags."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from console.cluster import bootstrap_flag

EXAMPLES = ("", "topology.toml --metrics-port 9400", "topology.toml --only hot --only risk", "--seconds 60 --json")
"""Shown by ``--help``."""
DEFAULT_FILE = Path("topology.toml")
"""Taken where no file is named and there is one."""


def up(
    context: typer.Context,
    topology: Annotated[
        Path | None,
        typer.Argument(
            metavar="[TOPOLOGY.toml]", show_default=False,
            help="What to run [default: topology.toml here; where there is none, what ships: the simulator and a "
            "demonstration strategy].",
        ),
    ] = None,
    only: Annotated[
        list[str] | None,
        typer.Option(
            metavar="TASK", show_default=False,
            help="Run this task here and no other (clock, normalise, hot, risk, venue, feed); may be repeated.",
        ),
    ] = None,
    seconds: Annotated[
        float | None, typer.Option(metavar="S", show_default=False, help="End in order after S seconds of being up.")
    ] = None,
    metrics_port: Annotated[
        int | None,
        typer.Option(
            metavar="PORT", show_default=False,
            help="Serve /metrics for Prometheus here, and of each process at the ports after it; 0: at free ones.",
        ),
    ] = None,
    json: Annotated[
        bool, typer.Option("--json", help="Quiet; at the end what came of it as one JSON object.")
    ] = False,
) -> None:  # fmt: skip
    """Run a live topology: clock, feed, normalise, hot path, risk, venue; a process each, brought back when it dies.

    Starts the embedded Kafka where no cluster is named. Opens the live run, or goes on with the one that was opened
    before. Ctrl-C or SIGTERM ends it in order: the feed first, then each task when it has worked off what was sent
    (exit 0); a second one ends at once (exit 130). Without --only it refuses to run beside another.
    """
    from streams.home import use_kernel_cache

    use_kernel_cache()  # before anything imports numba
    from agents.live_plan import load_topology
    from console.live_run import Choices, chosen, run_live, with_metrics
    from streams.config import named_bootstrap

    named = named_bootstrap(bootstrap_flag(context))
    file = topology or (DEFAULT_FILE if DEFAULT_FILE.is_file() else None)
    plan = load_topology(file)
    plan = with_metrics(plan, metrics_port)
    choices = Choices(only=chosen(plan, only or ()), seconds=seconds, as_json=json)
    raise typer.Exit(run_live(plan, choices, None if named is None else named.bootstrap))
