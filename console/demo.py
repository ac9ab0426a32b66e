"""``tapedeck demo``: the flags, and nothing but the flags."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from console.cluster import bootstrap_flag

EXAMPLES = (
    "--seconds 20",
    "--capture btc.gz eth.gz --speed max --json",
    "--speed 10 --split --kill risk@500",
    "--log memory --speed max",
)
"""Shown by ``--help``."""


class LogKind(StrEnum):
    """Where a run keeps its topics."""

    KAFKA = "kafka"
    MEMORY = "memory"


def demo(
    context: typer.Context,
    seconds: Annotated[
        float | None,
        typer.Option(help="Length of the simulated session [default: 60]."),
    ] = None,
    instruments: Annotated[
        int | None,
        typer.Option(help="Instruments of the simulated session [default: 3]."),
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of the simulated session.")] = 1,
    speed: Annotated[str, typer.Option(metavar="1|N|max", help="Log seconds per second, or as fast as it goes.")] = "1",
    venue_latency_ms: Annotated[
        float, typer.Option(help="Log time between an order and the venue's reports, milliseconds.")
    ] = 50.0,
    capture: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FILE [FILE...]",
            show_default=False,
            help="Play one venue's recorded websocket frames instead of the simulator; merged by receive time.",
        ),
    ] = None,
    log: Annotated[
        LogKind, typer.Option(help="Kafka with a process a task, or all of it in this process's memory.")
    ] = LogKind.KAFKA,
    split: Annotated[bool, typer.Option("--split", help="One process a hop, with a topic between every two.")] = False,
    kill: Annotated[
        list[str] | None,
        typer.Option(metavar="TASK@N", show_default=False, help="SIGKILL a task after its Nth input; may be repeated."),
    ] = None,
    limits: Annotated[
        Path | None,
        typer.Option(metavar="FILE", show_default=False, help="Risk limits (TOML) instead of the defaults."),
    ] = None,
    model: Annotated[
        Path | None, typer.Option(metavar="FILE", show_default=False, help="Model (JSON) instead of the shipped one.")
    ] = None,
    json: Annotated[
        bool, typer.Option("--json", help="Print the summary as one JSON object, the last line of standard output.")
    ] = False,
) -> None:
    """Play a session through every agent: feed, normalise, feature, score, strategy, risk, venue.

    Starts the embedded Kafka where no cluster is named. Ctrl-C ends the feed, works off what was sent and shows the
    summary (exit 130); a second one ends at once.
    """
    from streams.home import use_kernel_cache

    use_kernel_cache()  # before anything imports numba
    from console.demo_plan import Choices, plan_of
    from console.play import play
    from streams.config import named_bootstrap

    choices = Choices(
        seconds=seconds, instruments=instruments, seed=seed, speed=speed, venue_latency_ms=venue_latency_ms,
        captures=tuple(capture or ()), split=split, kills=tuple(kill or ()), limits=limits, model=model,
    )  # fmt: skip
    on_kafka = log is LogKind.KAFKA
    named = named_bootstrap(bootstrap_flag(context)) if on_kafka else None
    plan = plan_of(choices)
    raise typer.Exit(play(plan, on_kafka=on_kafka, named=None if named is None else named.bootstrap, as_json=json))
