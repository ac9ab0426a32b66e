"""Purchased files as a feed: rows, by their map, become payloads of the source ``history`` with their provenance.

Files are played one after the other, in the order of their names: each is hashed whole before its first row leaves.
``ts_recv`` is the row's own (field ``recv``), else its event time and the map's delay; of a row without a time it is
that of the row before.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from feeds.captures import CaptureFault, Line
from feeds.file_map import SIDES, FileMap, unmapped
from feeds.file_rows import CsvRows, ParquetRows, Rows, unreadable
from feeds.file_time import TimeReader
from feeds.history import NUMBER_CHARS_MAX, SOURCE, Provenance, Row, payload
from feeds.venues import KNOWN
from schemas.definition import Definition
from schemas.errors import ConfigError

FORMATS = ("csv", "parquet")
NS_PER_MS = 1_000_000
UNMAPPED = unmapped("")
"""Instrument of a row that tells none."""
_NUMBERS = ("price", "size", "bid", "bid_size", "ask", "ask_size")

OnRename = Callable[[Path, int, str], None]
"""Told of the first row with a symbol that the map does not know: file, row, symbol."""


class HashedFile:
    """A file as it was bought. Opening it hashes it.

    Attributes:
        path: Where it lies.
        sha256: Of all its bytes, hex.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            with path.open("rb") as file:
                self.sha256 = hashlib.file_digest(file, "sha256").hexdigest()
            self.bytes_total = path.stat().st_size
        except OSError as error:
            raise unreadable(path, error.strerror or str(error)) from error


class FileFeed:
    """Rows of files of one format and map; iterate to play them (again, if need be).

    Args:
        paths: The files.
        kind: Of ``FORMATS``.
        mapped: What their columns mean.
        on_fault: Told of a file that cannot be read to its end.
        on_rename: Told of a symbol that the map does not know.

    Attributes:
        source: Whose payloads these are.
        faults: Files of the last iteration that could not be read to their end.
        bytes_total: Size of all files as they lie on disk.

    Raises:
        ConfigError: A file cannot be read, or has not the columns of the map.
    """

    source = SOURCE

    def __init__(
        self, paths: Sequence[Path], kind: str, mapped: FileMap,
        on_fault: Callable[[CaptureFault], None] = lambda _fault: None,
        on_rename: OnRename = lambda _path, _row, _symbol: None,
    ) -> None:  # fmt: skip
        if not paths:
            raise ConfigError("no file named", kind="no_capture", got="none", allowed="at least one file")
        self.files = [HashedFile(path) for path in sorted(paths, key=lambda path: (path.name, str(path)))]
        self.faults: list[CaptureFault] = []
        self.bytes_total = sum(file.bytes_total for file in self.files)
        self._mapped, self._on_fault, self._on_rename = mapped, on_fault, on_rename
        self._opened = [_Opened(file, kind, mapped) for file in self.files]

    @property
    def definitions(self) -> tuple[Definition, ...]:
        """Instruments that the map can mean."""
        file, known = self._mapped.file, self._mapped.definitions
        names = [file.instrument] if file.instrument else [*file.symbols.values()]
        return tuple(known[name] for name in dict.fromkeys(names))

    @property
    def own(self) -> tuple[Definition, ...]:
        """Those of them that do not ship."""
        return tuple(d for d in self.definitions if KNOWN.get(d.instrument) != d)

    @property
    def bytes_read(self) -> int:
        """Bytes read so far by the current iteration, out of ``bytes_total``."""
        return sum(opened.rows.bytes_read for opened in self._opened)

    def __iter__(self) -> Iterator[Line]:
        self.faults = []
        for index, opened in enumerate(self._opened):
            yield from led(opened.lines(index, self._on_rename), self.own, opened.file)
            if opened.rows.fault:
                fault = CaptureFault(opened.file.path, opened.read, opened.rows.fault)
                self.faults.append(fault)
                self._on_fault(fault)

    def times(self) -> Iterator[tuple[int, int, str, int]]:
        """(file, row, instrument, event time in ns) of every row that has them, without making payloads."""
        for index, opened in enumerate(self._opened):
            opened.begin()
            for row in opened.rows:
                if row.texts is not None and (ns := opened.time_of(row.texts)) is not None:
                    yield index, row.number, opened.instrument_of(row.texts), ns


