"""DBN files as a feed: ``mbp-1``, ``tbbo`` and ``trades`` records become payloads of the source ``history``.

A record's symbol, as the file's own metadata map it on that day, must be an instrument: one that ships, or one that a
map names under ``[symbols]``. Sizes are in units of that instrument's ``size_increment``. A record that the seller of
the file marked as possibly wrong keeps that mark. ``ts_recv`` is the record's own, as ever.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from feeds.captures import CaptureFault, Line
from feeds.dbn_records import (
    F_MAYBE_BAD_BOOK,
    RTYPE_MBP_1,
    RTYPE_TRADES,
    SCHEMAS,
    TS_UNDEFINED,
    UNDEFINED,
    is_packed,
    library,
)
from feeds.file_feed import HashedFile, OnRename, led
from feeds.file_map import FileMap, unmapped
from feeds.file_rows import unreadable
from feeds.history import SOURCE, Provenance, Row, payload
from feeds.venues import KNOWN
from schemas.columns import PRICE_SCALE
from schemas.definition import Definition
from schemas.errors import ConfigError

CHUNK_BYTES = 1 << 18
_FIELDS = ("publisher_id", "instrument_id", "ts_event", "price", "size", "flags", "depth", "ts_recv", "ts_in_delta",
           "sequence")  # fmt: skip
_LEVEL = ("bid_px", "ask_px", "bid_sz", "ask_sz", "bid_ct", "ask_ct")
_ACTIONS = {"T": "T", "F": "T", "N": "N"}


class DbnFeed:
    """Records of files; iterate to play them (again, if need be). The same surface as ``file_feed.FileFeed``.

    Raises:
        ConfigError: databento-dbn is not installed, a file is no DBN, or of records that no tick can be made of.
    """

    source = SOURCE

    def __init__(
        self, paths: Sequence[Path], mapped: FileMap,
        on_fault: Callable[[CaptureFault], None] = lambda _fault: None,
        on_rename: OnRename = lambda _path, _row, _symbol: None,
    ) -> None:  # fmt: skip
        if not paths:
            raise ConfigError("no file named", kind="no_capture", got="none", allowed="at least one file")
        self._dbn = library()
        self.files = [HashedFile(path) for path in sorted(paths, key=lambda path: (path.name, str(path)))]
        self.faults: list[CaptureFault] = []
        self.bytes_total = sum(file.bytes_total for file in self.files)
        self.bytes_read = 0
        self._mapped, self._on_fault, self._on_rename = mapped, on_fault, on_rename
        self._metadata = [self._look(file.path) for file in self.files]

    @property
    def definitions(self) -> tuple[Definition, ...]:
        """Instruments that the files name and that are defined."""
        names = {symbol for metadata in self._metadata for symbol in metadata.mappings}
        found = (self._definition(name) for name in sorted(names))
        return tuple({d.instrument: d for d in found if d is not None}.values())

    @property
    def own(self) -> tuple[Definition, ...]:
        """Those of them that do not ship."""
        return tuple(d for d in self.definitions if KNOWN.get(d.instrument) != d)

    def __iter__(self) -> Iterator[Line]:
        self.faults, self.bytes_read = [], 0
        for index, file in enumerate(self.files):
            yield from led(self._lines(index), self.own, file)

    def _lines(self, index: int) -> Iterator[Line]:
        file, names = self.files[index], _Names(self._metadata[index])
        counts: dict[str, int] = {}
        unknown: set[str] = set()
        recv = number = 0
        for record in self._records(file.path):
            if isinstance(record, str):
                self.faults.append(CaptureFault(file.path, number, record))
                self._on_fault(self.faults[-1])
            elif not isinstance(record, self._dbn.Metadata):
                number += 1
                symbol = names.of(record)
                definition = self._definition(symbol)
                if definition is None and symbol not in unknown:
                    unknown.add(symbol)
                    self._on_rename(file.path, number, symbol)
                row = _row(record, unmapped(symbol) if definition is None else definition.instrument, definition)
                row.number = counts[row.instrument] = counts.get(row.instrument, 0) + 1
                recv = _time(getattr(record, "ts_recv", TS_UNDEFINED)) or _time(record.ts_event) or recv
                where = Provenance(file.path.name, file.sha256, number)
                yield Line(row.instrument.encode(), recv, payload(row, where, _stood(record)), index, number)

    def times(self) -> Iterator[tuple[int, int, str, int]]:
        """(file, row, instrument, event time in ns) of every row that has them."""
        for index, (file, metadata) in enumerate(zip(self.files, self._metadata, strict=True)):
            names, number = _Names(metadata), 0
            for record in self._records(file.path):
                if isinstance(record, (str, self._dbn.Metadata)):
                    continue
                number += 1
                definition, ns = self._definition(names.of(record)), _time(record.ts_event)
                if definition is not None and ns:
                    yield index, number, definition.instrument, ns

    def _definition(self, symbol: str) -> Definition | None:
        known = self._mapped.definitions
        return known.get(self._mapped.file.symbols.get(symbol, symbol))

    def _records(self, path: Path) -> Iterator[Any]:
        """Metadata and records of a file; a text where it cannot be read further: why."""
        dbn = self._dbn
        decoder = dbn.DBNDecoder(compression=dbn.Compression.ZSTD if is_packed(path) else dbn.Compression.NONE)
        with path.open("rb") as file:
            while chunk := file.read(CHUNK_BYTES):
                self.bytes_read += len(chunk)
                try:
                    found = decoder.write_and_decode(chunk)
                except dbn.DBNError as error:
                    yield f"damaged DBN near byte {file.tell()}: {error}"
                    return
                yield from found
            if decoder.buffer():
                yield f"DBN cut short at byte {file.tell()}"

    def _look(self, path: Path) -> Any:
        try:
            metadata = next(self._records(path), None)
        except OSError as error:
            raise unreadable(path, error.strerror or str(error)) from error
        if not isinstance(metadata, self._dbn.Metadata):
            raise unreadable(path, metadata if isinstance(metadata, str) else "no metadata of DBN")
        schema = None if metadata.schema is None else str(metadata.schema)
        if schema is not None and schema not in SCHEMAS:
            raise ConfigError("no tick can be made of such records", kind="dbn_schema", got=schema,
                              allowed=", ".join(SCHEMAS), where=str(path))  # fmt: skip
        return metadata


class _Names:
    """Which symbol an instrument's number stood for, on which day."""

    def __init__(self, metadata: Any) -> None:
        self._spans: dict[int, list[tuple[int, int, str]]] = {}
        for symbol, intervals in metadata.mappings.items():
            for interval in intervals:
                number = str(interval["symbol"])
                if number.isdigit():
                    span = (_day_ns(interval["start_date"]), _day_ns(interval["end_date"]), symbol)
                    self._spans.setdefault(int(number), []).append(span)

    def of(self, record: Any) -> str:
        """The symbol; the number where the metadata do not say."""
        spans = self._spans.get(record.instrument_id, [])
        at = _time(getattr(record, "ts_recv", TS_UNDEFINED)) or _time(record.ts_event)
        return next((name for begin, end, name in spans if begin <= at < end), str(record.instrument_id))


