"""``tapedeck archive``: the committed log as Parquet segments, written, followed, verified and listed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from console.cluster import running
from console.examples import epilog
from console.figures import count, moment
from console.risk_write import Json
from console.terminal import complain, emit, show

if TYPE_CHECKING:
    from replay.archive.archiver import Pass
    from replay.archive.chain import Chain

UNSOUND = 1
INTERRUPTED = 130
EVERY_S, EVERY_S_MAX = 10.0, 3_600.0
NANOS = 1_000_000_000
DAY_NS = 86_400 * NANOS

Folder = Annotated[
    Path | None,
    typer.Option(
        "--archive", metavar="DIR", show_default=False,
        help="The archive [default: TAPEDECK_ARCHIVE, else archive/ in TAPEDECK_HOME].",
    ),
]  # fmt: skip
Run = Annotated[
    str, typer.Option("--run", metavar="NAMESPACE", help="Whose topics: live, a run's id, or its namespace.")
]
Day = Annotated[
    str, typer.Option("--day", metavar="D", show_default=False, help="A UTC day, e.g. 2026-11-23 [default: all].")
]

app = typer.Typer(help="Keep the committed log in files of your own.", rich_markup_mode=None)


@app.callback()
def archive() -> None:
    """Keep the committed log as Parquet segments, byte for byte, so that Kafka's retention may delete it."""


@app.command(epilog=epilog("archive write", ("--day 2026-11-23", "--run 20261123t142501-ab12 --archive tape/ --json")))
def write(
    context: typer.Context, day: Day = "", run: Run = "live", folder: Folder = None, json: Json = False
) -> None:  # fmt: skip
    """Archive what is committed and not yet archived, to the end of a day or all of it; goes on where it stopped.

    A day ends, in each partition, before the first record whose log time is at or after midnight UTC. Of state, each
    task's newest snapshot at that moment. Killed at any point, it leaves whole segments only.
    """
    from console.interrupts import Interrupts
    from console.progress import Progress

    until = None if not day else (_day(day) + 1) * DAY_NS
    with Interrupts() as interrupts, Progress("archiving") as progress:
        archiver, log = _opened(context, run, folder, interrupts, progress.tell)
        try:
            interrupts.on_first(lambda: None)
            found = archiver.write(until)
        finally:
            archiver.close()
            log.close()
    _tell(found, _folder(folder), json=json)
    if interrupts.count:
        complain("interrupted: what is archived is whole; write again to go on", event="interrupted",
                 code="interrupted", exit=INTERRUPTED)  # fmt: skip
        raise typer.Exit(INTERRUPTED)


@app.command("run", epilog=epilog("archive run", ("", "--every 60 --archive tape/")))
def follow(
    context: typer.Context,
    run: Run = "live",
    every: Annotated[
        float, typer.Option(metavar="S", min=0.1, max=EVERY_S_MAX, help="Between two looks; each makes a segment.")
    ] = EVERY_S,
    folder: Folder = None,
    json: Json = False,
) -> None:
    """Follow a live log, seconds behind it; ctrl-C ends it with whole segments.

    The shorter --every, the less is behind; small segments are merged as they become many. Snapshots are archived as
    their day ends. --json tells after each look how far the archive is behind the log: seconds of log time.
    """
    from console.interrupts import Interrupts

    with Interrupts() as interrupts:
        archiver, log = _opened(context, run, folder, interrupts, lambda _what, _count: None)
        try:
            interrupts.on_first(lambda: None)
            complain(f"archiving into {_folder(folder)} every {every:g} s; ctrl-C ends it", event="archive")
            archiver.follow(every, lambda done, behind_s: _told(done, behind_s, json=json))
        finally:
            archiver.close()
            log.close()


@app.command(epilog=epilog("archive verify", ("", "--day 2026-11-23 --json")))
def verify(day: Day = "", folder: Folder = None, json: Json = False) -> None:
    """Read all of it, and name whatever is not as it was written: flipped, missing, cut, swapped or added.

    With --day, all manifests, but only the segments with records of that day. Exit 1: something is wrong.
    """
    from console.progress import Progress
    from replay.archive.verify import verify as verified

    with Progress("verifying") as progress:
        found = verified(_folder(folder), _day(day) if day else None, progress.tell)
    if json:
        import orjson

        problems = [
            {"file": str(p.file), "topic": p.topic or None, "partition": None if p.partition < 0 else p.partition,
             "offset": None if p.offset < 0 else p.offset, "what": p.what} for p in found.problems
        ]  # fmt: skip
        emit(orjson.dumps({
            "archive": str(_folder(folder)), "sound": not problems, "segments": found.segments,
            "records": found.records, "bytes": found.bytes, "problems": problems,
            "uncommitted": [str(path) for path in found.left],
        }).decode())  # fmt: skip
    else:
        for problem in found.problems:
            where = f"  {problem.topic}[{problem.partition}]" if problem.topic else ""
            at = f"@{problem.offset}" if problem.offset >= 0 else ""
            emit(f"{problem.file}{where}{at}: {problem.what}")
        for path in found.left:
            complain(f"{path}: left by a writer that died before it committed; the next one removes it")
        read = f"{count(found.segments)} segments, {count(found.records)} records, {count(found.bytes)} bytes"
        emit(f"{count(len(found.problems))} PROBLEMS in {read}" if found.problems else f"sound: {read}")
    raise typer.Exit(UNSOUND if found.problems else 0)


