"""``tapedeck replay diff``: two runs side by side, and the first difference in the data's way."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from console.figures import count, moment
from console.recorded import recorded
from console.terminal import emit, show

DIFFERS = 1
FIRST = 20
FIRST_MAX = 1_000
EXAMPLES = (
    "20261124t101500-ab12 20261124t103000-cd34",
    "live 20261124t103000-cd34 --first 5",
    "live 20261124t103000-cd34 --json | jq .first_divergence",
)
"""Shown by ``--help``."""


def diff(
    context: typer.Context,
    a: Annotated[str, typer.Argument(metavar="A", help="Run id, or live.", show_default=False)],
    b: Annotated[str, typer.Argument(metavar="B", help="Run id, or live.", show_default=False)],
    first: Annotated[
        int, typer.Option(min=1, max=FIRST_MAX, help="Differences that are told one by one, the earliest.")
    ] = FIRST,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Compare two runs: ticks, features, scores, intents, decisions, orders, executions, whatever frames they came in.

    Names the first divergence in the data's way, with everything behind it, and what the two earned. Exit 0 where they
    are identical, 1 where they are not.
    """
    from streams.home import use_kernel_cache

    use_kernel_cache()  # before anything imports numba
    from console.progress import Progress
    from replay.diff import compare
    from replay.shape import shape_of

    log = recorded(context)
    try:
        with Progress("comparing") as progress:
            found = compare(log, shape_of(log, a), log, shape_of(log, b), first=first, on_progress=progress.tell)
    finally:
        log.close()
    if json:
        import orjson

        emit(orjson.dumps(found.document()).decode())
    else:
        show(*drawn(found))
    raise typer.Exit(0 if found.identical else DIFFERS)


def drawn(found: Any) -> list[Any]:
    """What rich draws of a ``replay.difference.Difference``."""
    from rich.text import Text

    out: list[Any] = []
    if found.identical:
        out += [Text(f"identical: {found.a} and {found.b}", style="bold green"), Text(f"hash {found.hashes[0]}")]
    else:
        out.append(Text(f"{found.a} (A) and {found.b} (B) differ", style="bold red"))
    out += ["", _counts(found)]
    if found.first is not None:
        out += ["", *_first(found.first)]
        out += ["", *_others(found.others)]
    out += ["", earned(*zip("AB", found.economics, strict=True))]
    return out + [Text(f"note: {note}", style="dim") for note in found.notes]


def _table(*columns: str) -> Any:
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, padding=(0, 1))
    for i, column in enumerate(columns):
        table.add_column(column, justify="right" if i else "left", no_wrap=True)
    return table


def _counts(found: Any) -> Any:
    table = _table("", "A", "B", "same", "added", "missing", "changed", "moved")
    for name, c in found.counts.items():
        style = "" if c.identical else "red"
        figures = (c.a, c.b, c.same, c.added, c.missing, c.changed, c.moved)
        table.add_row(name, *(count(n) for n in figures), style=style)
    return table


def _place(place: dict[str, Any] | None) -> str:
    if place is None:
        return "not there"
    return f"{place['topic']}[{place['partition']}]@{place['offset']} row {place['row']}, seq {place['seq']}"


def _first(first: Any) -> list[Any]:
    from rich.text import Text
    from rich.tree import Tree

    tree = Tree(Text(f"first divergence: {first.what} {first.kind} by {first.hop}, {moment(first.time)} UTC",
                     style="bold"))  # fmt: skip
    tree.add(Text("root " + ", ".join(f"{key} {value}" for key, value in first.root.items())))
    tree.add(Text(f"A {_place(first.a)}"))
    tree.add(Text(f"B {_place(first.b)}"))
    for column in first.columns:
        tree.add(Text(f"{column['name']}: {_values(column)}", style="red"))
    if first.note:
        tree.add(Text(first.note, style="dim"))
    chain = tree.add("chain")
    for name in ("raw", "tick", "score"):
        chain.add(Text(f"{name}: {_compared(first.chain[name])}"))
    features = chain.add(Text("features"))
    for side in ("a", "b"):
        entry = first.chain["features"][side]
        features.add(Text(f"{side.upper()} {_vector(entry)}"))
    for column in first.chain["features"]["differs"]:
        features.add(Text(f"{column['name']}: {_values(column)}", style="red"))
    for name in ("intents", "decisions", "orders", "executions"):
        entry = first.chain[name]
        told = f"A {len(entry['a'])}, B {len(entry['b'])}"
        chain.add(Text(f"{name}: {'same' if entry['same'] else 'differ'}; {told}"))
    return [tree]


def _values(column: dict[str, Any]) -> str:
    told = f"A {column['a']!r}, B {column['b']!r}"
    if "a_bits" not in column:
        return told
    return f"{told}; bits {column['a_bits']}, {column['b_bits']}: {abs(column['ulps']):,} ulp"


def _compared(entry: dict[str, Any]) -> str:
    if entry["a"] is None or entry["b"] is None:
        sides = [side.upper() for side in ("a", "b") if entry[side] is not None]
        return f"in {sides[0]} alone" if sides else "in neither"
    if entry["same"]:
        return "same"
    return "differ" + "".join(f"; {column['name']}: {_values(column)}" for column in entry["differs"])


def _vector(entry: dict[str, Any]) -> str:
    where = "logged" if entry["logged"] else "not logged (sampled)"
    if entry["agrees"] is None:
        return f"{where}; {'recomputed' if entry['recomputed'] else entry.get('why') or 'no tick'}"
    return f"{where}; {'as recomputed' if entry['agrees'] else 'NOT as recomputed from its ticks'}"


def _others(others: list[Any]) -> list[Any]:
    table = _table("time (UTC)", "what", "kind", "root", "columns")
    table.columns[-1].no_wrap = False
    for found in others:
        root = found.root.get("id") or f"{found.root['seq']}-{found.root['part']}"
        names = ", ".join(c["name"] for c in found.columns)
        table.add_row(moment(found.time), found.what, found.kind, root, names)
    return [table]


def earned(left_run: tuple[str, dict[str, Any]], right_run: tuple[str, dict[str, Any]]) -> Any:
    """What two runs earned and what it cost, with the difference: each its name and its figures."""
    (name_a, a), (name_b, b) = left_run, right_run
    table = _table("", name_a, name_b, f"{name_b} - {name_a}")
    for figure, by_currency in a.items():
        for currency in sorted({*by_currency, *b[figure]}):
            left, right = by_currency.get(currency, 0.0), b[figure].get(currency, 0.0)
            table.add_row(f"{figure.replace('_', ' ')} {currency}", *(f"{v:,.6g}" for v in (left, right, right - left)))
    return table
