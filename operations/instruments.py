"""Instruments that people add: a TOML file of ``[[instrument]]`` tables to definitions, appended under their names.

A definition is never rewritten: a further one of the same instrument is a revision. What sizes and positions are
counted in cannot be revised: all that is on the tape would mean something else.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import UNSET, Meta

from agents.defining import DEFINITIONS, Defined, all_defined, append_definitions
from agents.topology_file import read_as
from feeds.file_map import FIRST_ID, DefinitionTable, definition_of
from feeds.venues import KNOWN
from operations.prices_seen import check_prices
from schemas.definition import Definition
from schemas.errors import ConfigError
from streams.clock import wall_ns
from streams.log import Log, TopicSpec

OWN_ID_FIRST = 20_000
"""Least ``instrument_id`` that is given to an instrument whose file names none: the simulator's lie below."""
NEAREST_MAX = 5
FIXED = ("instrument_id", "size_increment", "multiplier", "inverse", "settlement")
"""What a revision cannot change: sizes, positions and money on the tape are counted in it."""
NANOS_PER_US = 1_000
US = 1_000_000


class InstrumentTable(DefinitionTable, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """``[[instrument]]``: as a map's ``[[definition]]``, and what only a desk says.

    Attributes:
        instrument_id: 0: the instrument's own, or the next that is free.
        venue: Where it is traded; empty: the market's name.
        inverse: As the market says; may be left out.
        valid_from: From when it is so at the venue, with a time zone.
    """

    instrument_id: Annotated[int, Meta(ge=0, le=2**32 - 1)] = 0
    venue: Annotated[str, Meta(max_length=64)] = ""
    inverse: bool | None = None
    valid_from: Annotated[datetime, Meta(tz=True)] | None = None


class InstrumentFile(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """The whole file."""

    instrument: Annotated[list[InstrumentTable], Meta(min_length=1, max_length=10_000)]


def read_instruments(path: Path) -> list[Definition]:
    """Definitions of a file, checked each for itself; ids that the file leaves out are 0, revisions 1.

    Raises:
        ConfigError: Not readable, not TOML, or a key is unknown, missing, mistyped or contradicts another.
    """
    file: InstrumentFile = read_as(path, InstrumentFile, "instruments")
    found: dict[str, Definition] = {}
    for table in file.instrument:
        where = f"{path}: {table.instrument}"
        definition = _defined(table, str(path))
        if table.inverse is not None and table.inverse != definition.inverse:
            raise _contradiction(
                f"inverse = {str(table.inverse).lower()}",
                f"{str(definition.inverse).lower()}: so says its market",
                where,
            )
        if table.instrument in found:
            raise _contradiction("defined twice", "one table an instrument", where)
        if 0 < table.instrument_id < FIRST_ID and table.instrument not in KNOWN:
            raise _contradiction(f"instrument_id {table.instrument_id}", f"{FIRST_ID} or more, or none", where)
        found[table.instrument] = definition
    return list(found.values())


def _defined(table: InstrumentTable, where: str) -> Definition:
    since = table.valid_from
    valid_from = 0 if since is None else (int(since.timestamp()) * US + since.microsecond) * NANOS_PER_US
    made = definition_of(table, where)
    try:
        return msgspec.convert(
            msgspec.to_builtins(msgspec.structs.replace(made, venue=table.venue or made.market, valid_from=valid_from)),
            Definition,
        )
    except msgspec.ValidationError as error:
        raise ConfigError(str(error), kind="bad_definition", where=f"{where}: {table.instrument}",
                          allowed="as docs/instruments.md says") from error  # fmt: skip


def add(log: Log, definitions: Sequence[Definition], author: str, reason: str) -> Sequence[Definition]:
    """Append definitions to the live topics, in a person's name; those that are so already are not written again.

    Args:
        log: Where.
        definitions: As read from a file.
        author: Who says so.
        reason: Why.

    Returns:
        What was appended, with ids and revisions.

    Raises:
        ConfigError: One changes what is fixed, takes another's id, or does not fit what was seen. Nothing was written.
        BrokerError: They cannot be written.
    """
    if not log.partitions(DEFINITIONS):
        log.create([TopicSpec(DEFINITIONS)])
    check_prices(log, definitions)
    return append_definitions(
        log, lambda: revised(definitions, (d.definition for d in all_defined(log)), author, reason), wall_ns()
    )


def revised(
    definitions: Iterable[Definition], known: Iterable[Definition], author: str, reason: str
) -> list[Definition]:  # fmt: skip
    """Definitions as they are to be appended after those that are known: ids, revisions, and who says so.

    Raises:
        ConfigError: One changes what is fixed, or takes the id of another.
    """
    newest = newest_of([*KNOWN.values(), *known])
    holders = {d.instrument_id: d.instrument for d in newest.values()}
    made: list[Definition] = []
    for definition in definitions:
        before = newest.get(definition.instrument)
        if definition.instrument_id == 0:
            free = max([OWN_ID_FIRST - 1, *holders]) + 1
            number = free if before is None else before.instrument_id
            definition = msgspec.structs.replace(definition, instrument_id=number)
        if before is not None:
            _check_fixed(before, definition)
            definition = msgspec.structs.replace(definition, revision=before.revision + 1)
        elif definition.instrument_id in holders:
            raise _contradiction(
                f"instrument_id {definition.instrument_id}", f"any but that of {holders[definition.instrument_id]}",
                definition.instrument,
            )  # fmt: skip
        if before is not None and _bare(before) == _bare(definition):
            continue
        holders[definition.instrument_id] = definition.instrument
        made.append(msgspec.structs.replace(definition, author=author, reason=reason))
    return made


def newest_of(definitions: Iterable[Definition]) -> dict[str, Definition]:
    """The newest revision of each instrument, by name."""
    newest: dict[str, Definition] = {}
    for definition in definitions:
        known = newest.get(definition.instrument)
        if known is None or definition.revision >= known.revision:
            newest[definition.instrument] = definition
    return newest


def history_of(log: Log, instrument: str, known_by: int | None = None) -> list[Defined]:
    """Every definition of an instrument, in order; with a cutoff, those that were known by then.

    Raises:
        ConfigError: There is none; names the nearest.
    """
    there = all_defined(log)
    found = [d for d in there if d.definition.instrument == instrument]
    known = [d for d in found if known_by is None or d.ts_known <= known_by]
    if not known:
        names = sorted({d.definition.instrument for d in there})
        raise ConfigError(
            "no such instrument is defined" if not found else "it was not defined by then", kind="no_definition",
            got=instrument, where=DEFINITIONS, fix="tapedeck instruments list; tapedeck instruments add FILE",
            allowed=", ".join(get_close_matches(instrument, names, NEAREST_MAX, 0.3) or names[:NEAREST_MAX]) or "none",
        )  # fmt: skip
    return known


def _check_fixed(before: Definition, after: Definition) -> None:
    for name in FIXED:
        if getattr(before, name) != getattr(after, name):
            raise ConfigError(
                "a revision cannot change what the tape is counted in", kind="fixed_definition",
                got=f"{name} {getattr(after, name)}", allowed=f"{getattr(before, name)}", where=after.instrument,
                fix="define it under another name, as venues do",
            )  # fmt: skip


def _bare(definition: Definition) -> Definition:
    """What is defined, whoever said it."""
    return msgspec.structs.replace(definition, revision=0, author=UNSET, reason=UNSET)


def _contradiction(got: str, allowed: str, where: str) -> ConfigError:
    return ConfigError("a definition contradicts itself or another", kind="bad_definition", got=got, allowed=allowed,
                       where=where)  # fmt: skip


def told(found: Defined) -> Mapping[str, object]:
    """A definition and its place, as JSON."""
    fields: dict[str, object] = msgspec.to_builtins(found.definition)
    fields.pop("type", None)
    return {**fields, "ts_known": found.ts_known, "place": f"{DEFINITIONS}[0]@{found.offset}"}
