"""``tapedeck top``: a run watched from its topics, under way or ended, here or anywhere."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from console.cluster import running
from console.terminal import emit, is_screen

if TYPE_CHECKING:
    from console.keys import Keys
    from console.live_view import View
    from replay.observer import Observer
    from replay.run_figures import RunFigures

EXAMPLES = ("", "--run 20261123t142501-ab12", "--json --interval 10", "--once --json | jq .pnl")
SCREEN_EVERY_S, LINES_EVERY_S = 1.0, 5.0
"""Seconds between figures: on a terminal or as JSON; as lines."""
INTERVAL_S_MAX = 3_600.0
LOOK_EVERY_S = 0.5
"""Seconds between looks at the topics, however seldom figures are asked for: what is not read piles up."""
RATE_S = 1.0
"""``--once`` looks twice at a run under way, so long apart: a rate takes two."""
SETTLE_S_MAX = 5.0
"""Longest wait, after a run has ended, for what its tasks commit last."""
LINES_UNBOUNDED = 10_000
QUIT = frozenset("qQ")


def top(
    context: typer.Context,
    run: Annotated[
        str | None,
        typer.Option(
            metavar="RUN", show_default=False, help="Run id, or live [default: live if it was opened, else the newest]."
        ),
    ] = None,
    once: Annotated[bool, typer.Option("--once", help="Show the figures once, and leave.")] = False,
    interval: Annotated[
        float | None,
        typer.Option(metavar="S", show_default=False, help="Seconds between figures [default: 1; as lines 5]."),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="One JSON object a line: docs/top.md has the keys.")] = False,
) -> None:
    """Watch a run: rates, lag, latency, orders, denials, position, money, halts, gaps.

    Reads its topics alone and changes nothing: the run may go on another machine, or have ended. On a terminal a panel
    is redrawn in place (q leaves); elsewhere there is a line now and then. Ends with the run.
    """
    from schemas.errors import ConfigError
    from streams.home import use_kernel_cache
    from streams.kafka import connect

    if interval is not None and not 0 < interval <= INTERVAL_S_MAX:
        raise ConfigError("out of range", kind="out_of_range",
                          got=f"{interval:g}", allowed=f"above 0, up to {INTERVAL_S_MAX:g}",
                          where="--interval")  # fmt: skip
    bootstrap = running(context)
    use_kernel_cache()  # before anything imports numba
    log = connect(bootstrap)
    try:
        from replay.observer import Observer
        from replay.watched import watched

        found = watched(log, run)
        observer = Observer(log, found)
        try:
            if once:
                _once(observer, json=json)
            else:
                _follow(observer, found.run, json=json, interval_s=interval)
        finally:
            observer.close()
    finally:
        log.close()


def _once(observer: Observer, *, json: bool) -> None:
    from streams.clock import sleep_s

    figures = observer.poll()
    if not observer.settled:
        sleep_s(RATE_S)
        figures = observer.poll()
    if json:
        emit(_json(figures))
        return
    from console.panel import draw
    from console.terminal import columns, show

    show(*draw(figures, width=columns(), height=LINES_UNBOUNDED))


def _follow(observer: Observer, run: str, *, json: bool, interval_s: float | None) -> None:
    """Show figures every so often, until the run has ended or somebody leaves."""
    from console.keys import Keys
    from console.live_view import Lines, Panel

    on_screen = is_screen(sys.stdout) and not json
    view: View
    if on_screen:
        view = Panel(f"tapedeck {run}", screen=True, hint="q leaves")
        view.stage("reading what was so far")
    else:
        view = Lines(emit, every_s=0.0)
    every_s = interval_s or (SCREEN_EVERY_S if json or on_screen else LINES_EVERY_S)
    with Keys(listen=on_screen) as keys:
        try:
            for figures in _figures(observer, keys, every_s):
                if json:
                    emit(_json(figures))
                else:
                    view.show(figures)
        finally:
            view.close()


def _figures(observer: Observer, keys: Keys, every_s: float) -> Iterator[RunFigures]:
    """Figures every so often, the last ones when all has been committed; ends early where a key says so."""
    from streams.clock import monotonic_s

    ended_s: float | None = None
    while True:
        figures = observer.poll()
        now_s = monotonic_s()
        if observer.ended and ended_s is None:
            ended_s = now_s
        if observer.settled or (ended_s is not None and now_s - ended_s > SETTLE_S_MAX):
            yield figures
            return
        yield figures
        until = now_s + every_s
        while (left_s := until - monotonic_s()) > 0 and not observer.settled:
            if QUIT & set(keys.wait(min(left_s, LOOK_EVERY_S))):
                return
            if left_s > LOOK_EVERY_S:
                observer.poll()


def _json(figures: RunFigures) -> str:
    import orjson

    return orjson.dumps(figures.document()).decode()
