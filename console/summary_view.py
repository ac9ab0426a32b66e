"""The summary of a run for people: what was played, what came of it, how fast each hop was, where it all lies."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from console.figures import count, duration, latency, rate
from replay.audit import Audit
from replay.plan import PlayPlan

DENIALS_SHOWN_MAX = 6
COLUMNS = ("count", "p50_us", "p95_us", "p99_us", "p999_us", "max_us")


def draw_summary(
    summary: dict[str, Any], audit: Audit, plan: PlayPlan, folder: Path, *, on_kafka: bool, interrupted: bool
) -> list[Any]:
    """What rich draws, from top to bottom."""
    from rich.text import Text

    ended = " interrupted" if interrupted else ""
    title = f"Run {summary['run']}{ended}: {_source(plan)}, {_pace(plan)}, in {duration(summary['elapsed_s'])}"
    drawn = [
        Text(title, style="bold"),
        _named(_counts(summary, audit)),
        _hops(summary["hops"]),
        _named(_places(summary, plan, folder, on_kafka)),
    ]
    if not plan.speed:
        drawn.insert(3, Text("As fast as it goes, queues are full: these latencies are mostly waiting.", style="dim"))
    return drawn


def _counts(summary: dict[str, Any], audit: Audit) -> list[tuple[str, str]]:
    denials = ", ".join(f"{name} {count(n)}" for name, n in audit.denials.most_common(DENIALS_SHOWN_MAX))
    money = ", ".join(f"{value:+.8g} {currency}" for currency, value in summary["pnl"].items())
    restarts = ", ".join(f"{task} {n}" for task, n in summary["restarts"].items())
    return [
        ("messages", f"{count(summary['captured'])} captured; gaps {count(summary['gaps'])}, "
                     f"dead letters {count(summary['dead_letters'])}"),
        ("ticks", f"{count(summary['ticks'])}, {count(summary['trades'])} of them trades; "
                  f"{rate(summary['ticks_per_s'])}"),
        ("orders", f"{count(summary['orders'])} of {count(summary['intents'])} intents; "
                   f"execution reports {count(summary['executions'])}"),
        ("denied", f"{count(summary['denied'])}   {denials}".rstrip()),
        ("profit and loss", f"{money}, without fees" if money else "nothing was traded"),
        ("lost, duplicated", f"{count(summary['lost'])}, {count(summary['duplicated'])}"
                             f"{f'; restarts: {restarts}' if restarts else ''}"),
    ]  # fmt: skip


def _source(plan: PlayPlan) -> str:
    if not plan.captures:
        return f"simulator, {count(plan.instruments)} instruments, {plan.seconds:g} s, seed {plan.seed}"
    return plan.captures[0].name if len(plan.captures) == 1 else f"{len(plan.captures)} captures"


def _pace(plan: PlayPlan) -> str:
    return f"speed {plan.speed:g}" if plan.speed else "as fast as it goes"


def _named(rows: list[tuple[str, str]]) -> Any:
    """Names and values in two columns; values wrap within theirs."""
    from rich.table import Table
    from rich.text import Text

    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in rows:
        table.add_row(name, Text(value, overflow="fold"))
    return table


def _hops(hops: dict[str, dict[str, Any]]) -> Any:
    from rich.table import Table

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    table.add_column("latency")
    for name in COLUMNS:
        table.add_column("p99.9" if name == "p999_us" else name.removesuffix("_us"), justify="right", no_wrap=True)
    for name, figures in hops.items():
        values = [count(figures["count"]), *(latency(figures[column]) for column in COLUMNS[1:])]
        table.add_row(name, *values, style="bold" if name == "tick_to_order" else None)
    return table


def _places(summary: dict[str, Any], plan: PlayPlan, folder: Path, on_kafka: bool) -> list[tuple[str, str]]:
    topics = f"{plan.namespace}* (tapedeck topics list)" if on_kafka else "they were in memory, and are gone"
    following = "tapedeck topics tail orders -n 5" if on_kafka else "tapedeck demo (the same on Kafka)"
    return [
        ("order hash", summary["order_hash"]),
        ("topics", topics),
        ("histograms", f"{folder}/*.hlog"),
        ("next", following),
    ]
