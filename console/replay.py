"""``tapedeck replay``: play a recorded day again through the same agents, and hold it against the tape."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from console import replay_diff, replay_report
from console.cluster import running
from console.demo import LogKind
from console.examples import epilog
from console.recorded import address
from console.replay_group import ReplayGroup
from console.risk_write import Json

EXAMPLES = (
    "2026-11-23 --speed max --json",
    "live --split --log memory",
    "live --from-time 2026-11-23T14:00 --speed 1",
)


class Since(StrEnum):
    """From which topic on."""

    RAW = "raw"
    TICKS = "ticks"


class Venue(StrEnum):
    """Whose executions."""

    RECORDED = "recorded"
    SIMULATED = "simulated"


app = typer.Typer(
    cls=ReplayGroup, help="Play a recorded day again, and hold it against the tape.", rich_markup_mode=None,
    epilog=epilog("replay", EXAMPLES),
)  # fmt: skip


@app.callback()
def replay() -> None:
    """Play a recorded day again through the same agents; tapedeck replay DAY means tapedeck replay play DAY."""


@app.command(epilog=epilog("replay play", EXAMPLES))
def play(
    context: typer.Context,
    what: Annotated[
        str,
        typer.Argument(metavar="PIN|DAY|live|RUN", help="A pin, a UTC day (2026-11-23), all that is live, or a run."),
    ],
    since: Annotated[
        str, typer.Option("--from-time", metavar="T", show_default=False, help="A closer beginning: ISO time, UTC.")
    ] = "",
    until: Annotated[
        str, typer.Option("--to-time", metavar="T", show_default=False, help="A closer end: ISO time, UTC.")
    ] = "",
    speed: Annotated[str, typer.Option(metavar="1|N|max", help="Log seconds a second, or as it goes.")] = "max",
    source: Annotated[Since, typer.Option("--from", help="From raw payloads, or from recorded ticks on.")] = Since.RAW,
    split: Annotated[
        bool | None,
        typer.Option("--split/--fused", show_default=False, help="A process a hop, or fused [default: as recorded]."),
    ] = None,
    log: Annotated[
        LogKind, typer.Option(help="Kafka with a process a task, or all of it in this process's memory.")
    ] = LogKind.KAFKA,
    model: Annotated[
        Path | None, typer.Option(metavar="FILE", show_default=False, help="What if: another model (JSON).")
    ] = None,
    topology: Annotated[
        Path | None,
        typer.Option(metavar="FILE", show_default=False, help="What if: another topology (TOML): view, model, limits."),
    ] = None,
    view: Annotated[
        Path | None,
        typer.Option(metavar="FILE", show_default=False, help="What if: another feature view, with a model of it."),
    ] = None,
    against: Annotated[
        str,
        typer.Option(metavar="live|RUN", show_default=False, help="Compare with this run, not with the recording."),
    ] = "",
    venue: Annotated[
        Venue, typer.Option(help="Executions as recorded (was it so?), or the paper venue's (what if?).")
    ] = Venue.RECORDED,
    burst: Annotated[
        float, typer.Option(metavar="N", help="Ten seconds of input come N times as fast.", show_default=False)
    ] = 1.0,
    inject: Annotated[
        list[str] | None,
        typer.Option(
            metavar="KIND", show_default=False,
            help="gap, duplicate, reorder, stall, loss, broker-pause or task-kill; may be repeated.",
        ),
    ] = None,
    at: Annotated[
        list[str] | None,
        typer.Option(metavar="S", show_default=False, help="When: seconds after the first record; one for each fault."),
    ] = None,
    cold: Annotated[
        bool, typer.Option("--cold", help="Start without compiled kernels: what the first records then wait.")
    ] = False,
    any_build: Annotated[
        bool, typer.Option("--any-build", help="Hold this build against what another one recorded.")
    ] = False,
    kill: Annotated[
        list[str] | None,
        typer.Option(metavar="TASK@N", show_default=False, help="SIGKILL a task after its Nth input; may be repeated."),
    ] = None,
    json: Json = False,
) -> None:  # fmt: skip
    """Play recorded input through the very same agents, in topics of its own, and compare what they make.

    Side records (halts, limits, the clock, executions, denials) take effect before the same inputs as when they were
    recorded. Exit 1: something differs; the first difference is told. Ctrl-C ends the feed, works off what was sent and
    reports on that. Nothing is ever written to a live topic.
    """
    from streams.home import use_kernel_cache

    use_kernel_cache()  # before anything imports numba
    from console.demo_plan import speed_of
    from console.replay_play import Wanted, play_again
    from replay.stress import stress_of

    wanted = Wanted(
        what=what, since=since, until=until, speed=speed_of(speed), source=source.value, split=split, kills=kill or (),
        on_kafka=log is LogKind.KAFKA, model=model, topology=topology, view=view, against=against, cold=cold,
        simulated=venue is Venue.SIMULATED, any_build=any_build,
        stress=stress_of(inject or (), at or (), burst),
    )  # fmt: skip
    raise typer.Exit(play_again(address(context), wanted, as_json=json))


app.command(
    "diff",
    short_help="Compare two runs; name the first difference.",
    epilog=epilog("replay diff", replay_diff.EXAMPLES),
)(replay_diff.diff)
app.command(
    "report",
    short_help="Report on a run's latencies, as a page, against a budget.",
    epilog=epilog("replay report", replay_report.EXAMPLES),
)(replay_report.report)


@app.command("list", epilog="\b\nExamples:\n  tapedeck replay list\n  tapedeck replay list --json")
def list_(context: typer.Context, json: Json = False) -> None:
    """List the replays whose topics or reports are here, the oldest first."""
    from console.replay_runs import list_runs

    list_runs(running(context), as_json=json)


@app.command(epilog="\b\nExamples:\n  tapedeck replay show 20261125t074501-ab12 --json")
def show(
    run: Annotated[str, typer.Argument(metavar="RUN", help="Its id.")], json: Json = False
) -> None:  # fmt: skip
    """Show a replay's report again."""
    from console.replay_runs import show_run

    raise typer.Exit(show_run(run, as_json=json))


@app.command(epilog="\b\nExamples:\n  tapedeck replay delete 20261125t074501-ab12")
def delete(
    context: typer.Context, run: Annotated[str, typer.Argument(metavar="RUN", help="Its id.")], json: Json = False
) -> None:
    """Remove a replay's topics and report. What was recorded stays."""
    from console.replay_runs import delete_run

    delete_run(running(context), run, as_json=json)
