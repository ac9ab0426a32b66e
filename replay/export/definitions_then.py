"""Definitions by which a stretch is read: those that were known at its end, not those of today."""

from __future__ import annotations

from replay.export.stretch import records_of
from replay.recording import documents, header_of, written
from replay.replay_what import Asked
from schemas.definition import Definition
from schemas.errors import ConfigError
from streams.log import Log

END = 2**63 - 1


def definitions_then(log: Log, asked: Asked) -> dict[int, Definition]:
    """By instrument id. Of an instrument that was defined later only, as for files of former years, the first.

    Args:
        log: Joined with the archive.
        asked: Day, pin or run; of a pin those that it names.

    Raises:
        BrokerError: They cannot be read.
    """
    if asked.pin is not None:
        known = documents(log, asked.namespace, Definition, asked.pin.selection.selection.known_by)
        return {definition.instrument_id: definition for definition in known}
    until = END if asked.until_ns is None else asked.until_ns
    then: dict[int, Definition] = {}
    for time, definition in written(log, asked.namespace, Definition):
        former = then.get(definition.instrument_id)
        if former is None or (time < until and definition.revision >= former.revision):
            then[definition.instrument_id] = definition
    return then


def check_unchanged(log: Log, asked: Asked, topic: str) -> None:
    """Hold that one unit of size meant one thing over all of a stretch.

    Raises:
        ConfigError: An instrument's size_increment changed within it: no one definition reads all of its rows.
        BrokerError, ArchiveError, SnapshotError, StateDiverged: The log cannot be read.
    """
    if asked.pin is not None:
        return
    until = END if asked.until_ns is None else asked.until_ns
    before: dict[int, Definition] = {}
    begin = asked.since_ns
    for time, definition in written(log, asked.namespace, Definition):
        former = before.get(definition.instrument_id)
        if former is not None and (time >= until or definition.revision < former.revision):
            continue
        before[definition.instrument_id] = definition
        if former is None or former.size_increment == definition.size_increment:
            continue
        begin = _first(log, asked, topic) if begin is None else begin
        if time > begin:
            raise ConfigError(
                "a unit of size changed within what is to be exported", kind="export_redefined",
                got=f"{definition.instrument}: from {time} ns on {definition.size_increment}e-9, before "
                f"{former.size_increment}e-9",
                where=topic, fix="export what lies before and what lies behind it: --from-time, --to-time",
            )  # fmt: skip


def _first(log: Log, asked: Asked, topic: str) -> int:
    """Log time of the first record; the end of time where there is none."""
    header = next((h for record in records_of(log, asked, topic) if (h := header_of(record)) is not None), None)
    return END if header is None else header.time
