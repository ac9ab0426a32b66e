"""A day of ticks again, in one process: from an archive, or generated where an archive of it would not fit.

Timed is the whole replay: segments read, checked and decompressed; ticks fed in large frames; eight features, score and
strategy; risk and paper venue; the judge. With ``trades`` the demonstration strategy trades, else it may hold nothing,
as in the other benchmarks of throughput. Memory is the resident set of the process, twice a second: its peak, and its
median over the last quarter of the replay to that over the second quarter, which is 1 where nothing grows with the day.
"""

from __future__ import annotations

from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.declare import Found, Series
from benchmarks.harness import Harness
from benchmarks.processes import Child
from benchmarks.runs import BenchRun, open_fresh, untraded
from benchmarks.spread import significant
from benchmarks.ticks import append_frame, repeated, tape_captures
from replay.archive.archiver import Archiver
from replay.recording import RAW_TOPIC, TICKS_TOPIC
from schemas.catalog import RAW
from schemas.errors import TaskFailed
from schemas.header import Header, pack
from streams.agent import Rows
from streams.clock import wall_ns
from streams.memory import MemoryLog

ARCHIVED_ROWS = 512 * 1_024
"""Rows put into the log, archived and removed from it at a time: a multiple of every frame size."""
FRAME_ROWS = 256
QUICK_SHARE = 20


def run(harness: Harness, *, ticks: int, generated: bool, pairs: int | None = None) -> Found:
    """A first replay that does not count, then the others; where a day is generated there is no first."""
    count = ticks // QUICK_SHARE if harness.quick else ticks
    times = pairs or harness.pairs
    plans = {"trades": BenchRun(run="traded", captures=tape_captures()), "hot": untraded("day")}
    if generated:
        del plans["trades"]
    child = Child("day", tape=str(harness.tape_file))
    found: dict[str, list[dict[str, Any]]] = {side: [] for side in plans}
    try:
        child.hear("ready")
        for side, plan in plans.items():
            folder = harness.folder / f"day-{side}"
            archive(folder, plan, harness.tape, 0 if generated else count)
            harness.say(f"  {side}: {_size(folder) / 1e6:,.0f} MB of archive")
            for n in range(times + (not generated)):
                child.tell(namespace=plan.namespace, source=plan.source, folder=str(folder), ticks=count,
                           generated=generated)  # fmt: skip
                figures = child.hear("done")
                if figures["inputs"] != count:
                    raise TaskFailed("a replay lost ticks", got=str(figures["inputs"]), allowed=str(count))
                harness.say(f"  {side}: {count / figures['elapsed_s']:,.0f} ticks/s, {figures['orders']:,} orders, "
                            f"{max(figures['memory_mb']):,.0f} MB")  # fmt: skip
                if n or generated:
                    found[side].append(figures)
    finally:
        child.close()
    return _told(found, count)


def archive(folder: Path, plan: BenchRun, tape: Rows, count: int) -> None:
    """An archive of a run: its opening, a payload at either end of the day, and so many ticks."""
    log = MemoryLog()
    open_fresh(log, plan)
    topic = plan.topic(TICKS_TOPIC)
    last = repeated(tape, max(count - 1, 0), max(count, 1)) if count else repeated(tape, 10**9, 10**9 + 1)
    appender = log.appender()
    for seq, rows in enumerate((tape[:1], last)):
        header = Header(schema=RAW.number, version=RAW.version, seq=seq, time=int(rows["ts_log"][0]),
                        writer=plan.source)  # fmt: skip
        appender.append(plan.topic(RAW_TOPIC), 0, b"", b"{}", pack(header))
    archiver = Archiver(log, folder, plan.namespace)
    try:
        for begin in range(0, count, ARCHIVED_ROWS):
            rows = repeated(tape, begin, min(begin + ARCHIVED_ROWS, count))
            for at in range(0, len(rows), FRAME_ROWS):
                append_frame(appender, topic, rows[at : at + FRAME_ROWS], begin + at, [wall_ns()])
            archiver.write()
            log.truncate(topic, 0, log.bounds(topic, 0)[1])
        archiver.write()
    finally:
        archiver.close()


def _told(found: dict[str, list[dict[str, Any]]], count: int) -> Found:
    series = {
        "replay": Series([significant(count / f["elapsed_s"]) for f in found["hot"]]),
        "replay by CPU": Series([significant(count / f["cpu_s"]) for f in found["hot"]]),
        "memory, peak": Series([significant(max(f["memory_mb"])) for f in found["hot"]]),
        "memory, end to middle": Series([significant(_growth(f["memory_mb"])) for f in found["hot"]]),
    }
    if "trades" in found:
        series["replay, trading"] = Series([significant(count / f["elapsed_s"]) for f in found["trades"]])
    shares = {
        side: [significant(f["main_thread_cpu_s"] / f["elapsed_s"]) for f in figures] for side, figures in found.items()
    }
    orders = {side: figures[0]["orders"] for side, figures in found.items()}
    detail = {"ticks": count, "frame_rows": FRAME_ROWS, "orders": orders, "main_thread_share": shares}
    if any(len({f["digest"] for f in figures}) > 1 for figures in found.values()):
        raise TaskFailed("two replays of one day differ", got=str(detail))
    return Found(series, detail)


def _growth(memory: list[float]) -> float:
    """Median of the last quarter to that of the second."""
    n = len(memory)
    return median(memory[3 * n // 4 :]) / median(memory[n // 4 : n // 2] or memory)


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
