"""Which partition a key belongs to: one rule for publishers in any language, for tasks, and for who answers whom.

CRC-32 of the key (ISO-HDLC: zlib, PNG, java.util.zip.CRC32), modulo the number of partitions. librdkafka calls it
``consistent`` (its default, ``consistent_random``, does the same to keys that are not empty). The Java client's default
is murmur2: a Java publisher names the partition, or gives a partitioner.
"""

from __future__ import annotations

import zlib

PARTITIONS_MAX = 256
"""Most partitions of a live topology's tick topics: each has tasks, and transactional ids, of its own."""


def partition_of(key: bytes, partitions: int) -> int:
    """Partition of a key, ``market:symbol``.

    >>> [partition_of(key, 4) for key in (b"spot:BTCUSDT", b"spot:ETHUSDT", b"inverse:ETHUSD_PERP")]
    [0, 3, 1]
    """
    return zlib.crc32(key) % partitions


def named(name: str, partition: int, partitions: int) -> str:
    """Name of what there is once a partition: a task, a source's part. Where there is one partition, the bare name.

    >>> named("hot", 3, 4), named("hot", 0, 1)
    ('hot@3', 'hot')
    """
    return f"{name}@{partition}" if partitions > 1 else name
