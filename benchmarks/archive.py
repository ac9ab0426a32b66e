"""The archive: ticks in frames of 256 from a memory log to segments on disk, and back through the joined log.

Beside it, what the same ticks take as JSON, a line a tick, as a stock tool would keep them. Reading takes every value
as a frame's rows, as an agent does, and includes the check of each segment's hash. The files lie in the page cache.
"""

from __future__ import annotations

import shutil
import time
from pathlib import Path

import numpy as np
import orjson

from benchmarks.declare import Found, Series
from benchmarks.harness import Harness
from benchmarks.spread import ratios, significant
from benchmarks.ticks import fill, repeated
from replay.archive.archiver import Archiver
from replay.joined_log import JoinedLog
from schemas.tick import TICK
from streams.agent import Rows
from streams.log import Records, TopicSpec
from streams.memory import MemoryLog

FRAME_ROWS = 256
READ_RECORDS = 256
TOPIC = "ticks.bench"
JSON_ROWS = 20_000
QUICK_SHARE = 8


def run(harness: Harness, *, ticks: int) -> Found:
    """A write and a read a pair."""
    count = ticks // QUICK_SHARE if harness.quick else ticks
    log = MemoryLog()
    log.create([TopicSpec(TOPIC)])
    fill(log, TOPIC, "bench", harness.tape, count, FRAME_ROWS)
    taken: dict[str, list[float]] = {"write": [], "read": [], "archive": [], "JSON": []}
    as_json = json_bytes(repeated(harness.tape, 0, min(count, JSON_ROWS)))
    for n in range(harness.pairs + 1):
        folder = harness.folder / f"archive{n}"
        write_s, size = written(log, folder)
        read_s = read_back(folder, count)
        shutil.rmtree(folder)
        if n:  # the first pair loads pyarrow
            taken["write"].append(significant(count / write_s))
            taken["read"].append(significant(count / read_s))
            taken["archive"].append(significant(size / count))
            taken["JSON"].append(significant(as_json))
    return Found(
        {
            "write": Series(taken["write"]),
            "read": Series(taken["read"]),
            "on disk": Series(taken["archive"]),
            "JSON": Series(taken["JSON"]),
            "JSON to archive": Series(ratios(taken["JSON"], taken["archive"])),
        },
        {"ticks": count, "frame_rows": FRAME_ROWS, "row_bytes": TICK.itemsize},
    )


def written(log: MemoryLog, folder: Path) -> tuple[float, int]:
    """Seconds, fsync included, and bytes of files."""
    began = time.perf_counter()
    archiver = Archiver(log, folder)
    found = archiver.write()
    archiver.close()
    return time.perf_counter() - began, found.bytes


def read_back(folder: Path, count: int) -> float:
    """Seconds to see every row again."""
    began = time.perf_counter()
    reader = JoinedLog(None, folder).reader({(TOPIC, 0): 0}, committed=True)
    rows = 0
    while records := reader.read(READ_RECORDS, 0.0):
        values = Records.of(records).values
        rows += sum(len(np.frombuffer(v, dtype=TICK)) for v in values if len(v) % TICK.itemsize == 0)
    if rows != count:
        raise SystemExit(f"{rows:,} of {count:,} ticks came back")
    return time.perf_counter() - began


def json_bytes(rows: Rows) -> float:
    """Bytes a tick as JSON, a line each."""
    names = TICK.names or ()
    lines = (orjson.dumps(dict(zip(names, row.tolist(), strict=True)), default=_text) for row in rows)
    return sum(len(line) + 1 for line in lines) / len(rows)


def _text(value: object) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
