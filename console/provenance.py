"""``tapedeck provenance``: from any record back to its payload, with the code of every step."""

from __future__ import annotations

import re
from typing import Annotated, Any

import typer

from console.figures import moment
from console.recorded import recorded
from console.terminal import emit, show

MISSING = 1
EXAMPLES = ("ticks.binance 0 4711:3", "orders 0 17 --run live", "executions 0 40 --json | jq '.steps[].code'")
"""Shown by ``--help``."""
HASH_CHARS = 12
PAYLOAD_CHARS = 160
_PLACE = re.compile(r"(\d{1,18})(?::(\d{1,9}))?")


def provenance(
    context: typer.Context,
    topic: Annotated[str, typer.Argument(metavar="TOPIC", show_default=False, help="As topics list shows it.")],
    partition: Annotated[int, typer.Argument(metavar="PARTITION", min=0, show_default=False, help="From 0.")],
    place: Annotated[
        str, typer.Argument(metavar="OFFSET[:ROW]", show_default=False, help="Record, and row in it from 0.")
    ],
    run: Annotated[
        str | None, typer.Option(metavar="RUN", show_default=False, help="Run id, or live [default: the newest].")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Walk from a tick, feature, score, intent, decision, order or execution back to the raw payload.

    Shows who published the payload and when it was first seen, who put it back after it was refused, every step with
    the hash of its code, and which revision of its instrument was known. Exit 1 where a step is no longer in the log
    (feature vectors are logged in samples).
    """
    from streams.home import use_kernel_cache

    use_kernel_cache()  # before anything imports numba
    from console.topic_names import find_topic
    from replay.provenance import provenance as walked
    from schemas.errors import ConfigError

    found = _PLACE.fullmatch(place)
    if found is None:
        raise ConfigError("not a place", kind="bad_place", got=place, allowed="OFFSET or OFFSET:ROW", where="OFFSET")
    log = recorded(context)
    try:
        told = walked(log, find_topic(log.names(), topic, run), partition, int(found[1]), int(found[2] or 0))
    finally:
        log.close()
    if json:
        import orjson

        emit(orjson.dumps(told).decode())
    else:
        show(drawn(told))
    raise typer.Exit(MISSING if told["missing"] else 0)


def drawn(told: dict[str, Any]) -> Any:
    """A tree from the payload to the record."""
    from rich.text import Text
    from rich.tree import Tree

    from console.decoded import decimals

    tree = Tree(Text(f"{_place(told['record'])} of run {told['run']}", style="bold"))
    raw, retried, instrument = told["raw"], told["retried"], told["instrument"]
    if raw is not None:
        branch = tree.add(Text(f"payload {_place(raw)}, number {raw['source_seq']} of {raw['source']}, by "
                               f"{raw['publisher']}, first seen {moment(raw['first_seen_ns'])} UTC"))  # fmt: skip
        branch.add(Text(f"sha256 {raw['sha256'][:HASH_CHARS]}, {raw['bytes']} bytes"))
        branch.add(Text(str(raw.get("payload", raw.get("payload_base64")))[:PAYLOAD_CHARS]))
    if retried is not None:
        tree.add(Text(f"put back by {retried['author']}: {retried['reason']}; refused at "
                      f"{retried['letter']['first_seen']} as {retried['letter']['kind']}"))  # fmt: skip
    for step in told["steps"]:
        branch = tree.add(Text(f"{step['table'].partition('.<')[0]:15} {_place(step)} by {step['task']}"))
        code = ", ".join(f"{name} {value[:HASH_CHARS]}" for name, value in step["code"].items() if value)
        branch.add(Text(f"{step['schema']}/{step['schema_version']}, run {step['run']}, {code}"))
        if "report" in step:
            branch.add(Text(f"reported by {_place(step['report'])}"))
    if instrument is not None:
        said = [f"revision {r['revision']} by {r['author'] or 'the build'}, {moment(r['ts_known'])} UTC"
                for r in instrument["revised"]]  # fmt: skip
        tree.add(Text(f"instrument {instrument['instrument']}, revision {instrument['revision']}"
                      f"{'; since then ' + ', '.join(said) if said else ''}"))  # fmt: skip
    for said in told["amended"]:
        now = f": now a trade at {decimals(said['now']['price'])}" if "now" in said else ""
        tree.add(Text(f"{said['how']} by {_place(said)}, {moment(said['ts_recv'])} UTC{now}", style="bold"))
    if told["amends"] is not None:
        tree.add(Text(f"amends the trade told by {_place(told['amends'])}, {moment(told['amends']['ts_recv'])} UTC"))
    for table in told["missing"]:
        tree.add(Text(f"{table} is not in the log", style="bold red"))
    return tree


def _place(place: dict[str, Any]) -> str:
    row = f":{place['row']}" if "row" in place else ""
    return f"{place['topic']}[{place['partition']}]@{place['offset']}{row}"
