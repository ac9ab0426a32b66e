"""``tapedeck feed health``: the monitor, and the same windows over what is archived."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from console.cluster import running
from console.recorded import recorded
from console.terminal import complain, emit

if TYPE_CHECKING:
    from collections.abc import Iterator

    from schemas.feed_health import FeedHealth

EXAMPLES = ("", "--window 60", "--once --json", "--once --source binance --json | jq .stale_ns")
"""Shown by ``--help``."""
WINDOW_S_DEFAULT = 10
WINDOW_S_MAX = 3_600
"""Both as ``schemas.feed_health`` has them, which is too heavy for a help text."""


def health(
    context: typer.Context,
    window: Annotated[
        int, typer.Option(min=1, max=WINDOW_S_MAX, metavar="S", help="Length of a window, seconds of log time.")
    ] = WINDOW_S_DEFAULT,
    run: Annotated[
        str, typer.Option(metavar="RUN", show_default=False, help="A run's id [default: the live run].")
    ] = "live",
    once: Annotated[
        bool,
        typer.Option("--once", help="Print every window of archive and Kafka as they are, write nothing, and end."),
    ] = False,
    source: Annotated[
        list[str] | None,
        typer.Option(metavar="SOURCE", show_default=False, help="With --once: of this source only; may be repeated."),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="JSON objects, one a line.")] = False,
) -> None:
    """Watch how the feeds come in: rate, gaps, staleness, skew, suspect ticks and rejects, window by window.

    Reads ticks and dead letters and writes topic feed.health, which `tapedeck feed status` shows. Windows are of log
    time, and stand under a key of window and input positions: a monitor that was killed and started again, or --once
    over the archive, gives the same. No task waits for it. Ctrl-C ends it; more of them share the partitions.
    """
    from schemas.errors import ConfigError
    from streams.home import use_kernel_cache

    if source and not once:
        raise ConfigError(
            "flags contradict each other", kind="flags_conflict", got="--source without --once",
            allowed="--source with --once: the monitor watches all", where="tapedeck feed health",
        )  # fmt: skip
    use_kernel_cache()  # before anything imports numba
    from monitoring.place_health import NANOS
    from streams.namespace import namespace_of

    if once:
        from monitoring.health_inputs import health_over

        log = recorded(context)
        try:
            namespace = namespace_of(log.names(), run)
            _print(health_over(log, namespace, window * NANOS, source or ()), json=json)
        finally:
            log.close()
        return
    from monitoring.feed_health import monitor
    from streams.kafka import connect

    live = connect(running(context))
    try:
        monitor(live, namespace_of(live.names(), run), window * NANOS, lambda event: _tell(event, json=json))
    finally:
        live.close()


def _print(found: Iterator[FeedHealth], *, json: bool) -> None:
    import msgspec
    import orjson

    from console.figures import time_of_day

    for health in found:
        if json:
            emit(orjson.dumps(msgspec.to_builtins(health)).decode())
        else:
            emit(line(health, time_of_day(health.window_start)))


def line(health: FeedHealth, at: str) -> str:
    """One window for people."""
    head = f"{at} {health.source} {health.instrument}"
    if health.rejected:
        return f"{head}: {health.rejected} refused: " + ", ".join(f"{n} {kind}" for kind, n in health.reasons.items())
    skew = "-" if health.skew_ns_mean is None else f"{health.skew_ns_mean / 1e6:.1f} ms"
    return (
        f"{head}: {health.ticks} ticks, {health.suspect} suspect, {health.gaps} gaps, "
        f"stale {health.stale_ns / 1e9:.1f} s, skew {skew}"
    )


def _tell(event: dict[str, Any], *, json: bool) -> None:
    if json:
        import orjson

        emit(orjson.dumps(event).decode())
    else:
        words = ", ".join(str(v) if not isinstance(v, list) else ", ".join(v) for k, v in event.items() if k != "event")
        complain(f"{event['event']}: {words}", event=event["event"], level="info")
