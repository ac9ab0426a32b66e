"""What the archive refuses: to be written, to be read, to be taken for another log's."""

from __future__ import annotations

import builtins
import errno
import os
from pathlib import Path
from typing import Any

from replay.archive.archiver import Archiver
from replay.archive.day_cuts import DAY_NS
from replay.archive.verify import verify
from replay.joined_log import JoinedLog
from schemas.catalog import ORDER
from schemas.header import Header, pack
from streams.log import TopicSpec
from streams.memory import MemoryLog
from tests.kinds.registry import Desk, trigger

ORDERS = ("orders", 0)


def filled(count: int = 4) -> MemoryLog:
    log = MemoryLog()
    log.create([TopicSpec("orders")])
    for n in range(count):
        log.appender().append(*ORDERS, b"k", b"%d" % n, None)
    return log


def archive(log: MemoryLog, folder: Path) -> None:
    archiver = Archiver(log, folder)
    try:
        archiver.write()
    finally:
        archiver.close()


@trigger("config.no_archive")
def verifying_an_empty_folder(desk: Desk) -> Any:
    return verify(desk.folder)


@trigger("config.no_pyarrow")
def archiving_without_the_extra(desk: Desk) -> Any:
    found = builtins.__import__

    def without(name: str, *arguments: Any, **named: Any) -> Any:
        if name.startswith("pyarrow"):
            raise ImportError("No module named 'pyarrow'")
        return found(name, *arguments, **named)

    desk.patch.setattr(builtins, "__import__", without)
    return archive(filled(), desk.folder)


@trigger("archive.corrupt")
def a_byte_that_was_flipped(desk: Desk) -> Any:
    archive(filled(), desk.folder)
    segment = next(desk.folder.glob("orders/0/*.parquet"))
    data = bytearray(segment.read_bytes())
    data[len(data) // 2] ^= 1
    segment.write_bytes(data)
    return list(JoinedLog(None, desk.folder).scan(*ORDERS, 0, committed=True))


@trigger("archive.hole")
def retention_that_was_faster_than_the_archive(desk: Desk) -> Any:
    log = filled(4)
    archive(log, desk.folder)
    log.appender().append(*ORDERS, b"k", b"4", None)
    log.truncate(*ORDERS, 5)
    return list(JoinedLog(log, desk.folder).scan(*ORDERS, 0, committed=True))


@trigger("archive.other_log")
def a_topic_that_was_made_anew(desk: Desk) -> Any:
    archive(filled(4), desk.folder)
    return archive(filled(2), desk.folder)


@trigger("archive.clock_leaps")
def a_stamp_of_next_year(desk: Desk) -> Any:
    log = filled(0)
    for seq, time in enumerate((1, 400 * DAY_NS, 2)):
        header = Header(schema=ORDER.number, version=1, seq=seq, time=time, writer="risk")
        log.appender().append(*ORDERS, b"k", b"", pack(header))
    archiver = Archiver(log, desk.folder)
    try:
        return archiver.write(DAY_NS)
    finally:
        archiver.close()


@trigger("archive.disk_full")
def a_disk_without_room(desk: Desk) -> Any:
    def full(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    desk.patch.setattr(os, "fsync", full)
    return archive(filled(), desk.folder)


@trigger("archive.unwritable")
def a_folder_that_is_a_file(desk: Desk) -> Any:
    return archive(filled(), desk.file("", "archive") / "tape")


@trigger("archive.busy")
def a_second_writer(desk: Desk) -> Any:
    first = Archiver(filled(), desk.folder)
    try:
        return Archiver(filled(), desk.folder)
    finally:
        first.close()
