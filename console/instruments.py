"""``tapedeck instruments``: what instruments are, as people define them. Revisions append; nothing is rewritten."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from console.cluster import running
from console.risk_write import Json, Reason, author_of, say, text_of

app = typer.Typer(help="Define instruments, and see how they are defined.", rich_markup_mode=None)

Instrument = Annotated[
    str, typer.Argument(metavar="INSTRUMENT", show_default=False, help="market:symbol, e.g. spot:BTCUSDT.")
]


@app.callback()
def instruments() -> None:
    """Define instruments, and see how they are defined.

    A live run knows what was defined before it was opened. What is added takes effect at the next opening: tapedeck up
    after an end in order, or tapedeck release cut while it runs. Ticks that came before wait in the dead letters.
    """


@app.command(
    epilog='\b\nExamples:\n  tapedeck instruments add acme.toml --reason "listed today"\n'
    '  tapedeck instruments add acme.toml --reason "tick size halved" --json'
)
def add(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", show_default=False, help="TOML: [[instrument]] tables.")],
    reason: Reason,
    by: Annotated[
        str | None, typer.Option("--by", metavar="NAME", show_default=False, help="Who says it [default: the user].")
    ] = None,
    json: Json = False,
) -> None:
    """Define the instruments of a file, or revise them. What is so already is not written again.

    Refused whole where one contradicts itself, takes another's id, changes what positions are counted in, or has an
    increment that does not divide the prices seen on the live source (exit 2). Says what is left to do until it is
    traded: limits, a largest position, the next opening, and the payloads that wait.
    """
    from operations.instruments import add as append
    from operations.instruments import read_instruments
    from replay.calendars import calendar_named
    from streams.kafka import connect

    definitions = read_instruments(file)
    for definition in definitions:
        calendar_named(definition.calendar)
    author, why = author_of(by), text_of(reason, "--reason")
    log = connect(running(context))
    try:
        added = append(log, definitions, author, why)
        names = [definition.instrument for definition in definitions]
        pending, waiting, without = _taken_up(log), _waiting(log, names), _without_limits(log, names)
    finally:
        log.close()
    unchanged = [d.instrument for d in definitions if d.instrument not in {a.instrument for a in added}]
    told = {
        "added": [
            {"instrument": d.instrument, "instrument_id": d.instrument_id, "revision": d.revision} for d in added
        ],
        "unchanged": unchanged,
        "author": author, "pending": pending, "waiting": waiting, "without_limits": without,
    }  # fmt: skip
    lines = [f"{d.instrument}: id {d.instrument_id}, revision {d.revision}, by {author}" for d in added]
    lines += [f"{name}: as it was" for name in unchanged]
    for name, keys in without.items():
        given = " ".join(f"{name}.{key}=SIZE" for key in keys)
        lines += [
            f"{name} has no {', '.join(keys)}: its orders are denied until",
            f"  tapedeck risk limits set {given} --reason TEXT",
            f'and nothing is ordered until the topology has, under [strategy.position_max],  "{name}" = "SIZE"',
        ]
    if pending:
        lines.append(
            "the live run does not know it yet: end it in order and tapedeck up again, or tapedeck release cut"
        )
    if waiting:
        lines.append(f"{waiting} of its payloads wait: then tapedeck dlq retry --kind unknown_instrument.not_defined")
    say(told, lines, json)


@app.command(
    "list",
    epilog="\b\nExamples:\n  tapedeck instruments list\n  tapedeck instruments list --json | jq '.[].instrument'",
)
def list_instruments(context: typer.Context, json: Json = False) -> None:
    """The newest revision of every instrument that was defined on the live topics."""
    from agents.defining import all_defined
    from console.recorded import recorded
    from operations.instruments import newest_of, told

    log = recorded(context)
    try:
        found = all_defined(log)
    finally:
        log.close()
    newest = newest_of(d.definition for d in found)
    shown = [told(next(d for d in reversed(found) if d.definition is newest[name])) for name in sorted(newest)]
    if json:
        say(shown, [], json)
    elif not shown:
        say(shown, ["nothing is defined yet: tapedeck up defines what ships; tapedeck instruments add FILE"], json)
    else:
        _table(shown, ("instrument", "instrument_id", "price_increment", "size_increment", "multiplier", "settlement",
                       "calendar", "revision"))  # fmt: skip


@app.command(
    epilog="\b\nExamples:\n  tapedeck instruments show spot:BTCUSDT\n"
    "  tapedeck instruments show spot:ACMEUSD --known-by 2026-11-24T09:30 --json"
)
def show(
    context: typer.Context,
    instrument: Instrument,
    known_by: Annotated[
        str, typer.Option(metavar="MOMENT", show_default=False, help="As it was known then: 2h ago, or a time (UTC).")
    ] = "",
    json: Json = False,
) -> None:
    """One instrument: the revision in force, or the one that was known at a time."""
    from operations.instruments import told

    found = told(_history(context, instrument, known_by)[-1])
    say(found, [f"{name:16} {_field(name, value)}" for name, value in found.items()], json)


@app.command(epilog="\b\nExamples:\n  tapedeck instruments history spot:ACMEUSD\n"
                    "  tapedeck instruments history spot:ACMEUSD --json | jq '.[].price_increment'")  # fmt: skip
def history(context: typer.Context, instrument: Instrument, json: Json = False) -> None:
    """Every revision of an instrument: when it became known, who said it, why, and what it changed."""
    from operations.instruments import told

    found = [told(defined) for defined in _history(context, instrument, "")]
    lines: list[str] = []
    before: dict[str, Any] = {}
    for revision in found:
        changed = [
            f"{name} {_field(name, value)}" for name, value in revision.items()
            if before and name not in _OF_RECORD and value != before.get(name)
        ]  # fmt: skip
        said = f"by {revision['author']}: {revision['reason']}" if "author" in revision else "as it ships"
        lines.append(f"{revision['revision']:>3}  {_field('ts_known', revision['ts_known'])}  {said}"
                     f"{'; ' + ', '.join(changed) if changed else ''}")  # fmt: skip
        before = dict(revision)
    say(found, lines, json)


_HEADS = {
    "instrument_id": "id", "price_increment": "price step", "size_increment": "size step", "multiplier": "mult",
    "settlement": "settled", "revision": "rev",
}  # fmt: skip
"""Heads of columns that fit into 80 characters together."""
_OF_RECORD = frozenset({"revision", "author", "reason", "ts_known", "place"})
_SCALED = frozenset({"price_increment", "size_increment", "multiplier"})
_TIMES = frozenset({"valid_from", "ts_known"})


def _field(name: str, value: Any) -> str:
    from console.decoded import decimals
    from console.figures import moment

    if name in _SCALED:
        return decimals(value)
    if name in _TIMES:
        return f"{moment(value)} UTC" if value else "always"
    return str(value)


def _table(rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> None:
    from rich.table import Table

    from console.terminal import show as draw

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for column in columns:
        table.add_column(_HEADS.get(column, column), no_wrap=column != "instrument", overflow="fold")
    for row in rows:
        table.add_row(*(_field(column, row[column]) for column in columns))
    draw(table)


def _history(context: typer.Context, instrument: str, known_by: str) -> Any:
    from console.dlq_words import moment_of
    from console.recorded import recorded
    from operations.instruments import history_of
    from streams.clock import wall_ns

    cutoff = moment_of(known_by, wall_ns()) if known_by else None
    log = recorded(context)
    try:
        return history_of(log, instrument, cutoff)
    finally:
        log.close()


def _taken_up(log: Any) -> bool:
    """Whether a live run was opened that does not know all that is defined."""
    from agents.defining import added_since
    from agents.release_watch import ReleaseWatch

    opening = ReleaseWatch(log).opening
    return opening is not None and added_since(log, opening)


def _without_limits(log: Any, names: Sequence[str]) -> dict[str, list[str]]:
    """Limits that its orders need and that nobody has set, by instrument."""
    from agents.control_log import read_control
    from agents.limits import missing_keys

    limits = read_control(log).standing.limits
    missing = {name: list(missing_keys(limits, name, live=True)) for name in names}
    return {name: keys for name, keys in missing.items() if keys}


def _waiting(log: Any, names: Sequence[str]) -> int:
    """Dead letters of instruments that had no definition."""
    from operations.letters import Wanted, letters

    keys = {name.encode() for name in names}
    return sum(filed.key in keys for filed in letters(log, "", Wanted("unknown_instrument")))