def led(lines: Iterator[Line], definitions: Sequence[Definition], file: HashedFile) -> Iterator[Line]:
    """Rows of a file behind the definitions of instruments that do not ship: whoever reads them needs no map."""
    for line in lines:
        for definition in definitions:
            row = Row(instrument=definition.instrument, definition=definition)
            told = payload(row, Provenance(file.path.name, file.sha256, 0), "")
            yield Line(definition.instrument.encode(), line.ts_recv, told, line.file, 0)
        yield line
        yield from lines


class _Opened:
    """One file under its map."""

    def __init__(self, file: HashedFile, kind: str, mapped: FileMap) -> None:
        settings, where = mapped.file, mapped.where
        self.file = file
        self.read = 0
        self.rows: Rows = (
            CsvRows(file.path, settings.delimiter, named=mapped.named) if kind == "csv" else ParquetRows(file.path)
        )
        self._mapped = mapped
        self._places = mapped.places(self.rows.columns, str(file.path))
        self._times = TimeReader(settings.time, settings.timezone, settings.date, file.path.name, where)
        self._delay_ns = round(settings.delay_ms * NS_PER_MS)
        self._symbols: dict[str, str] = dict(settings.symbols)
        self._numbers = [name for name in _NUMBERS if name in self._places or name in settings.values]

    def lines(self, index: int, on_rename: OnRename) -> Iterator[Line]:
        """Payloads of all rows."""
        counts: dict[str, int] = {}
        recv = 0
        self.begin()
        action = "T" if self._mapped.file.event == "trade" else "M"
        for row in self.rows:
            self.read = row.number
            told = self._told(row.texts, action)
            if told.instrument == UNMAPPED and row.texts is not None:
                told.instrument = self._unmapped(row.texts, row.number, on_rename)
            told.number = counts[told.instrument] = counts.get(told.instrument, 0) + 1
            recv = self._recv(row.texts, told) or recv
            where = Provenance(self.file.path.name, self.file.sha256, row.number)
            yield Line(told.instrument.encode(), recv, payload(told, where, row.stood), index, row.number)

    def begin(self) -> None:
        """Its rows are read from the first."""
        self._times.begin()

    def time_of(self, texts: Sequence[str]) -> int | None:
        """Event time of a row."""
        return self._times.ns(self._text("time", texts))

    def instrument_of(self, texts: Sequence[str]) -> str:
        """What a row is of; ``UNMAPPED`` where the map does not know."""
        return self._mapped.file.instrument or self._symbols.get(self._text("symbol", texts), UNMAPPED)

    def _told(self, texts: Sequence[str] | None, action: Any) -> Row:
        if texts is None:
            instrument = self._mapped.file.instrument or UNMAPPED
            return Row(instrument=instrument, action=action, fault="columns")
        row = Row(instrument=self.instrument_of(texts), action=action)
        for name in self._numbers:
            setattr(row, name, self._text(name, texts)[:NUMBER_CHARS_MAX])
        if (ns := self.time_of(texts)) is not None:
            row.time = ns
        side = SIDES.get(self._text("side", texts).lower()) if self._has("side") else "N"
        if side is None:
            row.fault = "side"
        else:
            row.side = side  # type: ignore[assignment]
        return row

    def _recv(self, texts: Sequence[str] | None, told: Row) -> int:
        if texts is not None and self._has("recv"):
            return self._times.ns(self._text("recv", texts)) or 0
        return told.time + self._delay_ns if isinstance(told.time, int) else 0

    def _unmapped(self, texts: Sequence[str], number: int, on_rename: OnRename) -> str:
        """A name of its own for a symbol that the map does not know, so that its rows wait under it."""
        symbol = self._text("symbol", texts)
        on_rename(self.file.path, number, symbol)
        self._symbols[symbol] = unmapped(symbol)
        return self._symbols[symbol]

    def _has(self, field: str) -> bool:
        return field in self._places or field in self._mapped.file.values

    def _text(self, field: str, texts: Sequence[str]) -> str:
        place = self._places.get(field)
        return self._mapped.file.values.get(field, "") if place is None else texts[place].strip()
