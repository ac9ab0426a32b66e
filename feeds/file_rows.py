"""Rows of a purchased file, whatever its format: what stands there, and the text of each column."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from feeds.capture_lines import LineReader
from schemas.errors import ConfigError

QUOTE_MARK = b'"'
BYTE_ORDER_MARK = b"\xef\xbb\xbf"
BATCH_ROWS = 8_192


class FileRow(NamedTuple):
    """A row.

    Attributes:
        number: Line of a text, record of any other file, from 1.
        stood: What stands there: the line's text, or values by column.
        texts: Text of each column; None where a line cannot be split into columns.
    """

    number: int
    stood: Any
    texts: Sequence[str] | None


class Rows(Protocol):
    """A file's rows.

    Attributes:
        columns: Names of its columns.
        bytes_read: Bytes of it read so far.
        fault: Why it could not be read to its end; empty while it could.
    """

    columns: Sequence[str]

    @property
    def bytes_read(self) -> int:
        """As above."""
        ...

    @property
    def fault(self) -> str:
        """As above."""
        ...

    def __iter__(self) -> Iterator[FileRow]: ...


class CsvRows:
    """Rows of a text, plain or packed (``capture_lines.py``). An empty line is none.

    Args:
        path: The file.
        delimiter: Between columns.
        named: Whether the first line names the columns; without it they are numbered.

    Raises:
        ConfigError: It cannot be opened, or is empty.
    """

    def __init__(self, path: Path, delimiter: str, *, named: bool) -> None:
        self._path = path
        self._delimiter = delimiter.encode()
        self._named = named
        self._reader = LineReader(path)
        try:
            first, _ = next(iter(self._reader), (b"", False))
        except OSError as error:
            raise unreadable(path, error.strerror or str(error)) from error
        if not first and self._reader.fault:
            raise unreadable(path, self._reader.fault)
        if not first:
            raise ConfigError("a file has no row", kind="history_empty", where=str(path))
        texts = self._split(first.removeprefix(BYTE_ORDER_MARK).rstrip(b"\r")) or ()
        self.columns: Sequence[str] = [t.strip() for t in texts] if named else [str(n + 1) for n in range(len(texts))]

    @property
    def bytes_read(self) -> int:
        """Bytes read so far, packed as they are."""
        return self._reader.bytes_read

    @property
    def fault(self) -> str:
        """Why it could not be read to its end."""
        return self._reader.fault

    def __iter__(self) -> Iterator[FileRow]:
        self._reader = LineReader(self._path)
        width = len(self.columns)
        for number, (line, cut) in enumerate(self._reader, 1):
            line = line.rstrip(b"\r")
            if not line or (number == 1 and self._named):
                continue
            texts = None if cut else self._split(line)
            whole = texts is not None and len(texts) == width
            yield FileRow(number, line.decode(errors="backslashreplace"), texts if whole else None)

    def _split(self, line: bytes) -> list[str] | None:
        try:
            if QUOTE_MARK in line:
                return next(csv.reader([line.decode()], delimiter=self._delimiter.decode()))
            return [text.decode() for text in line.split(self._delimiter)]
        except (UnicodeDecodeError, csv.Error):
            return None


class ParquetRows:
    """Records of a Parquet file. A float is read by its shortest decimal text, a timestamp as ns.

    Raises:
        ConfigError: pyarrow is not installed, or it is no Parquet file.
    """

    def __init__(self, path: Path) -> None:
        try:
            import pyarrow as pa
            import pyarrow.parquet as pq
        except ImportError as error:
            raise ConfigError("reading Parquet needs pyarrow", kind="no_pyarrow", got=str(error),
                              fix="pip install 'tapedeck[archive]'") from error  # fmt: skip
        try:
            self._file: Any = pq.ParquetFile(path)
        except (OSError, pa.ArrowException) as error:
            raise unreadable(path, str(error)) from error
        self._path = path
        self.columns: Sequence[str] = list(self._file.schema_arrow.names)
        self.bytes_read = 0
        self.fault = ""

    def __iter__(self) -> Iterator[FileRow]:
        import pyarrow as pa

        number = 0
        size, rows = self._path.stat().st_size, max(self._file.metadata.num_rows, 1)
        try:
            for batch in self._file.iter_batches(BATCH_ROWS):
                columns = [_values(column, pa) for column in batch.columns]
                for values in zip(*columns, strict=True):
                    number += 1
                    yield FileRow(number, dict(zip(self.columns, values, strict=True)), [_text(v) for v in values])
                self.bytes_read = size * number // rows
        except (OSError, pa.ArrowException) as error:
            self.fault = f"cannot be read beyond record {number}: {error}"


def unreadable(path: Path, why: str) -> ConfigError:
    """Of a file that cannot be read."""
    return ConfigError("a file cannot be read", kind="history_unreadable", got=why, allowed="a file of this format",
                       where=str(path))  # fmt: skip


def _values(column: Any, pa: Any) -> list[Any]:
    kind = column.type
    if pa.types.is_timestamp(kind):
        return list(column.cast(pa.timestamp("ns", kind.tz)).cast(pa.int64()).to_pylist())
    if pa.types.is_float32(kind) or pa.types.is_float16(kind):
        # The shortest text that is this number and no other of its width: 1.1 is not 1.10000002384185791015625.
        wide = column.to_numpy(zero_copy_only=False)
        return [None if none else float(str(v)) for v, none in zip(wide, column.is_null().to_pylist(), strict=True)]
    if pa.types.is_decimal(kind) or pa.types.is_date(kind) or pa.types.is_time(kind) or pa.types.is_binary(kind):
        return [None if value is None else str(value) for value in column.to_pylist()]
    return list(column.to_pylist())


def _text(value: Any) -> str:
    if isinstance(value, float):
        return format(value, ".9f").rstrip("0").rstrip(".") if "e" in repr(value) else repr(value)
    return "" if value is None else str(value)
