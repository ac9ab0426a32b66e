"""``tapedeck replay``: what can be done with runs that are in the log."""

from __future__ import annotations

import typer

from console import replay_diff, replay_report
from console.replay_group import ReplayGroup

app = typer.Typer(cls=ReplayGroup, help="Compare runs of the log, and report on them.", rich_markup_mode=None)
app.command(
    "diff",
    short_help="Compare two runs; name the first difference.",
    epilog="\b\nExamples:\n" + "\n".join(f"  tapedeck replay diff {e}" for e in replay_diff.EXAMPLES),
)(replay_diff.diff)
app.command(
    "report",
    short_help="Report on a run's latencies, as a page, against a budget.",
    epilog="\b\nExamples:\n" + "\n".join(f"  tapedeck replay report {e}" for e in replay_report.EXAMPLES),
)(replay_report.report)


@app.callback()
def replay() -> None:
    """Compare runs of the log, and report on them."""
