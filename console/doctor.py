"""``tapedeck doctor``: is this deployment fit to trade, and if not, which command mends it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from console.cluster import bootstrap_flag
from console.terminal import emit, show

if TYPE_CHECKING:
    from operations.finding import Finding

EXAMPLES = ("", "--json | jq '.findings[] | select(.status == \"fail\")'")
"""Shown by ``--help``."""

COLOURS = {"ok": "green", "warn": "yellow", "fail": "bold red", "unknown": "dim"}


def doctor(
    context: typer.Context,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object: verdict and findings.")] = False,
) -> None:
    """Look at machine, Python, disk, broker, topics, tasks, clocks and caches.

    Each finding comes with the command that mends it. Nothing is written to the log. Exit 0 where nothing fails
    (warnings allowed), 1 where anything does, an unreachable broker included.
    """
    from console.broker import waiting
    from operations.doctor import examine
    from operations.finding import exit_code, verdict
    from streams.config import named_bootstrap

    named = named_bootstrap(bootstrap_flag(context))
    with waiting() as progress:
        findings = examine(named, progress)
    if json:
        import orjson

        report = {"verdict": verdict(findings), "findings": [finding.as_json() for finding in findings]}
        emit(orjson.dumps(report).decode())
    else:
        show(*drawn(findings))
    raise typer.Exit(exit_code(findings))


def drawn(findings: Sequence[Finding]) -> list[Any]:
    """The findings as a table, then what to do, then how many there are of each kind."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    from operations.finding import STATUSES

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, padding=(0, 1))
    table.add_column("status", no_wrap=True)
    table.add_column("check", max_width=20, overflow="fold")
    table.add_column("found", overflow="fold")
    for finding in findings:
        said = Text(finding.found)
        if finding.wanted and finding.status != "ok":
            said.append(f"\nwanted: {finding.wanted}", style="dim")
        table.add_row(Text(finding.status, style=COLOURS[finding.status]), Text(finding.check), said)
    counts = {status: sum(finding.status == status for finding in findings) for status in STATUSES}
    summary = Text(", ".join(f"{number} {status}" for status, number in counts.items() if number), style="bold")
    return [table, *_fixes(findings), "", summary]


def _fixes(findings: Sequence[Finding]) -> list[Any]:
    """What mends each finding, whole on a line of its own, so that it can be copied; each command once."""
    from rich.text import Text

    checks: dict[str, list[str]] = {}
    for finding in sorted(findings, key=lambda finding: finding.status != "fail"):
        if finding.fix and finding.status != "ok":
            checks.setdefault(finding.fix, []).append(finding.check)
    lines: list[Any] = ["", Text("to mend", style="bold")] if checks else []
    for fix, mended in checks.items():
        lines += [Text(f"{', '.join(mended)}:", style="dim"), Text(f"  {fix}", no_wrap=True, overflow="ignore")]
    return lines
