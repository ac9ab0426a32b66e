"""Rows, records and documents as JSON-able objects; floats with their bits, so that the last one shows."""

from __future__ import annotations

import struct
from base64 import b64encode
from typing import Any

from replay.header_peek import peek
from schemas.codec import decode_any
from schemas.errors import BadInput
from streams.log import Record

PAYLOAD_CHARS_MAX = 4_096
"""Longest excerpt of a raw payload that is shown."""
ASCII_COLUMNS = ("action", "side")


def bits(value: float) -> str:
    """Bits of a float64 in hex.

    >>> bits(1.0), bits(1.0000000000000002)
    ('0x3ff0000000000000', '0x3ff0000000000001')
    """
    return f"0x{struct.unpack('<Q', struct.pack('<d', value))[0]:016x}"


def ulps(a: float, b: float) -> int:
    """Steps between two floats, from one to the next float that there is.

    >>> ulps(1.0, 1.0000000000000002), ulps(-0.0, 0.0)
    (1, 0)
    """
    first, second = (struct.unpack("<q", struct.pack("<d", x))[0] for x in (a, b))
    ordered = [n if n >= 0 else -(n & (2**63 - 1)) for n in (first, second)]
    return int(ordered[1] - ordered[0])


def columns_of(row: Any, names: tuple[str, ...] = ()) -> dict[str, Any]:
    """A row's columns by name; a vector's by the names of its view."""
    columns: dict[str, Any] = {}
    for name in row.dtype.names:
        value = row[name].tolist()
        if name == "values":
            known = names if len(names) == len(value) else tuple(f"values[{i}]" for i in range(len(value)))
            columns |= dict(zip(known, value, strict=True))
        else:
            columns[name] = chr(value) if name in ASCII_COLUMNS else value
    return columns


def differing(a: dict[str, Any], b: dict[str, Any]) -> list[dict[str, Any]]:
    """What differs between two objects, by name; of floats the bits, and how many steps they are apart."""
    found: list[dict[str, Any]] = []
    for name in [*a, *(n for n in b if n not in a)]:
        left, right = a.get(name), b.get(name)
        if isinstance(left, float) and isinstance(right, float):
            if bits(left) != bits(right):
                found.append({"name": name, "a": left, "b": right, "a_bits": bits(left), "b_bits": bits(right),
                              "ulps": ulps(left, right)})  # fmt: skip
        elif left != right:
            found.append({"name": name, "a": left, "b": right})
    return found


def place_of(record: Record, row: int | None = None) -> dict[str, Any]:
    """Where a record or row stands."""
    head = peek(record.header)
    place: dict[str, Any] = {"topic": record.topic, "partition": record.partition, "offset": record.offset}
    if head is not None:
        place["seq"] = head.seq + (row or 0)
    return place if row is None else place | {"row": row}


def payload_of(record: Record) -> dict[str, Any]:
    """A raw payload: as text where it is text."""
    try:
        text = {"payload": record.value.decode()[:PAYLOAD_CHARS_MAX]}
    except UnicodeDecodeError:
        text = {"payload_base64": b64encode(record.value).decode()[:PAYLOAD_CHARS_MAX]}
    head = peek(record.header)
    return {**place_of(record), "ts_recv": 0 if head is None else head.time, "bytes": len(record.value), **text}


def document_of(value: bytes) -> dict[str, Any]:
    """A document's fields."""
    import msgspec

    try:
        found: dict[str, Any] = msgspec.to_builtins(decode_any(value))
    except BadInput as error:
        return {"error": error.told}
    return found
