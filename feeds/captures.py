"""Captures: recorded websocket frames from files, merged by receive time, each payload exactly as it was received.

A line is ``<receive time, ns> <payload>``, or as cryptofeed records it, ``<s>.<fraction>: <payload>``. Files are merged
by the running maximum of receive time within each, so that a stamp that steps back keeps its line's place; ties go by
market:symbol, then line, then payload, never by the order in which files were named. Two files of one instrument
continue each other.

**Garbage is data too.** A line without a valid stamp is given whole, stamped like the line before it (the file's first
valid stamp if there is none), under its file's instrument; whoever reads the messages refuses it.
"""

from __future__ import annotations

import heapq
import stat
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from feeds.capture_infer import INFER_LINES_MAX, infer
from feeds.capture_lines import LineReader
from feeds.capture_market import is_remark, split_stamp
from feeds.venues import VENUES
from schemas.errors import ConfigError


class Line(NamedTuple):
    """One recorded line.

    Attributes:
        key: market:symbol.
        ts_recv: Receive time, ns UTC.
        payload: What follows the stamp, untouched; the whole line where no valid stamp leads it.
        file: Index of its file among those named.
        line: Its number there, from 1.
    """

    key: bytes
    ts_recv: int
    payload: bytes
    file: int
    line: int


@dataclass(frozen=True, slots=True)
class CaptureFault:
    """A file that could not be read to its end: what was read up to ``line`` has been given."""

    path: Path
    line: int
    reason: str

    def __str__(self) -> str:
        return f"{self.path}: {self.reason}; read up to line {self.line}"


@dataclass(frozen=True, slots=True)
class CaptureFile:
    """What is known of a file before it is played; ``remarks``: it holds lines of the recorder's own, left out."""

    path: Path
    venue: str
    market: str
    symbol: str
    first_stamp: int
    bytes_total: int
    remarks: bool = False

    @property
    def instrument(self) -> str:
        """market:symbol of what names no symbol itself; the symbol is "?" where the file has several."""
        return f"{self.market}:{self.symbol}"


class Captures:
    """An opened set of files; iterate to play them (again, if need be).

    Attributes:
        files: As named.
        faults: Files of the last iteration that could not be read to their end.
        bytes_total: Size of all files as they lie on disk.
    """

    def __init__(self, files: Sequence[CaptureFile], on_fault: Callable[[CaptureFault], None] | None = None) -> None:
        self.files = tuple(files)
        self.faults: list[CaptureFault] = []
        self.bytes_total = sum(f.bytes_total for f in files)
        self._on_fault = on_fault
        self._readers: list[LineReader] = []

    @property
    def bytes_read(self) -> int:
        """Bytes read so far by the current iteration, out of ``bytes_total``."""
        return sum(reader.bytes_read for reader in self._readers)

    def __iter__(self) -> Iterator[Line]:
        self.faults = []
        self._readers = [LineReader(f.path) for f in self.files]
        # Merging takes equal lines by the order of its inputs: that order must not be the order of naming either.
        order = sorted(range(len(self.files)), key=lambda i: (self.files[i].first_stamp, self.files[i].instrument,
                                                              str(self.files[i].path.resolve())))  # fmt: skip

        def place(placed: tuple[int, Line]) -> tuple[int, bytes, int, int, bytes]:
            # Files of one instrument continue each other: at a tie the file that began earlier goes first.
            newest, line = placed
            return newest, line.key, self.files[line.file].first_stamp, line.line, line.payload

        for _, line in heapq.merge(*(self._placed(i) for i in order), key=place):
            yield line

    def _placed(self, index: int) -> Iterator[tuple[int, Line]]:
        """Lines of one file, each with the running maximum of receive times."""
        file, reader = self.files[index], self._readers[index]
        own = file.instrument.encode()
        key_of, market = VENUES[file.venue].key, file.market
        last = newest = file.first_stamp
        for line, cut in reader:
            if file.remarks and is_remark(line):
                continue
            stamped = None if cut else split_stamp(line)
            key, payload = own, line
            if stamped is not None:
                last, payload = stamped
                newest = max(newest, last)
                key = key_of(payload, market) or own
            yield newest, Line(key, last, payload, index, reader.lines_read)
        if reader.fault:
            fault = CaptureFault(file.path, reader.lines_read, reader.fault)
            self.faults.append(fault)
            if self._on_fault is not None:
                self._on_fault(fault)


def open_captures(paths: Sequence[Path | str], on_fault: Callable[[CaptureFault], None] | None = None) -> Captures:
    """Look into each file: that it can be read, and which market and symbol it is of.

    Args:
        paths: Captures, plain text or gzip.
        on_fault: Called while playing, when a file cannot be read to its end.

    Raises:
        ConfigError: No file named, or one is missing, no regular file, unreadable, empty, or holds no message
            of a known venue that names its symbol.
    """
    if not paths:
        raise ConfigError("no capture named", kind="no_capture", got="none", allowed="at least one file")
    return Captures([_look(Path(path)) for path in paths], on_fault)


def venue_name(captures: Captures) -> str:
    """The venue that files are of.

    Raises:
        ConfigError: They are of several: one run has one source.
    """
    names = sorted({file.venue for file in captures.files})
    if len(names) > 1:
        raise ConfigError(
            "captures are of several venues", kind="several_venues", got=", ".join(names), allowed="one venue a run",
            where=", ".join(str(file.path) for file in captures.files),
        )  # fmt: skip
    return names[0]


def _look(path: Path) -> CaptureFile:
    where = str(path)
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            kind = "a directory" if stat.S_ISDIR(status.st_mode) else "no regular file"
            raise ConfigError(
                "a capture cannot be read",
                kind="capture_unreadable",
                got=kind,
                allowed="a file, plain text or gzip",
                where=where,
            )
        if status.st_size == 0:
            raise ConfigError("a capture is empty", kind="capture_empty", where=where)
        found = infer(line for line, _ in LineReader(path))
    except OSError as error:
        raise ConfigError(
            "a capture cannot be read", kind="capture_unreadable", got=error.strerror or str(error), where=where
        ) from error
    if found is None:
        raise ConfigError(
            "a capture holds no message of a known venue that names its symbol",
            kind="not_a_capture",
            got=f"none in its first {INFER_LINES_MAX} lines",
            allowed="lines of '<receive time, ns> <JSON as received>'",
            where=where,
        )
    return CaptureFile(path, found.venue, found.market, found.symbol, found.first_stamp, status.st_size, found.remarks)
