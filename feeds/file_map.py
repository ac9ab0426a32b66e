"""A map: what the columns of a purchased file mean, in TOML. Checked whole before a row is read.

.. code-block:: toml

    instrument = "spot:EURUSD"      # or a column `symbol`, and [symbols]
    event = "quote"                 # quote, or trade
    time = "ms since midnight"      # see file_time.py
    timezone = "UTC"
    date = "name:%Y%m%d"            # in the file's name; or a day

    [columns]                       # field = name of a column, or its number from 1
    time = 1
    bid = 2
    ask = 3

    [values]                        # field = what every row has
    bid_size = "1000000"
    ask_size = "1000000"
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from feeds.increments import increment
from feeds.venues import KNOWN
from schemas.definition import NAME_PATTERN, Definition
from schemas.errors import ConfigError

FIELDS = ("time", "recv", "symbol", "side", "price", "size", "bid", "bid_size", "ask", "ask_size")
"""What a column or value can be of. ``recv``: when the seller of the data received it, in the unit of ``time``."""
NEEDED = {"quote": ("time", "bid", "bid_size", "ask", "ask_size"), "trade": ("time", "price", "size")}
SIDES = {"b": "B", "buy": "B", "bid": "B", "a": "A", "s": "A", "sell": "A", "ask": "A", "n": "N", "none": "N", "": "N"}
"""How sides are written; lower case."""
Name = Annotated[str, Meta(pattern=NAME_PATTERN)]
Delimiter = Annotated[str, Meta(min_length=1, max_length=1)]
SYMBOL_CHARS_MAX = 48
"""So much of an unknown symbol stands in the name under which its rows wait."""
FIRST_ID = 1_000
"""Least ``instrument_id`` of a map's own definitions: those below ship, or are a venue's list's."""