@app.command("list", epilog=epilog("archive list", ("", "--json")))
def list_archived(folder: Folder = None, json: Json = False) -> None:
    """What is archived: topics, segments, records, offsets, times and bytes, as the manifests say."""
    from replay.archive.verify import chains_in

    chains, problems = chains_in(_folder(folder))
    rows = [_row(chain) for chain in chains if chain.segments]
    if json:
        import orjson

        emit(orjson.dumps({"archive": str(_folder(folder)), "partitions": rows}).decode())
    elif rows:
        show(_table(rows))
    else:
        emit("nothing is archived yet")
    for problem in (*problems, *(p for chain in chains for p in chain.problems)):
        complain(f"{problem.file}: {problem.what}", level="warning")


def _opened(context: typer.Context, run: str, folder: Path | None, interrupts: Any, progress: Any) -> tuple[Any, Any]:
    from replay.archive.archiver import Archiver
    from streams.kafka import connect
    from streams.namespace import namespace_of

    log = connect(running(context))
    try:
        namespace = namespace_of(log.names(), run)
        stopping = lambda: interrupts.count > 0  # noqa: E731
        return Archiver(log, _folder(folder), namespace, stopping=stopping, progress=progress), log
    except BaseException:
        log.close()
        raise


def _folder(named: Path | None) -> Path:
    from streams.home import archive_dir

    return named.expanduser().absolute() if named is not None else archive_dir()


def _day(text: str) -> int:
    """Days since 1970 UTC.

    Raises:
        ConfigError: It is no day.
    """
    from datetime import date

    from schemas.errors import ConfigError

    try:
        return (date.fromisoformat(text) - date(1970, 1, 1)).days
    except ValueError:
        raise ConfigError("not a day", kind="bad_time", got=text, allowed="e.g. 2026-11-23, UTC",
                          where="--day") from None  # fmt: skip


def _tell(found: Pass, folder: Path, *, json: bool) -> None:
    if json:
        import orjson

        emit(orjson.dumps({
            "archive": str(folder), "segments": found.segments, "records": found.records, "bytes": found.bytes,
        }).decode())  # fmt: skip
        return
    for topic, records in found.records.items():
        emit(f"{topic}: {count(records)} records")
    emit(f"{count(found.segments)} segments, {count(found.bytes)} bytes in {folder}" if found.segments
         else f"nothing new for {folder}")  # fmt: skip


def _told(done: Pass, behind_s: float, *, json: bool) -> None:
    """A line a pass that found something."""
    records = sum(done.records.values())
    if json:
        import orjson

        emit(orjson.dumps({
            "segments": done.segments, "records": records, "bytes": done.bytes, "behind_s": round(behind_s, 3),
        }).decode())  # fmt: skip
    elif records:
        complain(f"{count(records)} records in {count(done.segments)} segments, {behind_s:.1f} s behind the log",
                 event="archived", records=records)  # fmt: skip


def _row(chain: Chain) -> dict[str, Any]:
    manifests = [segment.manifest for segment in chain.segments]
    return {
        "topic": chain.place[0], "partition": chain.place[1], "segments": len(manifests),
        "records": sum(m.records for m in manifests), "begin": chain.begin, "end": chain.end,
        "first_ns": min(m.first_ns for m in manifests), "last_ns": max(m.last_ns for m in manifests),
        "bytes": sum(m.bytes for m in manifests), "manifest": chain.previous,
    }  # fmt: skip


def _table(rows: list[dict[str, Any]]) -> Any:
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, padding=(0, 1))
    for i, name in enumerate(("topic", "segments", "records", "offsets", "to (UTC)", "bytes")):
        table.add_column(name, justify="right" if i else "left", no_wrap=bool(i), overflow="fold")
    for row in rows:
        table.add_row(
            f"{row['topic']}[{row['partition']}]", count(row["segments"]), count(row["records"]),
            f"{row['begin']} to {row['end'] - 1}", moment(row["last_ns"]) if row["last_ns"] else "-",
            count(row["bytes"]),
        )  # fmt: skip
    return table
