"""``tapedeck risk limits``: limits in force in the live run, changes to them, and who changed which."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from console.risk_write import WAIT_S, Author, Json, Reason, Wait, author_of, control_of, say, text_of, write

HISTORY_DEFAULT = 20
HISTORY_MAX = 100_000

app = typer.Typer(help="Risk limits in force: look at them, change them, who changed them.", rich_markup_mode=None)


@app.callback()
def limits() -> None:
    """Risk limits in force: look at them, change them, who changed them."""


@app.command("show", epilog="\b\nExamples:\n  tapedeck risk limits show\n  tapedeck risk limits show --json")
def limits_show(context: typer.Context, json: Json = False) -> None:
    """Limits in force in the live run, and what they were when it was opened."""
    from console.risk_words import limit_lines, limits_as_json

    control = control_of(context)
    lines = limit_lines(control) or ["no limit is set: nothing may be traded; tapedeck up opens a live run with some"]
    say(limits_as_json(control), lines, json)


@app.command(
    "set",
    epilog="\b\nExamples:\n  tapedeck risk limits set default.notional_max=5000 --reason volatility\n"
    '  tapedeck risk limits set spot:BTCUSDT.quantity_max=0.1 \\\n    account.message_rate_max=10 --reason "new desk"\n'
    '  tapedeck risk limits set spot:BTCUSDT.position_max=none --reason "stop it"',
)
def limits_set(
    context: typer.Context,
    changes: Annotated[
        list[str],
        typer.Argument(metavar="KEY=VALUE", show_default=False, help="Limits as shown by show; none takes one away."),
    ],
    reason: Reason,
    author: Author = None,
    wait: Wait = WAIT_S,
    json: Json = False,
) -> None:
    """Change limits of the live run: all of these together, at one place in the log.

    KEY is account.KEY, default.KEY or INSTRUMENT.KEY. What has no limit is denied. A value that is in force already is
    left out; where nothing is left to change nothing is written, and the exit code is 2.
    """
    from agents.limit_keys import parse_change
    from agents.risk_report import check_limited, newest_run
    from schemas.control import LimitsChanged
    from schemas.errors import ConfigError

    parsed = [parse_change(text, "KEY=VALUE") for text in changes]

    def build(log: Any, control: Any, ts: int) -> Any:
        check_limited(log, [change.name for change in parsed if change.name])
        if newest_run(control) is None:
            raise ConfigError("no live run was opened yet: there are no limits to change", kind="no_live_run",
                              fix="tapedeck up opens one, with the limits of its topology")  # fmt: skip
        said = LimitsChanged(
            changes=changes_of(parsed, control.standing),
            author=author_of(author),
            reason=text_of(reason, "--reason"),
            ts=ts,
        )
        refused = control.standing.why_refused(said)
        if refused is not None:
            raise refused
        return said

    write(context, build, wait, json)


@app.command(
    "history", epilog="\b\nExamples:\n  tapedeck risk limits history\n  tapedeck risk limits history -n 3 --json"
)
def limits_history(
    context: typer.Context,
    number: Annotated[
        int, typer.Option("-n", "--number", min=1, max=HISTORY_MAX, help="How many of the last.")
    ] = HISTORY_DEFAULT,
    json: Json = False,
) -> None:
    """Who changed which limit when, why, from what to what, and where it stands in the log. The oldest first."""
    from console.risk_words import history_lines, history_of

    history = history_of(control_of(context))[-number:]
    say({"history": history}, history_lines(history) or ["no limit was ever set"], json)


def changes_of(parsed: list[Any], standing: Any) -> list[Any]:
    """Changes that change anything, each with the value that it replaces.

    Raises:
        ConfigError: A limit is named twice, or all are in force already.
    """
    import msgspec

    from agents.limit_keys import shown
    from schemas.errors import ConfigError

    now = standing.flat_limits
    made: dict[Any, Any] = {}
    for change in parsed:
        address = (change.table, change.name, change.key)
        if address in made:
            raise ConfigError("a limit is named twice", kind="bad_change", got=shown(address), where="KEY=VALUE")
        made[address] = msgspec.structs.replace(change, was=now.get(address))
    left = [change for change in made.values() if change.was != change.value]
    if not left:
        raise ConfigError("nothing would change", kind="no_change", got=", ".join(shown(a) for a in made),
                          where="KEY=VALUE",
                          fix="what is in force: tapedeck risk limits show")  # fmt: skip
    return left
