"""``tapedeck topics``: what is in the log, for people and for other programs."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from console import topics_docs
from console.cluster import running
from console.examples import epilog
from console.figures import count
from console.terminal import emit, show

EVENTS_DEFAULT = 10
EVENTS_MAX = 100_000
"""Most that ``tail -n`` may ask for: they are held in memory."""

app = typer.Typer(help="Look at what is in the log.", rich_markup_mode=None)

Run = Annotated[
    str | None, typer.Option(metavar="RUN", show_default=False, help="Run id, or live [default: the newest run].")
]


app.command("docs", epilog=epilog("topics docs", topics_docs.DOCS_EXAMPLES))(topics_docs.docs)
app.command("schema", epilog=epilog("topics schema", topics_docs.SCHEMA_EXAMPLES))(topics_docs.schema)
app.command("example", epilog=epilog("topics example", topics_docs.EXAMPLE_EXAMPLES))(topics_docs.example)


@app.callback()
def topics() -> None:
    """Look at what is in the log."""


@app.command(
    "list", epilog="\b\nExamples:\n  tapedeck topics list\n  tapedeck topics list --run 20261123t142501-ab12 --json"
)
def list_topics(
    context: typer.Context,
    run: Run = None,
    every: Annotated[bool, typer.Option("--all", help="Of all runs.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Topics of a run, and the live ones: what each carries, and how much of it is committed.

    Events are rows, documents and payloads: a record of ticks or scores holds many rows. Records that end a run are not
    counted.
    """
    from console.topic_table import listed
    from streams.kafka import connect

    log = connect(running(context))
    try:
        entries = listed(log, run, every=every)
    finally:
        log.close()
    if json:
        import orjson

        emit(orjson.dumps({"topics": entries}).decode())
    elif entries:
        show(*_tables(entries))
    else:
        emit("no topics yet: tapedeck demo makes some")


@app.command(
    epilog="\b\nExamples:\n  tapedeck topics tail orders -n 5\n  tapedeck topics tail ticks --follow\n"
    "  tapedeck topics tail orders.decision --json | jq .reasons"
)
def tail(
    context: typer.Context,
    topic: Annotated[
        str, typer.Argument(metavar="TOPIC", show_default=False, help="orders, ticks, raw.binance, ... or a full name.")
    ],
    number: Annotated[int, typer.Option("-n", "--number", min=0, max=EVENTS_MAX, help="How many.")] = EVENTS_DEFAULT,
    run: Run = None,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Go on with what comes, to the run's end record or ctrl-C.")
    ] = False,
    json: Annotated[
        bool, typer.Option("--json", help="One JSON object a line, every column as it is in the log.")
    ] = False,
) -> None:
    """The last events of a topic, as a read_committed client sees them.

    Documents are shown as they are, JSON, one a line. Rows are shown as columns, payloads as text behind their receive
    time; with --json these are JSON as well. The record that ends a run is left out.
    """
    from console.tail import tail_topic
    from streams.kafka import connect

    log = connect(running(context))
    try:
        for line in tail_topic(log, topic, run, number, follow=follow, json=json):
            emit(line)
    finally:
        log.close()


@app.command(epilog="\b\nExamples:\n  tapedeck topics mend\n  tapedeck --bootstrap localhost:9092 topics mend --json")
def mend(
    context: typer.Context,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Give live topics the partitions and settings that they should have; create those that the live run misses.

    What `tapedeck doctor` finds wrong with them and Kafka can change in place. Records, and topics that are not
    Tapedeck's, are left alone.
    """
    from operations.mend import mend_topics
    from streams.cluster import Cluster
    from streams.kafka import connect

    log = connect(running(context))
    cluster = Cluster(log.bootstrap)
    try:
        done = mend_topics(cluster, log)
    finally:
        cluster.close()
        log.close()
    if json:
        import orjson

        emit(orjson.dumps({"mended": done}).decode())
        return
    for change in done:
        what = {key: value for key, value in change.items() if key != "topic"}
        emit(f"{change['topic']}: {', '.join(f'{key} {value}' for key, value in what.items())}")
    if not done:
        emit("nothing to mend")


def _tables(entries: list[dict[str, Any]]) -> list[Any]:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    drawn: list[Any] = []
    for run in dict.fromkeys(entry["run"] for entry in entries):
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, padding=(0, 1))
        table.add_column("topic", no_wrap=True)
        table.add_column("events", justify="right", no_wrap=True)
        table.add_column("carries")
        for entry in entries:
            if entry["run"] == run:
                table.add_row(entry["name"], count(entry["events"]), Text(entry["about"]))
        drawn += [Text(f"run {run}" if run != "live" else "live", style="bold"), table, ""]
    return drawn