class DefinitionTable(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """``[[definition]]``: an instrument that does not ship."""

    instrument: Name
    instrument_id: Annotated[int, Meta(ge=FIRST_ID, le=2**32 - 1)]
    base: str
    quote: str
    settlement: str = ""
    price_increment: str | float
    size_increment: str | float = "1"
    multiplier: str | float = "1"
    calendar: str = "24x7"


class MapFile(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """The whole file.

    Attributes:
        vendor: Who sold it, for the record.
        event: What a row is.
        instrument: Of every row; empty: the column ``symbol`` tells.
        time: Unit or format of the columns ``time`` and ``recv``.
        timezone: In which they are, IANA; not used where they count from 1970.
        date: Of a time of day.
        delay_ms: From the event to its receipt, where there is no ``recv``: ``ts_recv`` is then made of both.
        header: Whether the first line names the columns; None: where a column is named.
        delimiter: Of a CSV.
        columns: Field to column.
        values: Field to what every row has.
        symbols: The file's symbols to instruments; several may mean the same.
        definition: Instruments that do not ship.
    """

    vendor: str = ""
    event: Literal["quote", "trade"] = "quote"
    instrument: Name | Literal[""] = ""
    time: str = "ns"
    timezone: str = ""
    date: str = ""
    delay_ms: Annotated[float, Meta(ge=0, le=86_400_000)] = 0.0
    header: bool | None = None
    delimiter: Delimiter = ","
    columns: dict[str, str | int] = {}
    values: dict[str, str] = {}
    symbols: dict[str, Name] = {}
    definition: list[DefinitionTable] = []


def unmapped(symbol: str) -> str:
    """A name for rows of a symbol that the map does not know: no instrument's, so that nothing is guessed.

    >>> unmapped("Brk.b"), unmapped("")
    ('spot:UNMAPPED_BRK-B', 'spot:UNMAPPED_')
    """
    told = "".join(c if c.isascii() and (c.isalnum() or c in "_-") else "-" for c in symbol[:SYMBOL_CHARS_MAX].upper())
    return f"spot:UNMAPPED_{told}"


@dataclass(frozen=True, slots=True)
class FileMap:
    """A map that has been checked.

    Attributes:
        where: Its path, for errors.
        file: Its content.
        definitions: Instruments that it can mean, by name.
    """

    where: str
    file: MapFile
    definitions: dict[str, Definition]

    @property
    def named(self) -> bool:
        """Whether a line of names leads a CSV."""
        header = self.file.header
        return any(isinstance(at, str) for at in self.file.columns.values()) if header is None else header

    def places(self, columns: Sequence[str], where: str) -> dict[str, int]:
        """Place of each field's column, from 0, in a file of such columns.

        Raises:
            ConfigError: There is no such column; names those that there are.
        """
        return {field: self._place(field, at, columns, where) for field, at in self.file.columns.items()}

    def _place(self, field: str, at: str | int, columns: Sequence[str], where: str) -> int:
        if isinstance(at, int):
            if 1 <= at <= len(columns):
                return at - 1
            raise self._no_column(field, str(at), f"1 to {len(columns)}", where)
        if at in columns:
            return columns.index(at)
        near = get_close_matches(at, columns, 3, 0.4)
        raise self._no_column(field, at, ", ".join([*near, *(c for c in columns if c not in near)]), where)

    def _no_column(self, field: str, got: str, allowed: str, where: str) -> ConfigError:
        return ConfigError("the file has no such column", kind="map_column", got=got, allowed=allowed or "none",
                           where=f"{self.where}: columns.{field}", fix=f"columns are those of {where}")  # fmt: skip


def checked(file: MapFile, where: str) -> FileMap:
    """A map whose fields, symbols and definitions go together.

    Raises:
        ConfigError: A field is unknown, missing or told twice, or an instrument has no definition; names the key.
    """
    for table, keys in (("columns", file.columns), ("values", file.values)):
        for field in keys:
            if field not in FIELDS:
                raise ConfigError("a map has no such field", kind="map_field", got=field, allowed=", ".join(FIELDS),
                                  where=f"{where}: {table}")  # fmt: skip
    told = [*file.columns, *file.values]
    for field in (*NEEDED[file.event], *([] if file.instrument else ["symbol"])):
        if told.count(field) != 1:
            got = "not told" if field not in told else "told by columns and values"
            raise ConfigError("a field must be told once", kind="map_field", got=got, allowed="a column, or a value",
                              where=f"{where}: {field}")  # fmt: skip
    definitions = defined(file, where)
    for instrument in [file.instrument] if file.instrument else [*file.symbols.values()]:
        if instrument not in definitions:
            own = [d.instrument for d in KNOWN.values()]
            raise ConfigError(
                "an instrument of the map has no definition", kind="map_instrument", got=instrument,
                allowed=", ".join(get_close_matches(instrument, own, 3, 0.3) or own[:3]), where=where,
                fix="define it in the map: [[definition]]",
            )  # fmt: skip
    return FileMap(where, file, definitions)


def defined(file: MapFile, where: str) -> dict[str, Definition]:
    """Instruments that a map can mean: those that ship, and its own.

    Raises:
        ConfigError: An increment is no decimal above 0.
    """
    return {**KNOWN, **{table.instrument: definition_of(table, where) for table in file.definition}}


def definition_of(table: DefinitionTable, where: str) -> Definition:
    """The definition that a table tells, under the venue ``history``.

    Raises:
        ConfigError: An increment is no decimal above 0.
    """
    market, _, symbol = table.instrument.partition(":")
    try:
        return Definition(
            instrument_id=table.instrument_id, instrument=table.instrument, venue="history",
            market=market, symbol=symbol, base=table.base, quote=table.quote,  # type: ignore[arg-type]
            settlement=table.settlement or (table.base if market == "inverse" else table.quote),
            price_increment=increment(table.price_increment), size_increment=increment(table.size_increment),
            multiplier=increment(table.multiplier), inverse=market == "inverse", calendar=table.calendar,
        )  # fmt: skip
    except (ValueError, ArithmeticError) as error:
        raise ConfigError(
            "an increment is no decimal above 0", kind="map_field", got=str(error), allowed='e.g. "0.00001"',
            where=f"{where}: definition {table.instrument}",
        ) from error  # fmt: skip
