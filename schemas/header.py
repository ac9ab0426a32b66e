"""The packed header that travels with every record, as the Kafka header ``td``.

Layout, little-endian (``PREFIX``, 40 bytes, then four variable parts)::

    u8  magic 0x54        u8  header version    u8 schema number   u8 schema version
    u32 count             rows in the frame; 1 for a document or payload
    u64 seq               of the first row or document; gapless per writer and output partition (raw: source_seq)
    i64 time              log time of the first row or document (raw: ts_recv), ns
    u64 cause             ordinal of the input, in the writing task's own input, that caused the last row, less
                          count - 1: that of the first where each input gave one row
                          (raw: the publisher's session, the wall time in ns at which it was opened; 0: none told)
    u16 sides  u8 hops  u8 writer length  u32 varying (bit per stamp column)
    writer                ASCII
    hops                  u8 each: index into HOPS, in the order they were passed
    sides                 (u8 input, u16 partition, u32 crc32 of writer, u64 seq, u64 place) each: side records that
                          were applied since the writer's last record in that partition or its last commit, and the
                          input ordinal each was applied before
    stamps                int64 columns: born (scheduled publication), then (in, out) per hop, wall ns;
                          a varying column holds ``count`` values, any other holds one

Stamps are measurements: they are never part of what a record means, and never enter an agent.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from schemas.errors import BadFrame

HEADER_KEY = "td"
"""Name of the Kafka record header that holds the packed header."""

HOPS = ("normalise", "feature", "score", "strategy", "risk", "venue", "gateway")
HOP_NUMBER = {name: i for i, name in enumerate(HOPS)}

MAGIC = 0x54
HEADER_VERSION = 1
PREFIX = struct.Struct("<BBBBIQqQHBBI")
PREFIX_ROW = np.dtype([
    ("magic", "u1"), ("header_version", "u1"), ("schema", "u1"), ("version", "u1"), ("count", "<u4"), ("seq", "<u8"),
    ("time", "<i8"), ("cause", "<u8"), ("sides", "<u2"), ("hops", "u1"), ("writer_bytes", "u1"), ("varying", "<u4"),
])  # fmt: skip
"""The prefix as a row, for whoever looks at many headers at once."""
assert PREFIX_ROW.itemsize == PREFIX.size
SIDE = struct.Struct("<BHIQQ")
HOPS_MAX = 15
SIDES_MAX = 65_535
WRITER_BYTES_MAX = 255

Stamps = npt.NDArray[np.int64]


class Side(msgspec.Struct, frozen=True, order=True):
    """Where a side record took effect: before the input with ordinal ``place``."""

    place: int
    input: int
    partition: int
    writer_crc: int
    seq: int


class Header(msgspec.Struct, kw_only=True):
    """A decoded header. ``stamps`` has shape (1 or count, 1 + 2 * len(hops)), int64 wall ns.

    To be packed, the last columns may stand in ``passed`` instead, where every row has the same.
    """

    schema: int
    version: int
    seq: int
    time: int
    writer: str
    count: int = 1
    cause: int = 0
    sides: tuple[Side, ...] = ()
    hops: tuple[int, ...] = ()
    stamps: Any = None
    passed: tuple[int, ...] = ()


def no_stamps(columns: int = 1) -> Stamps:
    """Stamps of a record that nothing was measured for."""
    return np.zeros((1, columns), dtype=np.int64)


def pack(header: Header) -> bytes:
    """Bytes of a header.

    Raises:
        ValueError: A bound of the format is exceeded (a bug in the writer).
    """
    writer = header.writer.encode("ascii")
    stamps = no_stamps(1 + 2 * len(header.hops)) if header.stamps is None else header.stamps
    if len(writer) > WRITER_BYTES_MAX or len(header.hops) > HOPS_MAX or len(header.sides) > SIDES_MAX:
        raise ValueError(f"header over its bounds: {len(writer)} writer bytes, {len(header.hops)} hops, "
                         f"{len(header.sides)} sides")  # fmt: skip
    varying, columns = _pack_stamps(stamps, header.count)
    if header.passed:
        columns += struct.pack(f"<{len(header.passed)}q", *header.passed)
    prefix = PREFIX.pack(
        MAGIC, HEADER_VERSION, header.schema, header.version, header.count, header.seq, header.time, header.cause,
        len(header.sides), len(header.hops), len(writer), varying,
    )  # fmt: skip
    sides = b"".join(SIDE.pack(s.input, s.partition, s.writer_crc, s.seq, s.place) for s in header.sides)
    return b"".join((prefix, writer, bytes(header.hops), sides, columns))


def payload_packer(schema: int, version: int, writer: str, session: int) -> Callable[[int, int, int], bytes]:
    """Packs headers of one publisher's payloads, given (seq, time, born), as ``pack`` would: at a tenth of the cost."""
    name = writer.encode("ascii")
    head = struct.pack("<BBBBI", MAGIC, HEADER_VERSION, schema, version, 1)
    tail = struct.pack("<QHBBI", session, 0, 0, len(name), 0) + name
    packed = struct.Struct(f"<{len(head)}sQq{len(tail)}sq").pack
    return lambda seq, time, born: packed(head, seq, time, tail, born)


