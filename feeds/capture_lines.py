"""Lines of a file, plain, gzip, xz or zip (told by its first bytes), in constant memory, as far as it can be read.

Of a zip the first file is read. A packed file that is cut short or damaged is read up to that place, and says so in
``fault``.
"""

from __future__ import annotations

import lzma
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

CHUNK_BYTES = 64 * 1024
"""Bytes read from the file at once."""

BLOCK_BYTES_MAX = 256 * 1024
"""Bytes unpacked at once: a gzip may hold a thousand times its size."""

LINE_BYTES_MAX = 512 * 1024
"""Longest line taken whole; what is longer is cut there. In base64, as a dead letter, it still fits a Kafka record."""

GZIP_MAGIC = b"\x1f\x8b"
XZ_MAGIC = b"\xfd7zXZ\x00"
ZIP_MAGIC = b"PK\x03\x04"
_GZIP_WINDOW = 31
"""zlib's code for: 32 KB window, gzip header and checksum."""


class LineReader:
    """Reads one file once.

    Attributes:
        bytes_read: Bytes of the file read so far, packed as they are.
        lines_read: Lines given so far.
        fault: Why the file could not be read to its end; empty while it could.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.bytes_read = 0
        self.lines_read = 0
        self.fault = ""

    def __iter__(self) -> Iterator[tuple[bytes, bool]]:
        """(line without its end, whether it was cut at LINE_BYTES_MAX), in order.

        Raises:
            OSError: The file cannot be opened.
        """
        with self._path.open("rb") as file:
            for line, cut in _split(self._blocks(file)):
                self.lines_read += 1
                yield line, cut

    def _blocks(self, file: BinaryIO) -> Iterator[bytes]:
        magic = file.read(len(XZ_MAGIC))
        file.seek(0)
        if magic == XZ_MAGIC or magic.startswith(ZIP_MAGIC):
            yield from self._through(file, magic)
            return
        chunk = self._read(file)
        if not chunk.startswith(GZIP_MAGIC):
            while chunk:
                yield chunk
                chunk = self._read(file)
            return
        unpacker: Any = zlib.decompressobj(_GZIP_WINDOW)
        while chunk:
            before = unpacker.copy()
            try:
                block = unpacker.decompress(chunk, BLOCK_BYTES_MAX)
            except zlib.error as error:
                self.fault = f"damaged gzip near byte {self.bytes_read}: {error}"
                yield from _salvage(before, chunk)
                return
            if block:
                yield block
            if unpacker.eof:
                # Another member may follow; zeros between and after members are padding.
                chunk = self._unpadded(file, unpacker.unused_data)
                if not chunk:
                    return
                unpacker = zlib.decompressobj(_GZIP_WINDOW)
            else:
                chunk = unpacker.unconsumed_tail or self._read(file)
        yield unpacker.flush()
        self.fault = self.fault or f"gzip cut short at byte {self.bytes_read}"

    def _through(self, file: BinaryIO, magic: bytes) -> Iterator[bytes]:
        """An xz, or the first file of a zip, by the library's own reader."""
        try:
            with lzma.LZMAFile(file) if magic == XZ_MAGIC else _first_in(file) as unpacked:
                while block := unpacked.read(BLOCK_BYTES_MAX):
                    self.bytes_read = file.tell()
                    yield block
        except (lzma.LZMAError, zipfile.BadZipFile, zlib.error, EOFError, IndexError, RuntimeError, OSError) as error:
            what = "xz" if magic == XZ_MAGIC else "zip"
            self.fault = f"damaged {what} near byte {file.tell()}: {str(error) or type(error).__name__}"

    def _unpadded(self, file: BinaryIO, chunk: bytes) -> bytes:
        """From the next byte that is not zero; empty when there is none."""
        while not (rest := chunk.lstrip(b"\0")):
            chunk = self._read(file)
            if not chunk:
                return b""
        return rest

    def _read(self, file: BinaryIO) -> bytes:
        try:
            chunk = file.read(CHUNK_BYTES)
        except OSError as error:
            self.fault = f"cannot be read beyond byte {self.bytes_read}: {error.strerror}"
            return b""
        self.bytes_read += len(chunk)
        return chunk


def _first_in(file: BinaryIO) -> Any:
    archive = zipfile.ZipFile(file)
    return archive.open(archive.infolist()[0])


def _salvage(unpacker: Any, chunk: bytes) -> Iterator[bytes]:
    """What a damaged chunk still gives: byte by byte, because a failing call keeps back all that it had unpacked."""
    for i in range(len(chunk)):
        try:
            block = unpacker.decompress(chunk[i : i + 1])
        except zlib.error:
            return
        if block:
            yield block


def _split(blocks: Iterator[bytes]) -> Iterator[tuple[bytes, bool]]:
    rest = b""
    skipping = False
    for block in blocks:
        parts = block.split(b"\n")
        if skipping:
            if len(parts) == 1:
                continue
            yield rest, True
            skipping = False
            parts = parts[1:]
        else:
            parts[0] = rest + parts[0]
        rest = parts.pop()
        for line in parts:
            yield (line, False) if len(line) <= LINE_BYTES_MAX else (line[:LINE_BYTES_MAX], True)
        if len(rest) > LINE_BYTES_MAX:
            rest = rest[:LINE_BYTES_MAX]
            skipping = True
    if rest:
        yield rest, skipping
