"""``tapedeck risk``: halt and resume trading, and see what may be traded. What is said is a record in the log."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any

import typer

from console import risk_limits, risk_orders
from console.cluster import running
from console.risk_write import WAIT_S, Author, Json, Reason, Wait, author_of, say, text_of, write


class ScopeName(StrEnum):
    """What a halt covers."""

    all = "all"
    account = "account"
    strategy = "strategy"
    instrument = "instrument"


app = typer.Typer(help="Halt and resume trading; look at and change risk limits.", rich_markup_mode=None)
app.add_typer(risk_limits.app, name="limits")

Scope = Annotated[ScopeName, typer.Option("--scope", show_default=False, help="What it covers.")]
Name = Annotated[
    str, typer.Argument(metavar="NAME", show_default=False, help="Account, strategy or instrument; none for all.")
]


@app.callback()
def risk() -> None:
    """Halt and resume trading; look at and change risk limits."""


@app.command(
    epilog='\b\nExamples:\n  tapedeck risk halt --scope all --reason "exchange incident"\n'
    '  tapedeck risk halt --scope instrument spot:BTCUSDT --reason "bad prints"\n'
    '  tapedeck risk halt --scope account demo --reduce --reason "close of day"'
)
def halt(
    context: typer.Context,
    scope: Scope,
    reason: Reason,
    name: Name = "",
    reduce: Annotated[
        bool, typer.Option("--reduce", help="REDUCING: what brings a position nearer to zero still passes.")
    ] = False,
    author: Author = None,
    force: Annotated[bool, typer.Option("--force", help="Even if nobody trades under that name.")] = False,
    wait: Wait = WAIT_S,
    json: Json = False,
) -> None:
    """Stop trading in a scope. It holds through every restart, until a resume of the same scope and name.

    No new order passes; cancels always do. Works before the first live run, and while no task runs: it takes effect
    when the risk task reads it. A further halt of a scope takes the place of the one before it.
    """
    from agents.risk_report import check_scope
    from schemas.control import Halt

    def build(log: Any, control: Any, ts: int) -> Any:
        check_scope(log, control, scope.value, name, known_only=not force)
        state: Any = "REDUCING" if reduce else "HALTED"
        return Halt(
            scope=_scope(scope),
            name=name,
            state=state,
            author=author_of(author),
            reason=text_of(reason, "--reason"),
            ts=ts,
        )

    write(context, build, wait, json)


@app.command(
    epilog='\b\nExamples:\n  tapedeck risk resume --scope all --reason "incident over"\n'
    "  tapedeck risk resume --scope instrument spot:BTCUSDT --reason checked"
)
def resume(
    context: typer.Context,
    scope: Scope,
    reason: Reason,
    name: Name = "",
    author: Author = None,
    wait: Wait = WAIT_S,
    json: Json = False,
) -> None:
    """Let a scope trade again: lifts the halt of the same scope and name, and no other.

    Where nothing is halted in that scope nothing is written, and the exit code is 2.
    """
    from agents.risk_report import check_scope
    from console.risk_words import scope_of
    from schemas.control import Resume
    from schemas.errors import ConfigError

    def build(log: Any, control: Any, ts: int) -> Any:
        check_scope(log, control, scope.value, name, known_only=False)
        said = Resume(
            scope=_scope(scope), name=name, author=author_of(author), reason=text_of(reason, "--reason"), ts=ts
        )
        if control.standing.why_refused(said) is not None:
            halted = ", ".join(scope_of(*place) for place in control.standing.halts) or "no halt is in force"
            raise ConfigError(
                "nothing is halted there",
                kind="not_halted",
                got=scope_of(scope.value, name),
                allowed=halted,
                where="--scope",
            )
        return said

    write(context, build, wait, json)


@app.command(epilog="\b\nExamples:\n  tapedeck risk show\n  tapedeck risk show --json | jq .halts")
def show(context: typer.Context, json: Json = False) -> None:
    """What may be traded now: halts in force, limits that are missing, the clock, and what the risk task has noted."""
    from agents.control_log import read_control
    from console.risk_words import shown_as_json, shown_lines
    from streams.clock import wall_ns
    from streams.kafka import connect

    log = connect(running(context))
    try:
        control, now = read_control(log), wall_ns()
        told = shown_as_json(log, control, now)
    finally:
        log.close()
    say(told, shown_lines(told, control, now), json)


app.command(
    epilog="\b\nExamples:\n  tapedeck risk orders\n  tapedeck risk orders --json | jq '.open[].client_order_id'"
)(risk_orders.orders)
app.command(
    epilog='\b\nExamples:\n  tapedeck risk resolve ORDER --status cancelled --reason "asked by phone"\n'
    '  tapedeck risk resolve ORDER --status filled --price 61000.5 --reason "asked"'
)(risk_orders.resolve)


def _scope(scope: ScopeName) -> Any:
    return scope.value
