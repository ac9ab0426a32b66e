"""``tapedeck feed run|check csv|parquet|dbn``: purchased files, by a map, into ``raw.history``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from console.progress import Progress
from console.terminal import complain
from schemas.errors import ConfigError

if TYPE_CHECKING:
    from feeds.check import OnProgress, OnReject, Report
    from feeds.dbn_feed import DbnFeed
    from feeds.file_feed import FileFeed
    from feeds.published import Rows

FILES = ("csv", "parquet", "dbn")
"""Formats that are read as feeds."""
BATCH_ROWS = 1_024


def open_files(kind: str, paths: Sequence[Path], path: Path | None) -> FileFeed | DbnFeed:
    """A feed of files whose times have been held against sessions.

    Raises:
        ConfigError: Map or file is wrong; nothing was published.
    """
    from agents.topology_file import read_as
    from feeds.dbn_feed import DbnFeed
    from feeds.file_feed import FileFeed
    from feeds.file_map import FileMap, MapFile, checked, defined
    from replay.history_sessions import check_sessions

    if path is None and kind != "dbn":
        raise ConfigError("columns have no meaning without a map", kind="no_map", got="none", allowed="--map FILE",
                          where=f"feed {kind}", fix="see docs/files.md")  # fmt: skip
    file: MapFile = MapFile() if path is None else read_as(path, MapFile, "map")
    where = "no map" if path is None else str(path)
    feed: FileFeed | DbnFeed
    if kind == "dbn":
        feed = DbnFeed(paths, FileMap(where, file, defined(file, where)), _tell_fault, _tell_rename)
    else:
        feed = FileFeed(paths, kind, checked(file, where), _tell_fault, _tell_rename)
    for strays in check_sessions(feed):
        complain(str(strays), event="out_of_session", level="warning", code="config.out_of_session")
    return feed


def check_files(
    kind: str, paths: Sequence[Path], path: Path | None, on_reject: OnReject, on_progress: OnProgress
) -> Report:
    """Files through the adapter, as ``feed check`` does it.

    Raises:
        ConfigError: Map or file is wrong.
    """
    from feeds.check import check_feed

    feed = open_files(kind, paths, path)
    return check_feed(feed, feed.source, feed.definitions, on_reject, on_progress)


def run_files(
    bootstrap: Callable[[], str], kind: str, paths: Sequence[Path], path: Path | None, record: Path | None, *,
    publish: bool, interrupts: AbstractContextManager[Any], on_reject: OnReject,
) -> dict[str, Any]:  # fmt: skip
    """Publish files, and record them as a capture; what came of it.

    Raises:
        ConfigError: Map or file is wrong; nothing was published.
        BrokerError: Kafka cannot be reached, or a record was not acknowledged.
    """
    from feeds.recorder import Recorder

    feed = open_files(kind, paths, path)
    recorder = None if record is None else Recorder(record)
    stopped: list[bool] = []
    with interrupts as interrupt:
        interrupt.on_first(lambda: stopped.append(True))
        publisher, there = _publisher(bootstrap(), feed) if publish else (None, {})
        try:
            with Progress("publishing" if publish else "reading") as progress:
                counts = _play(feed, publisher, there, recorder, stopped, on_reject, progress)
        finally:
            if recorder is not None:
                recorder.close()
            if publisher is not None:
                publisher.close()
    return {**counts, "cut_short": len(feed.faults), "interrupted": bool(stopped)}


def _publisher(bootstrap: str, feed: FileFeed | DbnFeed) -> tuple[Any, Rows]:
    """A publisher, and what of the files is on the tape already."""
    from agents.defining import DEFINITIONS, define
    from feeds.published import published_rows
    from streams.kafka import connect
    from streams.log import TopicSpec
    from streams.publisher import Publisher

    log = connect(bootstrap)
    try:
        log.create([TopicSpec(DEFINITIONS)])
        define(log, feed.definitions)
        with Progress("looking for rows that are published already") as progress:
            there = published_rows(log, {file.sha256 for file in feed.files}, partial(progress.tell, "records"))
    finally:
        log.close()
    return Publisher(bootstrap, feed.source), there


def _play(
    feed: FileFeed | DbnFeed, publisher: Any, there: Rows, recorder: Any, stopped: Sequence[bool],
    on_reject: OnReject, progress: Progress,
) -> dict[str, int]:  # fmt: skip
    """Rows as they come, but for those ``there``; what normalise will refuse is told of, and sent all the same."""
    from itertools import islice

    from feeds.venues import adapter_of
    from streams.agent import Payload

    adapter = adapter_of(feed.source, feed.definitions)
    sent = rejected = skipped = 0
    stream = iter(feed)
    while not stopped and (read := list(islice(stream, BATCH_ROWS))):
        lines = [line for line in read if line.line > there.get((feed.files[line.file].sha256, line.key), -1)]
        skipped += len(read) - len(lines)
        payloads = [
            Payload(feed.source, sent + i, line.ts_recv, line.key, line.payload) for i, line in enumerate(lines)
        ]
        for index, error in adapter.read(payloads)[1]:
            rejected += 1
            on_reject(feed.files[lines[index].file].path, lines[index].line, error)
        for line in lines:
            if publisher is not None:
                publisher.publish(line.payload, line.key, line.ts_recv)
            if recorder is not None:
                recorder.take(line.ts_recv, line.payload)
        sent += len(lines)
        progress.tell("rows", sent)
    return {"payloads": sent, "rejected": rejected, "published_before": skipped}


def _tell_fault(fault: Any) -> None:
    complain(str(fault), event="capture_cut", level="warning", code="fault.capture_cut")


def _tell_rename(path: Path, row: int, symbol: str) -> None:
    complain(
        f"{path}:{row}: a symbol that the map does not know: its rows wait in dlq; name it under [symbols]",
        event="unmapped_symbol", level="warning", code="unknown_instrument.not_defined", where=f"{path}:{row}",
    )  # fmt: skip
    del symbol  # what a record held is told nowhere else than in the record
