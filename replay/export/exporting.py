"""From what was asked for to a file: one pass, in flat memory."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import orjson

from features.view import DEFAULT_VIEW
from replay.export.blocks import Rows, blocks, schema_of
from replay.export.definitions_then import check_unchanged, definitions_then
from replay.export.files import format_of, open_out, whole
from replay.export.stretch import records_of
from replay.recording import documents
from replay.replay_what import Asked
from schemas.codec import encode
from schemas.control import RunOpened
from schemas.errors import ConfigError
from schemas.topics import table_row
from streams.log import Log


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written."""

    out: Path
    topic: str
    rows: int
    bytes: int


def export(
    log: Log, asked: Asked, topic: str, out: Path, on_progress: Callable[[int], None] = lambda _rows: None
) -> Exported:
    """Write a topic of a day, pin or run into a file; the file is there whole, or not at all.

    Args:
        log: Joined with the archive.
        asked: Day, pin or run.
        topic: Full name.
        out: The file; its ending says the format.
        on_progress: Hears of rows as they are written.

    Raises:
        ConfigError: The topic or format cannot be exported, there is nothing, an instrument's unit of size changed in
            it, or the file cannot be written.
        StateDiverged: The log does not hold what was pinned.
        BrokerError, ArchiveError, SnapshotError: The log cannot be read.
    """
    row = table_row(topic.removeprefix(asked.namespace))
    schema = schema_of(() if row is None else row.schemas, topic)
    ending = format_of(out, schema)
    definitions = definitions_then(log, asked)
    if schema.kind == "rows":
        check_unchanged(log, asked, topic)
    told = {
        "tapedeck.topic": topic, "tapedeck.of": asked.what, "tapedeck.schema": f"{schema.name}/{schema.version}",
        "tapedeck.definitions": orjson.dumps([encode(d).decode() for d in definitions.values()]).decode(),
    }  # fmt: skip
    if asked.pin is not None:
        told["tapedeck.pin"] = asked.pin.id
    cutoff = None if asked.pin is None else asked.pin.selection.selection.cutoff
    rows = 0
    with whole(out) as new:
        file = open_out(new, ending, schema, definitions, _feature_names(log, asked), told)
        try:
            for block in blocks(records_of(log, asked, topic), schema):
                if isinstance(block, Rows) and cutoff is not None:
                    block = block.known_by(cutoff)
                file.write(block)
                found = len(block.rows) if isinstance(block, Rows) else len(block.records)
                rows += found
                on_progress(found)
        finally:
            file.close()
        if not rows:
            raise ConfigError("there is nothing to export", kind="nothing_recorded", got="no row", where=topic,
                              fix="tapedeck days list shows what was recorded")  # fmt: skip
        size = new.stat().st_size
    return Exported(out, topic, rows, size)


def _feature_names(log: Log, asked: Asked) -> list[str]:
    """Of the newest run's view; the shipped view's where it names none."""
    opened: list[RunOpened] = documents(log, asked.namespace, RunOpened)
    columns = opened[-1].view if opened else []
    return [str(column["name"]) for column in columns] or list(DEFAULT_VIEW.names)