def _day_ns(day: Any) -> int:
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()) * 1_000_000_000


def _time(ns: int) -> int:
    return 0 if ns in (TS_UNDEFINED, 0) else int(ns)


def _row(record: Any, instrument: str, definition: Definition | None) -> Row:
    """A record as a row; ``fault`` where it is of a type that no tick can be made of."""
    if int(record.rtype) not in (RTYPE_MBP_1, RTYPE_TRADES):
        return Row(instrument=instrument, fault="rtype")
    action = _ACTIONS.get(str(record.action), "M")
    row = Row(instrument=instrument, action=action, time=_time(record.ts_event))  # type: ignore[arg-type]
    side = str(record.side)
    row.side = side if side in ("A", "B") else "N"  # type: ignore[assignment]
    step = PRICE_SCALE if definition is None else definition.size_increment
    row.price, row.size = _price(record.price), _size(record.size, step)
    if int(record.rtype) == RTYPE_MBP_1:
        level = record.levels[0]
        row.bid, row.bid_size = _price(level.bid_px), _size(level.bid_sz, step)
        row.ask, row.ask_size = _price(level.ask_px), _size(level.ask_sz, step)
    row.doubt = bool(int(record.flags) & F_MAYBE_BAD_BOOK)
    return row


def _stood(record: Any) -> dict[str, Any]:
    """A record's own fields, as numbers."""
    found: dict[str, Any] = {name: int(getattr(record, name)) for name in _FIELDS if hasattr(record, name)}
    for name in ("action", "side"):
        if hasattr(record, name):
            found[name] = str(getattr(record, name))
    for level in getattr(record, "levels", [])[:1]:
        found |= {f"{name}_00": int(getattr(level, name)) for name in _LEVEL}
    return found


def _price(price: int) -> str:
    return "" if price == UNDEFINED else _decimal(price)


def _size(size: int, step: int) -> str:
    return _decimal(size * step)


def _decimal(scaled: int) -> str:
    """A number in 1e-9 as text; of a negative one, which is no price, with its sign."""
    whole, part = divmod(abs(scaled), PRICE_SCALE)
    return f"{'-' if scaled < 0 else ''}{whole}.{part:09}"
