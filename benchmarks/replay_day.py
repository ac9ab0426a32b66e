"""A day of ticks again, in one process: from an archive, or generated where an archive of it would not fit.

Timed is the whole replay: segments read, checked and decompressed; ticks fed in large frames; eight features, score and
strategy; risk and paper venue; the judge. The demonstration strategy may hold nothing, as in the other benchmarks of
throughput. Beside each replay from an archive the hot task alone runs over ticks in memory (``flat_memory.py``):
machines differ by more than the ratio of the two does. Memory is the resident set of the process, twice a second: its
peak, and its median over the last quarter of the replay to that over the second quarter: 1 where nothing grows.
"""

from __future__ import annotations

from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.declare import Found, Series
from benchmarks.harness import Harness
from benchmarks.processes import Child
from benchmarks.runs import BenchRun, open_fresh, untraded
from benchmarks.spread import ratios, significant
from benchmarks.ticks import append_frame, repeated
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
HOT_TICKS = 2_000_000
MILLION = 1_000_000


def run(harness: Harness, *, ticks: int, generated: bool, pairs: int | None = None) -> Found:
    """A first replay that does not count, then the others; where a day is generated there is no first."""
    count = ticks // QUICK_SHARE if harness.quick else ticks
    plan, folder = untraded("day"), harness.folder / "day"
    found: list[dict[str, Any]] = []
    hot: list[float] = []
    child = Child("day", tape=str(harness.tape_file))
    beside = Child("memory", tape=str(harness.tape_file), ticks=min(count, HOT_TICKS), frame_rows=FRAME_ROWS)
    try:
        child.hear("ready")
        beside.hear("ready")
        archive(folder, plan, harness.tape, count, ticks=not generated)
        harness.say(f"  {sum(path.stat().st_size for path in folder.rglob('*')) / MILLION:,.0f} MB of archive")
        for n in range((pairs or harness.pairs) + (not generated)):
            child.tell(namespace=plan.namespace, source=plan.source, folder=str(folder), ticks=count,
                       generated=generated)  # fmt: skip
            figures = child.hear("done")
            if figures["inputs"] != count:
                raise TaskFailed("a replay lost ticks", got=str(figures["inputs"]), allowed=str(count))
            rate, most = count / figures["elapsed_s"], max(figures["memory_mb"])
            harness.say(f"  {count:,} ticks, {rate:,.0f} a second, {most:,.0f} MB")
            if n or generated:
                found.append(figures)
            if n and not generated:
                beside.tell(side="hot")
                alone = beside.hear("done")
                hot.append(alone["inputs"] / alone["elapsed_s"])
    finally:
        child.close()
        beside.close()
    return _told(found, hot, count)


def archive(folder: Path, plan: BenchRun, tape: Rows, count: int, *, ticks: bool) -> None:
    """An archive of a run: its opening, a payload for every turn of the tape, and so many ticks or none."""
    log = MemoryLog()
    open_fresh(log, plan)
    topic = plan.topic(TICKS_TOPIC)
    appender = log.appender()
    for seq, at in enumerate((*range(0, count - 1, len(tape)), count - 1)):
        time = int(repeated(tape, at, at + 1)["ts_log"][0])
        header = Header(schema=RAW.number, version=RAW.version, seq=seq, time=time, writer=plan.source)
        appender.append(plan.topic(RAW_TOPIC), 0, b"", b"{}", pack(header))
    archiver = Archiver(log, folder, plan.namespace)
    try:
        for begin in range(0, count if ticks else 0, ARCHIVED_ROWS):
            rows = repeated(tape, begin, min(begin + ARCHIVED_ROWS, count))
            for at in range(0, len(rows), FRAME_ROWS):
                append_frame(appender, topic, rows[at : at + FRAME_ROWS], begin + at, [wall_ns()])
            archiver.write()
            log.truncate(topic, 0, log.bounds(topic, 0)[1])
        archiver.write()
    finally:
        archiver.close()


def _told(found: list[dict[str, Any]], hot: list[float], count: int) -> Found:
    if len({figures["digest"] for figures in found}) > 1:
        raise TaskFailed("two replays of one day differ", got=str([figures["digest"] for figures in found]))
    rates = [count / figures["elapsed_s"] for figures in found]
    series = {"replay": rates} | ({"replay to hot": ratios(rates, hot), "hot": hot} if hot else {})
    series |= {
        "replay by CPU": [count / figures["cpu_s"] for figures in found],
        "replay by CPU of its main thread": [count / figures["main_thread_cpu_s"] for figures in found],
        "memory, peak": [max(figures["memory_mb"]) for figures in found],
        "memory, end to middle": [_growth(figures["memory_mb"]) for figures in found],
    }
    detail = {"ticks": count, "frame_rows": FRAME_ROWS}
    return Found({name: Series([significant(v) for v in values]) for name, values in series.items()}, detail)


def _growth(memory: list[float]) -> float:
    """Median of the last quarter to that of the second."""
    n = len(memory)
    return median(memory[3 * n // 4 :]) / median(memory[n // 4 : n // 2] or memory)
