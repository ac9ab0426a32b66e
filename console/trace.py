"""``tapedeck trace``: an order's whole story, from the log alone."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from console.figures import latency, moment
from console.recorded import recorded
from console.terminal import emit, show

DOUBTFUL = 1
EXAMPLES = (
    "touch-pressure-binance-4711-0",
    "touch-pressure-binance-4711-0 --run 20261124t101500-ab12",
    "touch-pressure-simulator-640-0 --json | jq .decision",
)
"""Shown by ``--help``."""
PAYLOAD_CHARS = 160
HASH_CHARS = 16


def trace(
    context: typer.Context,
    order_id: Annotated[str, typer.Argument(metavar="ORDER_ID", show_default=False, help="The client_order_id.")],
    run: Annotated[
        str | None,
        typer.Option(metavar="RUN", show_default=False, help="Run id, or live [default: the newest that has it]."),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Tell an order's whole story: payload, tick, features, model, score, intent, checks, order, executions, times.

    The feature vector and the score are computed again from the run's own ticks and compared with what was logged.
    Works for denied intents as well. Exit 0 where all agrees, 1 where anything is missing or another.
    """
    from streams.home import use_kernel_cache

    use_kernel_cache()  # before anything imports numba
    from console.progress import Progress
    from replay.trace import trace as traced

    log = recorded(context)
    try:
        with Progress("computing the features again") as progress:
            story = traced(log, order_id, run, lambda ticks: progress.tell("ticks", ticks))
    finally:
        log.close()
    if json:
        import orjson

        emit(orjson.dumps(story).decode())
    else:
        show(drawn(story))
    raise typer.Exit(0 if story["verified"] else DOUBTFUL)


def drawn(story: dict[str, Any]) -> Any:
    """A tree of the story."""
    from rich.text import Text
    from rich.tree import Tree

    tree = Tree(Text(f"{story['order_id']}: {story['outcome']}", style="bold"))
    tree.add(Text(f"run {story['run']} ({story['mode']})"))
    if story["raw"] is not None:
        raw = tree.add(Text(f"payload  {_place(story['raw'])}, received {moment(story['raw']['ts_recv'])} UTC"))
        raw.add(Text(str(story["raw"].get("payload", story["raw"].get("payload_base64")))[:PAYLOAD_CHARS]))
    if story["tick"] is not None:
        _columns(tree.add(Text(f"tick     {_place(story['tick'])}")), _tick(story["tick"]["columns"]))
    _features(tree, story["features"])
    model, score = story["model"], story["score"]
    agrees = {True: "its content agrees", False: "its content is ANOTHER", None: "unknown"}
    tree.add(Text(f"model    {model['name']} ({model['kind']}), sha256 {model['sha256'][:HASH_CHARS]}: "
                  f"{agrees[model['hash_agrees']]}"))  # fmt: skip
    tree.add(Text(f"view     sha256 {model['view'][:HASH_CHARS]}: {agrees[model['view_agrees']]}"))
    where = f"{_place(score)}, " if "topic" in score else ""
    again = {True: "as recomputed", False: f"recomputed: {score['recomputed']!r}", None: "not recomputed"}
    tree.add(Text(f"score    {where}{score['of_intent']!r} ({score['bits']}), {again[score['agrees']]}",
                  style="red" if score["agrees"] is False else ""))  # fmt: skip
    _intent(tree, story["intent"])
    _in_force(tree, story["in_force"])
    _decision(tree, story["decision"])
    _rest(tree, story)
    _hops(tree, story["hops"])
    for doubt in story["doubts"]:
        tree.add(Text(doubt, style="bold red"))
    return tree


def _place(place: dict[str, Any]) -> str:
    row = f" row {place['row']}" if "row" in place else ""
    return f"{place['topic']}[{place['partition']}]@{place['offset']}{row}"


def _price(scaled: int) -> str:
    from console.decoded import decimals

    return decimals(scaled)


def _tick(columns: dict[str, Any]) -> dict[str, str]:
    return {
        "event": f"{columns['action']} {columns['side']} {_price(columns['price'])} size {columns['size']}",
        "touch": f"{_price(columns['bid_price'])} x {columns['bid_size']} / "
                 f"{_price(columns['ask_price'])} x {columns['ask_size']}",
        "log time": moment(columns["ts_log"]),
        "flags": str(columns["flags"]),
    }  # fmt: skip


def _columns(branch: Any, columns: dict[str, str]) -> None:
    from rich.text import Text

    branch.add(Text(", ".join(f"{name} {value}" for name, value in columns.items())))


