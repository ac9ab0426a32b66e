"""``tapedeck feed status``: what became of what a source has published."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from console.cluster import running
from console.figures import age, count, rate, time_of_day
from console.terminal import emit, show

EXAMPLES = ("acme", "acme --watch", "acme --record 0/1742 --json", "binance --last 0 --json | jq .by_reason")
"""Shown by ``--help``."""
EVERY_S = 2.0
INTERVAL_S_MAX = 3_600.0
LAST_DEFAULT = 100_000
"""As ``operations.feed_status`` has it, which is too heavy for a help text."""
NANOS = 1_000_000_000


def status(
    context: typer.Context,
    source: Annotated[str, typer.Argument(metavar="SOURCE", show_default=False, help="Its topic is raw.SOURCE.")],
    record: Annotated[
        str, typer.Option(metavar="PARTITION/OFFSET", show_default=False, help="What became of this one payload.")
    ] = "",
    last: Annotated[
        int, typer.Option(min=0, metavar="N", help="Newest payloads of each partition to begin with; 0: all.")
    ] = LAST_DEFAULT,
    watch: Annotated[bool, typer.Option("--watch", help="Go on with what comes, until ctrl-C.")] = False,
    interval: Annotated[float, typer.Option(min=0.1, max=INTERVAL_S_MAX, help="Seconds between looks.")] = EVERY_S,
    json: Annotated[bool, typer.Option("--json", help="JSON objects, one a look.")] = False,
) -> None:
    """Accepted, rejected and why, rate, lag, gaps, skew, last seen: of the live run, from the log alone.

    A payload is accepted when normalise has committed past it and it is not in dlq. With --record it is told of one
    payload, by the place that the producer's delivery report names: accepted, without_ticks (read, and it gave none: a
    repeat, or a part of a book that is not known), rejected, or waiting. Reading is all that it does.

    Where a monitor runs (tapedeck feed health), the newest window of each instrument stands below.
    """
    import orjson

    from console.dlq_words import number_of
    from monitoring.health_now import HealthNow
    from operations.feed_status import FeedStatus
    from operations.record_fate import fate_of
    from streams.clock import sleep_s, wall_ns
    from streams.home import use_kernel_cache
    from streams.kafka import connect

    use_kernel_cache()  # before anything imports numba
    place = number_of(record, "the place of a payload", "a producer's delivery report tells it") if record else None
    log = connect(running(context))
    try:
        if place is not None:
            fate = fate_of(log, source, *place)
            emit(orjson.dumps(fate).decode() if json else _line(fate))
            return
        found, healths = FeedStatus(log, source, last), HealthNow(log, "", source)
        while True:
            told = found.look() | {"health": healths.look()}
            if json:
                emit(orjson.dumps(told).decode())
            else:
                show(*_drawn(told, wall_ns()))
            if not watch:
                return
            sleep_s(interval)
    finally:
        log.close()


def _line(fate: dict[str, Any]) -> str:
    became = fate["became"]
    if became == "accepted":
        more = f"{count(fate['ticks'])} ticks"
    elif became == "without_ticks":
        more = "it gave no tick: a repeat, or a part of a book that is not known"
    elif became == "waiting":
        more = f"{count(fate['ahead'])} payloads before it have not been normalised yet"
    else:
        more = f"{fate['reason']} [{fate['kind']}]; tapedeck dlq show {fate['letter']}"
    return f"{fate['input']}: {became.replace('_', ' ')}; {more}"


def _drawn(told: dict[str, Any], now_ns: int) -> list[Any]:
    """A table of figures, one of reasons, and a line for what must not go unnoticed."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    figures, flow = (Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, padding=(0, 1)) for _ in range(2))
    counted = ("received", "accepted", "rejected", "repeated", "waiting")
    for table, heads in ((figures, counted), (flow, ("rate", "gaps", "skew", "last seen"))):
        for head in heads:
            table.add_column(head, justify="right", no_wrap=True)
    skew = told["skew_ms"]
    figures.add_row(*(count(told[name]) for name in counted))
    flow.add_row(
        rate(told["rate_per_s"]),
        "-" if told["gaps"] is None else count(told["gaps"]), "-" if skew is None else f"{skew:.1f} ms",
        age((now_ns - told["last_seen"]) / NANOS if told["last_seen"] else None),
    )  # fmt: skip
    drawn: list[Any] = [
        Text(f"{told['topic']}, run {told['run'] or 'none: nobody normalises it'}", "bold"),
        figures,
        flow,
    ]
    if told["by_reason"]:
        reasons = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, padding=(0, 1))
        for head in ("rejected", "reason", "newest places", "dlq"):
            reasons.add_column(head, justify="right" if head == "rejected" else "left")
        for kind, found in told["by_reason"].items():
            places = found["places"]
            reasons.add_row(
                count(found["count"]), kind, "\n".join(p["input"] for p in places),
                "\n".join(p["letter"] for p in places),
            )  # fmt: skip
        drawn += ["", reasons, "one of them whole: tapedeck dlq show NUMBER"]
    if told["health"]:
        drawn += ["", _health(told["health"])]
    for partition, found in told["publishers"].items():
        if found["at_once"]:
            drawn.append(Text(
                f"partition {partition}: {found['at_once']} publishers write under this name at once: end all but one",
                "bold red",
            ))  # fmt: skip
    return [*drawn, ""]


def _health(found: dict[str, dict[str, Any]]) -> Any:
    """The newest window of each instrument, as a monitor has told it."""
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, padding=(0, 1))
    for head in ("instrument", "window", "ticks/s", "gaps", "stale", "skew", "suspect"):
        table.add_column(head, justify="left" if head == "instrument" else "right", no_wrap=True)
    for instrument, h in found.items():
        skew, share = h["skew_ms"], h["suspect_share"]
        table.add_row(
            instrument, time_of_day(h["window_start"]), rate(h["rate_per_s"]),
            count(h["gaps"]) if h["synced"] else f"{count(h['gaps'])}, unsynced", f"{h['stale_ms'] / 1_000:.1f} s",
            "-" if skew is None else f"{skew:.1f} ms", "-" if share is None else f"{share:.1%}",
        )  # fmt: skip
    return table
