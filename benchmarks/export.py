"""Export: ticks in frames of 256, from a memory log and from the archive, into a Parquet file with decoded columns.

Beside them the same ticks as CSV and DBN. Files are written whole, fsync and rename included.
"""

from __future__ import annotations

import time
from pathlib import Path

from benchmarks.declare import Found, Series
from benchmarks.harness import Harness
from benchmarks.spread import significant
from benchmarks.ticks import fill
from replay.archive.archiver import Archiver
from replay.export.exporting import export
from replay.joined_log import JoinedLog
from replay.replay_what import Asked
from streams.log import Log, TopicSpec
from streams.memory import MemoryLog

FRAME_ROWS = 256
TOPIC = "ticks.bench"
QUICK_SHARE = 8
SLOW_SHARE = 8
"""CSV is ten times slower: it gets fewer ticks."""


def run(harness: Harness, *, ticks: int) -> Found:
    """An export of each format a pair."""
    count = ticks // QUICK_SHARE if harness.quick else ticks
    log = _log(harness, count)
    few = _log(harness, count // SLOW_SHARE)
    folder = harness.folder / "archive"
    archiver = Archiver(log, folder)
    archiver.write()
    archiver.close()
    names = ("Parquet", "Parquet from the archive", "DBN", "CSV")
    rates: dict[str, list[float]] = {name: [] for name in names}
    sizes: list[float] = []
    for n in range(harness.pairs + 1):
        sources: tuple[Log, ...] = (log, JoinedLog(None, folder), log, few)
        for name, source, ending in zip(names, sources, (".parquet", ".parquet", ".dbn.zst", ".csv"), strict=True):
            rate, size = _exported(source, harness.folder / f"out{ending}")
            if n:  # the first pair loads the libraries
                rates[name].append(rate)
                sizes += [size] if name == "Parquet" else []
    return Found({**{name: Series(rates[name]) for name in names}, "on disk": Series(sizes)}, {"ticks": count})


def _log(harness: Harness, count: int) -> MemoryLog:
    log = MemoryLog()
    log.create([TopicSpec(TOPIC)])
    fill(log, TOPIC, "bench", harness.tape, count, FRAME_ROWS)
    return log


def _exported(log: Log, out: Path) -> tuple[float, float]:
    """Ticks a second, and bytes a tick."""
    began = time.perf_counter()
    found = export(log, Asked("bench"), TOPIC, out)
    taken = time.perf_counter() - began
    out.unlink()
    return significant(found.rows / taken), significant(found.bytes / found.rows)