def _features(tree: Any, features: dict[str, Any]) -> None:
    from rich.text import Text

    said = {True: "recomputed: the same bits", False: "recomputed: ANOTHER vector", None: ""}[features["agrees"]]
    if features["agrees"] is None:
        said = (
            "logged is none (sampled); recomputed" if features["recomputed"] else f"not recomputed: {features['why']}"
        )
    place = f"{_place(features['logged'])}, " if features["logged"] else ""
    branch = tree.add(Text(f"features {place}{said}", style="red" if features["agrees"] is False else ""))
    differs = {column["name"]: column for column in features["differs"]}
    for name, value in (features["recomputed"] or (features["logged"] or {}).get("values") or {}).items():
        if name in differs:
            told = f"logged {differs[name]['b']!r}, recomputed {differs[name]['a']!r}"
            branch.add(Text(f"{name:24} {told}", style="red"))
        else:
            branch.add(Text(f"{name:24} {value!r}"))


def _intent(tree: Any, intent: dict[str, Any]) -> None:
    from rich.text import Text

    d = intent["document"]
    branch = tree.add(Text(f"intent   {_place(intent)}"))
    branch.add(Text(f"{_takes_back(d)}{d['side']} {d['quantity']} {d['instrument']} at {_price(d['limit_price'])}, "
                    f"position {d['position']} to {d['target']}, valid until {moment(d['valid_until'])}"))  # fmt: skip


def _in_force(tree: Any, force: dict[str, Any]) -> None:
    from rich.text import Text

    told = {True: "", False: ", the decision shows ANOTHER", None: ""}[force["agrees"]]
    branch = tree.add(Text(f"in force {force['state']}{told}", style="red" if force["agrees"] is False else ""))
    for halt in force["halts"]:
        where = f"{halt['scope']} {halt['name']}".strip()
        branch.add(Text(f"{halt['state']} {where} by {halt['author']}, {moment(halt['ts'])} UTC: {halt['reason']}"))
    branch.add(Text(", ".join(f"{key} {value}" for key, value in force["limits"].items())))


def _decision(tree: Any, decision: dict[str, Any] | None) -> None:
    from rich.table import Table
    from rich.text import Text

    if decision is None:
        tree.add(Text("decision none yet"))
        return
    d = decision["document"]
    branch = tree.add(Text(f"decision {_place(decision)}: {d['verdict']}", style="" if not d["reasons"] else "red"))
    table = Table(box=None, pad_edge=False, show_header=False, padding=(0, 2, 0, 0))
    for check in d["checks"]:
        passed = Text("passed" if check["passed"] else "FAILED", style="green" if check["passed"] else "bold red")
        table.add_row(check["name"], f"{check['value']:,}", f"limit {check['limit']:,} {check['unit']}", passed)
    branch.add(table)


def _rest(tree: Any, story: dict[str, Any]) -> None:
    from rich.text import Text

    order = story["order"]
    if order is not None:
        d = order["document"]
        tree.add(Text(f"order    {_place(order)}: {_takes_back(d)}{d['side']} {d['quantity_decimal']} {d['symbol']} at "
                      f"{d['limit_price_decimal']} {d['time_in_force']}"))  # fmt: skip
    for execution in story["executions"]:
        d = execution["document"]
        tree.add(Text(f"report   {_place(execution)}: {d['status']}, {d['last_quantity']} at {_price(d['last_price'])}"
                      f"{', final' if d['final'] else ''}"))  # fmt: skip


def _hops(tree: Any, hops: list[dict[str, Any]]) -> None:
    from rich.table import Table
    from rich.text import Text

    if not hops:
        return
    branch = tree.add(Text("time in each hop"))
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for column in ("hop", "entered (UTC)", "waited", "took", "since publication"):
        table.add_column(column, justify="left" if column.startswith(("hop", "entered")) else "right", no_wrap=True)
    for hop in hops:
        table.add_row(
            hop["hop"], moment(hop["at_ns"]), *(latency(hop[k]) for k in ("waited_us", "took_us", "since_us"))
        )
    branch.add(table)


def _takes_back(document: dict[str, Any]) -> str:
    """What an intent or order takes back, before what it wants itself; empty where it takes back nothing.

    >>> _takes_back({"action": "cancel", "cancels": "a-1"}), _takes_back({"action": "new", "cancels": ""})
    ('cancel of a-1: ', '')
    """
    action = document.get("action", "new")
    return "" if action == "new" else f"{action} of {document['cancels']}: "
