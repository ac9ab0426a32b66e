"""``tapedeck replay report``: one page on a run, or on several beside one another; a budget makes it a gate."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from console.figures import count, latency
from console.recorded import recorded
from console.terminal import complain, emit, show

if TYPE_CHECKING:
    from replay.report import Report

OVER_BUDGET = 1
RUNS_MAX = 6
ENVIRONMENT_VARIABLE = "TAPEDECK_ENVIRONMENT"
EXAMPLES = (
    "20261124t101500-ab12 --html report.html",
    "20261124t101500-ab12 --budget latency.toml --json",
    "live=production 20261124t103000-cd34=staging --json",
    "live --html report.html --hlog hlog/",
)
"""Shown by ``--help``."""
COLUMNS = ("count", "p50_us", "p95_us", "p99_us", "p999_us", "max_us")


def report(
    context: typer.Context,
    runs: Annotated[
        list[str],
        typer.Argument(
            metavar="RUN[=LABEL]...", show_default=False, help="Run ids, or live; the first is judged, others stand by."
        ),
    ],
    html: Annotated[
        Path | None, typer.Option(metavar="FILE", show_default=False, help="Write the page here.")
    ] = None,
    hlog: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", show_default=False, help="Write an .hlog a hop here, for stock HDR tools."),
    ] = None,
    budget: Annotated[
        Path | None,
        typer.Option(metavar="FILE", show_default=False, help="Latency budget [default: latency.toml, if it is here]."),
    ] = None,
    environment: Annotated[
        str, typer.Option(envvar=ENVIRONMENT_VARIABLE, metavar="LABEL", help="Where it ran, e.g. production.")
    ] = "",
    differences: Annotated[
        bool, typer.Option(help="Compare the orders of further runs with the first.")
    ] = True,
    json: Annotated[bool, typer.Option("--json", help="Print the figures as one JSON object.")] = False,
) -> None:  # fmt: skip
    """Report on a run: what it was, latency of each hop against its budget, over time, in bursts and out of them.

    Exit 0 where every bound of the budget holds or there is none, 1 where one is broken.
    """
    from streams.home import use_kernel_cache

    use_kernel_cache()  # before anything imports numba
    from console.progress import Progress
    from replay.budget import FILE, read
    from replay.report import report as made
    from replay.shape import shape_of
    from schemas.errors import ConfigError

    if len(runs) > RUNS_MAX:
        raise ConfigError("too many runs for one report", kind="out_of_range", got=str(len(runs)),
                          allowed=f"1 to {RUNS_MAX}", where="replay report")  # fmt: skip
    here = Path(FILE)
    budgets = read(budget) if budget is not None else read(here) if here.exists() else {}
    log = recorded(context)
    try:
        with Progress("reading") as progress:
            named = [run.partition("=") for run in runs]
            found = made(
                [(label or run, log, shape_of(log, run)) for run, _, label in named], budgets=budgets,
                environment=environment, hlog=hlog, differences=differences, on_progress=progress.tell,
            )  # fmt: skip
    except OSError as error:
        raise _unwritable(error, hlog) from error
    finally:
        log.close()
    if html is not None:
        _write(html, found)
    if json:
        import orjson

        emit(orjson.dumps(found.document()).decode())
    else:
        show(*drawn(found))
    if html is not None:
        complain(f"written: {html}", event="report", file=str(html))
    raise typer.Exit(0 if found.passed else OVER_BUDGET)


def drawn(found: Report) -> list[Any]:
    """What rich draws."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    first = found.runs[0]
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, padding=(0, 1))
    for i, name in enumerate(("hop", "count", "p50", "p95", "p99", "p99.9", "max")):
        table.add_column(name, justify="right" if i else "left", no_wrap=True)
    for name, figures in first.measured.summary().items():
        values = dict(figures)
        table.add_row(name, count(figures["count"]), *(latency(values[c]) for c in COLUMNS[1:]))  # type: ignore[arg-type]
    out: list[Any] = [Text(f"{first.label}", style="bold"), table]
    for verdict in found.verdicts:
        got = "nothing measured" if verdict.got_us is None else latency(verdict.got_us)
        said = f"{verdict.hop} {verdict.percentile}: {got}, allowed {latency(verdict.bound_us)}"
        if verdict.passed:
            out.append(Text(f"within  {said}", style="green"))
        else:
            whose = f"; {verdict.owner}" if verdict.owner else ""
            what = f": {verdict.mitigation}" if verdict.mitigation else ""
            out.append(Text(f"OVER    {said}{whose}{what}", style="bold red"))
    for one in found.runs[1:]:
        if one.difference is not None:
            said = "identical to" if one.difference.identical else "differs from"
            out.append(Text(f"{one.label} {said} {first.label}"))
    return out


def _write(path: Path, found: Report) -> None:
    from replay.report_page import page
    from streams.whole_file import written_beside

    try:
        with written_beside(path) as new:
            new.write_text(page(found), encoding="utf-8")
    except OSError as error:
        raise _unwritable(error, path) from error


def _unwritable(error: OSError, path: Path | None) -> Exception:
    from schemas.errors import ConfigError

    return ConfigError("a report cannot be written", kind="folder_unwritable", got=error.strerror or str(error),
                       where=str(path), fix="name a place that can be written")  # fmt: skip
