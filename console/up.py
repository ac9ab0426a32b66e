"""``tapedeck up``: the flags, and nothing but the flags."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from console.cluster import bootstrap_flag
from schemas.errors import ConfigError

EXAMPLES = (
    "", "topology.toml --metrics-port 9400", "topology.toml --only hot --only risk", "topology.toml --partitions 0-3",
    "topology.toml --worker", "--venue external", "--seconds 60 --json",
)  # fmt: skip
"""Shown by ``--help``."""


class VenueKind(StrEnum):
    """Who works the orders."""

    paper = "paper"
    external = "external"


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
            help="Run this task only (clock, normalise, hot, risk, venue, gateway, feed, health); may be repeated.",
        ),
    ] = None,
    partitions: Annotated[
        str | None,
        typer.Option(
            metavar="P", show_default=False,
            help="Run the tasks of these partitions here, e.g. 0-3 or 0,2; clock, risk and feed belong to 0.",
        ),
    ] = None,
    worker: Annotated[
        bool,
        typer.Option("--worker", help="Share the partitions with all other workers, on this host or others, and take "
                     "over those of a worker that dies."),
    ] = False,
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
    venue: Annotated[
        VenueKind | None,
        typer.Option(
            show_default=False,
            help="Who works the orders: the paper venue, or an execution system of your own, which reports to "
            "raw.<gateway> [default: as the topology says, else paper].",
        ),
    ] = None,
    json: Annotated[
        bool, typer.Option("--json", help="Quiet; at the end what came of it as one JSON object.")
    ] = False,
) -> None:  # fmt: skip
    """Run a live topology: clock, feed, normalise, hot path, risk, venue; a process each, brought back when it dies.

    Starts the embedded Kafka where no cluster is named. Opens the live run, or goes on with the one that was opened
    before. Ctrl-C or SIGTERM ends it in order: the feed first, then each task when it has worked off what was sent
    (exit 0); a second one ends at once (exit 130). Without --only, --partitions or --worker it refuses to run beside
    another. A worker hands its partitions over when it ends, and others go on with them.
    """
    from streams.home import use_kernel_cache

    use_kernel_cache()  # before anything imports numba
    from agents.live_plan import load_topology
    from console.live_run import Choices, chosen, run_live, with_metrics, with_venue
    from streams.config import named_bootstrap

    named = named_bootstrap(bootstrap_flag(context))
    file = topology or (DEFAULT_FILE if DEFAULT_FILE.is_file() else None)
    plan = load_topology(file)
    plan = with_venue(with_metrics(plan, metrics_port), None if venue is None else venue.value)
    if worker and (only or partitions is not None):
        raise ConfigError(
            "flags contradict each other", kind="flags_conflict", got="--worker with --only or --partitions",
            allowed="--worker alone: a group says what runs here", where="tapedeck up",
        )  # fmt: skip
    choices = Choices(only=chosen(plan, only or (), partitions), shared=worker, seconds=seconds, as_json=json)
    raise typer.Exit(run_live(plan, choices, None if named is None else named.bootstrap))
