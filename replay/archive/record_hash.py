"""One hash over records, whatever file they lie in: offset, timestamp, key, value and header of each, lengths first."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from hashlib import sha256

from streams.log import Record

_LENGTHS = struct.Struct("<qqqqq")
NONE = -1
"""The length that stands for no key, or no header: an empty one has 0."""


def hash_records(
    offsets: Sequence[int], timestamps: Sequence[int], keys: Sequence[bytes | None], values: Sequence[bytes],
    headers: Sequence[bytes | None],
) -> str:  # fmt: skip
    """SHA-256 over records; timestamps in ms.

    >>> hash_records([0], [0], [None], [b""], [None]) == hash_records([0], [0], [b""], [b""], [None])
    False
    """
    hashed = sha256()
    for offset, timestamp, key, value, header in zip(offsets, timestamps, keys, values, headers, strict=True):
        hashed.update(
            b"".join((
                _LENGTHS.pack(offset, timestamp, NONE if key is None else len(key), len(value),
                              NONE if header is None else len(header)),
                key or b"", value, header or b"",
            ))
        )  # fmt: skip
    return hashed.hexdigest()


def hash_record(record: Record) -> str:
    """The same of one record: by that of its newest a log is known again."""
    return hash_records([record.offset], [record.timestamp_ms], [record.key], [record.value], [record.header])
