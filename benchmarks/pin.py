"""Making a pin of a day in the archive: every record read and hashed, in ticks a second.

All that ``tapedeck pin create`` does but to name it and to write its manifest. Segments are checked and decompressed on
the way. The id must be the same each time.
"""

from __future__ import annotations

import time

from benchmarks.declare import Found, Series
from benchmarks.harness import Harness
from benchmarks.replay_day import FRAME_ROWS, archive
from benchmarks.runs import untraded
from benchmarks.spread import significant
from benchmarks.ticks import repeated
from replay.joined_log import JoinedLog
from replay.pins.measuring import measure
from replay.pins.selection import Selection
from schemas.errors import TaskFailed

QUICK_SHARE = 8


def run(harness: Harness, *, ticks: int) -> Found:
    """As often as there are pairs, after a first time that does not count."""
    count = ticks // QUICK_SHARE if harness.quick else ticks
    plan, folder, tape = untraded("pinned"), harness.folder / "pinned", harness.tape
    archive(folder, plan, tape, count, ticks=True)
    first, last = (int(repeated(tape, at, at + 1)["ts_log"][0]) for at in (0, count - 1))
    selection = Selection(first, last + 1, last, plan.namespace)
    rates, ids, records = [], set(), 0
    for n in range(harness.pairs + 1):
        began = time.perf_counter()
        data = measure(JoinedLog(None, folder), selection, lambda _records: None).data
        seconds = time.perf_counter() - began
        records = max(part.records for part in data.topics)
        ids.add(data.id)
        if n:
            rates.append(significant(count / seconds))
    frames = -(-count // FRAME_ROWS)
    if len(ids) > 1 or not frames - 1 <= records <= frames:  # the last payload lies in the last frame
        raise TaskFailed("a pin is not of its day", got=f"{records} records, {len(ids)} ids", allowed=str(frames))
    return Found({"pin": Series(rates)}, {"ticks": count, "frame_rows": FRAME_ROWS})
