"""Records of one partition by column, between the log and a segment."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from replay.archive.record_hash import hash_records
from replay.header_peek import peek
from streams.log import Record, Records

NS_A_MS = 1_000_000


def log_time(record: Record) -> int:
    """Log time of a record, ns: its header's, or Kafka's timestamp where that tells none."""
    head = peek(record.header)
    return head.time if head is not None and head.time > 0 else record.timestamp_ms * NS_A_MS


@dataclass(slots=True)
class Columns:
    """What a segment holds; all lists have one length.

    Attributes:
        bytes: Of keys, values and headers.
        first_ns: Lowest log time, ns; ``last_ns`` the highest.
    """

    offsets: list[int] = field(default_factory=list)
    timestamps: list[int] = field(default_factory=list)
    keys: list[bytes | None] = field(default_factory=list)
    values: list[bytes] = field(default_factory=list)
    headers: list[bytes | None] = field(default_factory=list)
    bytes: int = 0
    first_ns: int = 0
    last_ns: int = 0

    def __len__(self) -> int:
        return len(self.offsets)

    def add(self, record: Record, time: int) -> None:
        """Append a record whose log time is ``time``, ns."""
        self.first_ns = min(self.first_ns, time) if self.offsets else time
        self.last_ns = max(self.last_ns, time) if self.offsets else time
        self.offsets.append(record.offset)
        self.timestamps.append(record.timestamp_ms)
        self.keys.append(record.key)
        self.values.append(record.value)
        self.headers.append(record.header)
        self.bytes += len(record.value) + len(record.header or b"") + len(record.key or b"")

    def measure(self) -> int:
        """Bytes of keys, values and headers, counted anew: what came out of a file has not been."""
        return sum(len(part or b"") for column in (self.keys, self.values, self.headers) for part in column)

    def records_sha256(self) -> str:
        """Hash over all of them."""
        return hash_records(self.offsets, self.timestamps, self.keys, self.values, self.headers)

    def last_sha256(self) -> str:
        """Hash of the last one."""
        return hash_records(
            self.offsets[-1:], self.timestamps[-1:], self.keys[-1:], self.values[-1:], self.headers[-1:]
        )

    def part(self, topic: str, partition: int, begin: int, end: int) -> Records:
        """Records ``begin`` to below ``end`` of these, as a reader gives them."""

        def make(i: int) -> Record:
            j = begin + i if i >= 0 else end + i
            if not begin <= j < end:
                raise IndexError(i)  # by it an iteration knows its end
            return Record(
                topic, partition, self.offsets[j], self.keys[j], self.values[j], self.headers[j], self.timestamps[j]
            )

        offsets = np.array(self.offsets[begin:end], dtype=np.int64)
        return Records(self.values[begin:end], self.headers[begin:end], offsets, make)
