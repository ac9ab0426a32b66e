"""``tapedeck export``: what is on the tape, as a file that other programs read."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from console.recorded import recorded, tell_lost
from console.risk_write import Json
from console.terminal import emit

EXAMPLES = (
    "2026-11-23 --topic ticks --out ticks.parquet",
    "q3-btc --topic executions --out fills.csv",
    "20261123t142501-ab12 --topic ticks --out t.dbn.zst --json",
)


def export(
    context: typer.Context,
    what: Annotated[
        str, typer.Argument(metavar="PIN|DAY|live|RUN", help="A pin, a UTC day, all that is live, or a run.")
    ],
    topic: Annotated[
        str, typer.Option(metavar="TOPIC", help="ticks, features, scores, orders, executions, ...", show_default=False)
    ],
    out: Annotated[
        Path, typer.Option(metavar="FILE", help="Ends in .parquet, .csv, .dbn or .dbn.zst.", show_default=False)
    ],
    since: Annotated[
        str, typer.Option("--from-time", metavar="T", show_default=False, help="A closer beginning: ISO time, UTC.")
    ] = "",
    until: Annotated[
        str, typer.Option("--to-time", metavar="T", show_default=False, help="A closer end: ISO time, UTC.")
    ] = "",
    json: Json = False,
) -> None:
    """Write a topic into a file, with decoded columns: archive and Kafka as one, read as committed.

    Prices are exact: int64 in 1e-9, and in a CSV decimal text beside them. A pin is verified first. The file is put in
    place once it is whole; what stood there before is replaced then. docs/files.md lists the columns.
    """
    from streams.home import use_kernel_cache

    use_kernel_cache()  # before anything imports numba
    from console.figures import count
    from console.progress import Progress
    from console.topic_names import find_topic
    from replay.export.exporting import export as write
    from replay.replay_what import asked_for
    from streams.namespace import LIVE, namespaces

    log = recorded(context)
    try:
        asked = asked_for(log, what, since, until)
        names = log.names()
        run = next((run for run, prefix in namespaces(names).items() if prefix == asked.namespace), LIVE)
        topic = find_topic(names, topic, run)
        if asked.pin is None:
            tell_lost(log, [topic])
        written = 0
        with Progress("exporting") as progress:

            def told(rows: int) -> None:
                nonlocal written
                written += rows
                progress.tell("rows", written)

            found = write(log, asked, topic, out, told)
    finally:
        log.close()
    if json:
        import orjson

        emit(orjson.dumps({
            "out": str(found.out), "topic": found.topic, "rows": found.rows, "bytes": found.bytes,
        }).decode())  # fmt: skip
    else:
        emit(f"{found.out}: {count(found.rows)} rows of {found.topic}, {count(found.bytes)} bytes")
