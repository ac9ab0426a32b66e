"""The files that are written: batch by batch beside their place, and put there by a rename once they are whole."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from replay.archive.parquet import modules
from replay.export.blocks import Documents, Rows
from replay.export.dbn import encode, metadata
from replay.export.document_columns import DocumentColumns
from replay.export.row_columns import RowColumns
from schemas.catalog import TICK_SCHEMA, Schema
from schemas.definition import Definition
from schemas.errors import ConfigError
from streams.whole_file import written_beside

FORMATS = (".parquet", ".csv", ".dbn", ".dbn.zst")
SOUGHT = ("ts_recv", "ts_log", "ts")
"""Columns by whose least and greatest value a reader leaves row groups out."""
WIDE_BITS = 64


class Out(Protocol):
    """A file being written."""

    def write(self, block: Rows | Documents) -> None:
        """Append a block."""
        ...

    def close(self) -> None:
        """Write what is due at the end."""
        ...


def format_of(path: Path, schema: Schema) -> str:
    """The format that a file's name ends in.

    Raises:
        ConfigError: None of ``FORMATS``, or one that cannot carry the topic.
    """
    found = next((ending for ending in sorted(FORMATS, key=len, reverse=True) if path.name.endswith(ending)), "")
    if not found or path.name == found:
        raise ConfigError("not a format to export to", kind="export_format", got=path.name, allowed=", ".join(FORMATS),
                          where="--out")  # fmt: skip
    if found.startswith(".dbn") and schema is not TICK_SCHEMA:
        raise ConfigError("DBN carries ticks alone", kind="export_dbn", got=schema.name, allowed=".parquet, .csv",
                          where="--out")  # fmt: skip
    return found


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """A place to write to; what stands there at the end without an error becomes the file, in one step.

    Raises:
        ConfigError: It cannot be written.
    """
    try:
        with written_beside(path) as new:
            yield new
            with new.open("rb") as file:
                os.fsync(file.fileno())
    except OSError as error:
        missing = "" if path.parent.is_dir() else f"there is no folder {path.parent}"
        raise ConfigError("a file cannot be written", kind="export_unwritable",
                          got=missing or error.strerror or str(error),
                          where=str(path), fix="make room, or name another place") from error  # fmt: skip


def open_out(
    path: Path, ending: str, schema: Schema, definitions: Mapping[int, Definition], names: list[str],
    told: Mapping[str, str],
) -> Out:  # fmt: skip
    """A file of a format; ``told`` is written into a Parquet's own metadata."""
    if ending.startswith(".dbn"):
        return _Dbn(path, definitions, packed=ending.endswith(".zst"))
    columns = (
        RowColumns(definitions, names, texts=ending == ".csv") if schema.kind == "rows" else DocumentColumns(schema)
    )
    return _Table(path, columns, ending, told)


class _Beside:
    """One thread that encodes and packs while the next block is read; no more than one block waits for it."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1)
        self._under_way: Future[None] | None = None

    def do(self, work: Callable[[], None]) -> None:
        """Do it once what is under way is done; raises what that raised."""
        if self._under_way is not None:
            self._under_way.result()
        self._under_way = self._thread.submit(work)

    def close(self) -> None:
        """Wait for the last of it; raises what it raised."""
        try:
            if self._under_way is not None:
                self._under_way.result()
        finally:
            self._thread.shutdown()


class _Table:
    """Parquet or CSV: the first block says what the columns are."""

    def __init__(self, path: Path, columns: RowColumns | DocumentColumns, ending: str, told: Mapping[str, str]) -> None:
        self._path, self._columns, self._told = path, columns, dict(told)
        self._csv = ending == ".csv"
        self._writer: Any = None
        self._beside = _Beside()

    def write(self, block: Rows | Documents) -> None:
        """Append a block."""
        batch = self._columns.batch(block)  # type: ignore[arg-type]
        if self._writer is None:
            self._writer = self._opened(batch.schema)
        self._beside.do(lambda: self._writer.write_batch(batch))

    def close(self) -> None:
        """The last block and the footer."""
        try:
            self._beside.close()
        finally:
            if self._writer is not None:
                self._writer.close()

    def _opened(self, schema: Any) -> Any:
        pa, pq = modules()
        if self._csv:
            import pyarrow.csv

            return pyarrow.csv.CSVWriter(self._path, schema)
        whole = [f for f in schema if pa.types.is_integer(f.type) or pa.types.is_timestamp(f.type)]
        wide = [field.name for field in whole if field.type.bit_width == WIDE_BITS]
        # Differences of wide numbers, words for the rest: twice as fast as plain columns, a quarter of their bytes.
        return pq.ParquetWriter(
            self._path, schema.with_metadata(self._told), compression="snappy",
            use_dictionary=[field.name for field in schema if field.name not in wide and field.type != pa.float64()],
            column_encoding=dict.fromkeys(wide, "DELTA_BINARY_PACKED") or None,
            write_statistics=[name for name in schema.names if name in SOUGHT],
        )  # fmt: skip


class _Dbn:
    """DBN, packed by zstd or not."""

    def __init__(self, path: Path, definitions: Mapping[int, Definition], *, packed: bool) -> None:
        pa, _ = modules()
        self._file = pa.CompressedOutputStream(str(path), "zstd") if packed else pa.OSFile(str(path), "wb")
        self._definitions = definitions
        self._led = False
        self._beside = _Beside()

    def write(self, block: Rows | Documents) -> None:
        """Append a block of ticks."""
        assert isinstance(block, Rows)
        if not self._led:
            self._file.write(metadata(self._definitions, int(block.rows["ts_recv"][0])))
            self._led = True
        records = encode(block)
        self._beside.do(lambda: self._file.write(records.view("u1")))

    def close(self) -> None:
        """Whatever is still held goes to the file."""
        try:
            self._beside.close()
        finally:
            self._file.close()