def unpack(data: bytes) -> Header:
    """Header from bytes.

    Raises:
        BadFrame: Too short, another magic or version, or parts that do not add up.
    """
    if len(data) < PREFIX.size:
        raise BadFrame(
            "truncated header", kind="header_truncated", got=f"{len(data)} bytes", allowed=f"at least {PREFIX.size}"
        )
    (magic, header_version, schema, version, count, seq, time, cause, n_sides, n_hops, n_writer, varying) = (
        PREFIX.unpack_from(data)
    )
    if magic != MAGIC or header_version != HEADER_VERSION:
        raise BadFrame(
            "no header of this build",
            kind="header_unknown",
            got=f"magic 0x{magic:02x} version {header_version}",
            allowed=f"magic 0x{MAGIC:02x} version {HEADER_VERSION}",
        )
    n_columns = 1 + 2 * n_hops
    n_varying = varying.bit_count()
    sides_at = PREFIX.size + n_writer + n_hops
    stamps_at = sides_at + n_sides * SIDE.size
    size = stamps_at + 8 * (n_columns - n_varying) + 8 * n_varying * count
    if len(data) != size or varying >> n_columns or count == 0:
        raise BadFrame(
            "header parts do not add up",
            kind="header_torn",
            got=f"{len(data)} bytes",
            allowed=f"{size} bytes for {count} rows",
        )
    try:
        writer = data[PREFIX.size : PREFIX.size + n_writer].decode("ascii")
    except UnicodeDecodeError as error:
        raise BadFrame(
            "writer is not ASCII", kind="header_writer", got=repr(data[PREFIX.size : PREFIX.size + n_writer])
        ) from error
    sides = tuple(
        Side(place=place, input=number, partition=partition, writer_crc=crc, seq=side_seq)
        for number, partition, crc, side_seq, place in SIDE.iter_unpack(data[sides_at:stamps_at])
    )
    return Header(
        schema=schema, version=version, seq=seq, time=time, writer=writer, count=count, cause=cause, sides=sides,
        hops=tuple(data[PREFIX.size + n_writer : sides_at]),
        stamps=_unpack_stamps(data, stamps_at, n_columns, varying, count),
    )  # fmt: skip


def _pack_stamps(stamps: Stamps, count: int) -> tuple[int, bytes]:
    rows, columns = stamps.shape
    if rows == 1:
        return 0, stamps.tobytes()
    if rows != count:
        raise ValueError(f"{rows} rows of stamps for {count} rows")
    varying = 0
    parts = []
    for i in range(columns):
        column = stamps[:, i].tobytes()
        if column == column[:8] * rows:
            column = column[:8]
        else:
            varying |= 1 << i
        parts.append(column)
    return varying, b"".join(parts)


def _unpack_stamps(data: bytes, at: int, columns: int, varying: int, count: int) -> Stamps:
    if not varying:
        return np.frombuffer(data, dtype="<i8", offset=at).reshape(1, columns)
    stamps = np.empty((count, columns), dtype=np.int64)
    for i in range(columns):
        n = count if varying >> i & 1 else 1
        stamps[:, i] = np.frombuffer(data, dtype="<i8", count=n, offset=at)
        at += 8 * n
    return stamps
