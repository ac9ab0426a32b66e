"""Logs worth archiving, and archives of them: what tests of the archive share."""

from __future__ import annotations

from pathlib import Path

from replay.archive.archiver import Archiver, Pass
from schemas.catalog import RAW
from schemas.header import Header, pack
from streams.failpoints import Failpoint, nothing
from streams.log import Log, Record, TopicSpec
from streams.memory import MemoryLog

PLACE = ("orders", 0)

Triple = tuple[bytes | None, bytes, bytes | None]
"""Key, value, header."""


def log_of(*batches: list[Triple], topic: str = "orders") -> MemoryLog:
    """A log of one topic, a transaction a batch: each leaves a marker; every other batch is followed by an abort."""
    log = MemoryLog()
    log.create([TopicSpec(topic)])
    extend(log, *batches, topic=topic)
    return log


def extend(log: MemoryLog, *batches: list[Triple], topic: str = "orders") -> None:
    """More of them."""
    for n, batch in enumerate(batches):
        writer = log.writer("w")
        writer.begin()
        for key, value, header in batch:
            writer.append(topic, 0, key, value, header)  # type: ignore[arg-type]  # a stock producer has none
        writer.commit()
        if n % 2:
            aborted = log.writer("w")
            aborted.begin()
            aborted.append(topic, 0, b"aborted", b"never", b"")
            log.writer("w")


def archived(log: Log, folder: Path, until_ns: int | None = None, failpoint: Failpoint = nothing) -> Pass:
    """One pass."""
    archiver = Archiver(log, folder, failpoint=failpoint)
    try:
        return archiver.write(until_ns)
    finally:
        archiver.close()


def committed(log: Log, topic: str = "orders", start: int = 0) -> list[Record]:
    """What a committed reader sees."""
    return list(log.scan(topic, 0, start, committed=True))


BATCHES: list[list[Triple]] = [[(b"k", b"%d" % n, b"h"), (None, b"", None)] for n in range(4)]


def tape() -> MemoryLog:
    """Two topics, several segments each."""
    log = log_of(*BATCHES)
    log.create([TopicSpec("executions")])
    extend(log, *BATCHES[:2], topic="executions")
    return log


def payloads(*times: int, seqs: tuple[int, ...] = ()) -> MemoryLog:
    """A log of payloads received at those times, ns."""
    log = MemoryLog()
    log.create([TopicSpec("raw.binance")])
    for seq, time in zip(seqs or range(len(times)), times, strict=True):
        header = Header(schema=RAW.number, version=1, seq=seq, time=time, writer="binance")
        log.appender().append("raw.binance", 0, b"k", b"{}", pack(header))
    return log
