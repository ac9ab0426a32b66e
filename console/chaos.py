"""``tapedeck chaos``: the flags, the progress of a run, and its report."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from console.terminal import complain, emit, show

if TYPE_CHECKING:
    from chaos.plan import ChaosPlan
    from chaos.report import Report

EXAMPLES = (
    "--seconds 30 --seed 7",
    "--seconds 120 --faults kill,pause-twin,broker-kill --json",
    "--seconds 60 --brokers 3 --faults broker-loss",
    "--seconds 60 --capture btc.gz eth.gz",
    "--plant duplicate",
    "--simulate 10000 --seed 1 --json",
)
"""Shown by ``--help``."""
BREACH, INTERRUPTED = 1, 130


def chaos(
    seconds: Annotated[float, typer.Option(metavar="S", help="Length of the run under load, from 30 on.")] = 60.0,
    seed: Annotated[int, typer.Option(metavar="K", help="The same seed gives the same faults.")] = 1,
    faults: Annotated[
        str | None,
        typer.Option(metavar="LIST", show_default=False, help="Kinds of faults, with commas [default: all that fit]."),
    ] = None,
    brokers: Annotated[int, typer.Option(metavar="1|3", help="Brokers; three are replicated.")] = 1,
    capture: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FILE [FILE...]", show_default=False,
            help="Play recorded frames instead of a live session: the orders must be those of a run without faults.",
        ),
    ] = None,
    plant: Annotated[
        str | None,
        typer.Option(metavar="BUG", show_default=False, help="Build a known bug in, to see that it is caught."),
    ] = None,
    simulate: Annotated[
        int | None,
        typer.Option(metavar="N", show_default=False, help="Instead: N schedules in memory, simulated."),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print the report as one JSON object.")] = False,
) -> None:  # fmt: skip
    """Break a running topology on purpose, then prove from its topics that nothing was lost, doubled or wrong.

    Runs the real pipeline in separate processes on a Kafka of its own, injects faults from the seed, reads every topic
    back and checks it. Nothing of yours is touched. Exit 0 where all holds, 1 on any breach, 2 on a wrong argument.
    """
    from streams.home import use_kernel_cache

    use_kernel_cache()  # before anything imports numba
    if simulate is not None:
        from console.chaos_simulated import run_simulated

        raise typer.Exit(run_simulated(simulate, seed, plant or "", json=json))
    from chaos.plan import plan_of

    names = tuple(name.strip() for name in (faults or "").split(",") if name.strip())
    plan = plan_of(seconds, seed, names, brokers, tuple(capture or ()), plant or "")
    raise typer.Exit(_run(plan, json=json))


def _run(plan: ChaosPlan, *, json: bool) -> int:
    from chaos.deadline import Deadline, bound_s
    from chaos.rig import run
    from console.interrupts import Interrupted, Interrupts

    watcher = _Watcher(quiet=json)
    with Interrupts(), Deadline(bound_s(plan.seconds), partial(complain, event="breach", level="error")):
        try:
            report = run(plan, watcher)
        except Interrupted:
            complain("interrupted; nothing is left behind", event="interrupted", code="interrupted", exit=INTERRUPTED)
            return INTERRUPTED
        finally:
            watcher.close()
    return tell(report, json=json)


def tell(report: Report, *, json: bool) -> int:
    """Print a report; returns the exit code."""
    for message in report.messages:
        complain(message, event="breach", level="error")
    document = report.document()
    if json:
        import orjson

        emit(orjson.dumps(document).decode())
    else:
        show(*_drawn(document))
    return 0 if report.sound else BREACH


def _drawn(document: dict[str, Any]) -> list[Any]:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, show_header=False, padding=(0, 2))
    for name, value in document.items():
        if isinstance(value, dict):
            value = ", ".join(f"{key} {number}" for key, number in value.items()) or "none"
        table.add_row(name, Text(str(value), style="bold red" if value == "breach" else ""))
    return [table]


class _Watcher:
    """Shows a run on standard error: a bar on a terminal; lines elsewhere, unless asked to be quiet."""

    def __init__(self, *, quiet: bool) -> None:
        import sys

        from console.terminal import is_screen

        self._quiet = quiet
        self._progress: Any = None
        if is_screen(sys.stderr):
            from rich.console import Console
            from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

            columns = (BarColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
            self._progress = Progress(*columns, console=Console(stderr=True, highlight=False), transient=True)
            self._task = self._progress.add_task("starting", total=1.0)
            self._progress.start()

    def say(self, line: str) -> None:
        """One line that stays."""
        if self._progress is not None:
            self._progress.console.print(line, markup=False, soft_wrap=True)
        elif not self._quiet:
            complain(line, event="fault")

    def stage(self, text: str, share: float) -> None:
        """What the bar shows."""
        if self._progress is not None:
            self._progress.update(self._task, completed=share, description=text)

    def close(self) -> None:
        """Take the bar away."""
        if self._progress is not None:
            self._progress.stop()
