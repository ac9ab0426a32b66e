"""Records of one topic that a day, pin or run has of it, from archive and Kafka as one."""

from __future__ import annotations

from collections.abc import Iterator

from replay.pins.selection import RAW
from replay.pins.verifying import verify
from replay.replay_what import Asked
from replay.tape_time import between
from schemas.errors import ConfigError
from streams.log import Log, Record


def records_of(log: Log, asked: Asked, topic: str) -> Iterator[Record]:
    """Committed records of a topic, partition by partition.

    A pin is held to the log first. Without a stretch of time everything is given.

    Args:
        log: Joined with the archive.
        asked: Day, pin or run.
        topic: Full name.

    Raises:
        StateDiverged: The log does not hold what was pinned.
        ConfigError: The pin has no such topic, or the beginning of a day is no longer there.
        BrokerError, ArchiveError, SnapshotError: It cannot be read.
    """
    name = topic.removeprefix(asked.namespace)
    if asked.pin is not None:
        return _pinned(log, asked, topic, name)
    if asked.since_ns is None and asked.until_ns is None:
        return _whole(log, topic)
    return _between(log, asked, topic, raw=name.startswith(RAW))


def _whole(log: Log, topic: str) -> Iterator[Record]:
    for partition in range(log.partitions(topic)):
        low, high = log.bounds(topic, partition)
        if high > low:
            yield from log.scan(topic, partition, low, committed=True)


def _between(log: Log, asked: Asked, topic: str, *, raw: bool) -> Iterator[Record]:
    since, until = asked.since_ns or 0, 2**63 - 1 if asked.until_ns is None else asked.until_ns
    for partition in range(log.partitions(topic)):
        for entry in between(log, topic, partition, since, until, raw=raw):
            yield entry.record


def _pinned(log: Log, asked: Asked, topic: str, name: str) -> Iterator[Record]:
    assert asked.pin is not None
    measured = verify(log, asked.pin).check()
    ranges = sorted((partition, *at) for (pinned, partition), at in measured.offsets.items() if pinned == name)
    if not ranges:
        raise ConfigError(
            "the pin has nothing of that topic", kind="no_topic", got=name, where=f"pin {asked.pin.id[:12]}",
            allowed=", ".join(sorted({pinned for pinned, _ in measured.offsets})),
        )  # fmt: skip
    for partition, begin, end in ranges:
        for record in log.scan(topic, partition, begin, committed=True):
            if record.offset >= end:
                break
            yield record
