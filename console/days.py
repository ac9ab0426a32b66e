"""``tapedeck days``: what was recorded, day by day."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from console.examples import epilog
from console.figures import count
from console.recorded import recorded, tell_lost
from console.risk_write import Json
from console.terminal import emit, show

EXAMPLES = (
    "list",
    "list --session XNYS",
    "list --from 2026-11-20 --to 2026-11-25",
    "list --run 20261123t142501-ab12 --json",
)

app = typer.Typer(help="See what was recorded, day by day.", rich_markup_mode=None)


@app.callback()
def days() -> None:
    """See what was recorded, day by day."""


@app.command("list", epilog=epilog("days", EXAMPLES))
def list_days(
    context: typer.Context,
    session: Annotated[
        str, typer.Option(metavar="CALENDAR", show_default=False, help="Sessions of XNYS, ... [default: UTC days].")
    ] = "",
    run: Annotated[str, typer.Option(metavar="RUN", help="Id of a run, or live.")] = "live",
    since: Annotated[
        str, typer.Option("--from", metavar="T", show_default=False, help="Days that began then or later: ISO, UTC.")
    ] = "",
    until: Annotated[
        str, typer.Option("--to", metavar="T", show_default=False, help="Days that began before: ISO, UTC.")
    ] = "",
    json: Json = False,
) -> None:
    """Days in which anything was received: records of each topic, gaps by seq, schemas, archived or not, and the hash.

    A day is by receive time. Its hash is over the bytes of all its records: the same from Kafka and from an archive.
    All of it is read, or the days between --from and --to alone.
    """
    from console.progress import Progress
    from replay.archive.chain import archived_ends
    from replay.calendars import calendar_named
    from replay.days import days_in
    from replay.recording import NO_END
    from replay.replay_what import time_ns
    from streams.home import archive_dir
    from streams.namespace import namespace_of

    calendar = calendar_named(session)
    first, after = time_ns(since, "--from"), time_ns(until, "--to")
    log = recorded(context)
    try:
        read, namespace = 0, namespace_of(log.names(), run)
        tell_lost(log, (name for name in log.names(namespace) if name.startswith(f"{namespace}raw.")))
        with Progress("reading the tape") as progress:

            def told(more: int) -> None:
                nonlocal read
                read += more
                progress.tell("records", read)

            found = days_in(
                log, namespace, calendar, archived_ends(archive_dir(), namespace), told,
                since=first or 0, until=NO_END if after is None else after,
            )  # fmt: skip
    finally:
        log.close()
    if json:
        import orjson

        emit(orjson.dumps({"calendar": calendar.name, "days": [as_json(day) for day in found]}).decode())
    elif found:
        show(*_drawn(found))
    else:
        narrowed = " ".join(flag for flag in (since and f"--from {since}", until and f"--to {until}") if flag)
        narrowed = " ".join(part for part in (session and f"--session {calendar.name}", narrowed) if part)
        emit(f"nothing was received in that time: {narrowed}" if narrowed else "nothing was recorded yet: tapedeck up")


def as_json(day: Any) -> dict[str, Any]:
    """A day as programs read it; times in ns UTC."""
    return {
        "day": day.day, "since": day.since, "until": day.until, "records": dict(sorted(day.records.items())),
        "events": dict(sorted(day.events.items())), "gaps": sum(day.gaps.values()),
        "gaps_by_topic": dict(sorted(day.gaps.items())), "leaps": day.leaps,
        "schemas": {name: sorted(versions) for name, versions in sorted(day.schemas.items())},
        "archived": day.archived, "hash": day.hash,
    }  # fmt: skip


def _drawn(found: Any) -> list[Any]:
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, padding=(0, 1))
    for name in ("day", "payloads", "ticks", "orders", "gaps", "archived", "hash"):
        table.add_column(name, justify="left" if name in ("day", "archived", "hash") else "right", no_wrap=True)
    for day in found:
        events = [
            sum(n for topic, n in day.events.items() if topic == stem or topic.startswith(f"{stem}."))
            for stem in ("raw", "ticks")
        ] + [day.events.get("orders", 0)]
        gaps = sum(day.gaps.values())
        table.add_row(day.day, *map(count, events), count(gaps) if gaps else "none", "yes" if day.archived else "no",
                      day.hash[:16])  # fmt: skip
    leaped = [
        f"{day.day}: a clock that was ahead was set back by more than an hour, {day.leaps} times" for day in found
        if day.leaps
    ]  # fmt: skip
    return [table, *leaped]
