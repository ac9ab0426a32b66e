"""What became of a trade that was told: which later ticks took it back or told it anew, and of those, what they amend.

Normalise amends a trade for as long as it remembers it, which is until so many further trades of the instrument have
come (``feeds/recent_ids.py``). So no search goes further.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from feeds.recent_ids import RECENT_IDS_MAX
from replay.items import records, rows_of
from replay.lookup import BACK_OFFSETS, Row
from replay.shape import Shape
from replay.shown import columns_of, place_of
from schemas.errors import BadInput
from schemas.tick import ACTION_TRADE, FLAG_CORRECTION, FLAG_RETRACTION, FLAGS_AMENDED
from streams.log import Log, Record

TICKS = "ticks.<source>"
_SHOWN = ("ts_event", "ts_recv", "sequence", "price", "size", "side")


def amended_by(log: Log, shape: Shape, tick: Row) -> list[dict[str, Any]]:
    """Retractions of the trade that a tick tells, in order: place, times, and how.

    Of a correction ``now`` is the trade as it was told anew. Empty for a tick that tells no trade, and for a trade that
    stands.
    """
    record, number, row = tick
    if row["action"] != ACTION_TRADE:
        return []
    found: list[dict[str, Any]] = []
    passed = 0
    for at, rows in _ticks(log, shape, record, record.offset):
        first = number + 1 if at.offset == record.offset else 0
        for n in (first + np.flatnonzero(_of(rows[first:], row) & _amending(rows[first:]))).tolist():
            if rows["flags"][n] & FLAG_RETRACTION:
                how = "corrected" if rows["flags"][n] & FLAG_CORRECTION else "busted"
                found.append({"how": how, **_told(at, n, rows[n])})
            elif found:
                found[-1]["now"] = _told(at, n, rows[n])
        passed += _trades(rows[first:], row)
        if passed > RECENT_IDS_MAX or (found and found[-1]["how"] == "busted"):
            break
    return found


def amends(log: Log, shape: Shape, tick: Row) -> dict[str, Any] | None:
    """The trade that a tick takes back or tells anew, as first told; None where it amends none, or it is gone."""
    record, number, row = tick
    if not row["flags"] & FLAGS_AMENDED:
        return None
    low = log.bounds(record.topic, record.partition)[0]
    for back in BACK_OFFSETS:
        start = max(low, record.offset - back)
        found, passed = None, 0
        for at, rows in _ticks(log, shape, record, start):
            if at.offset > record.offset:
                break
            before = rows[:number] if at.offset == record.offset else rows
            hits = np.flatnonzero(_of(before, row) & (before["action"] == ACTION_TRADE))
            found = _told(at, int(hits[-1]), rows[hits[-1]]) if len(hits) else found
            passed += _trades(before, row)
        if found is not None or passed > RECENT_IDS_MAX or start == low:
            return found
    return None


def _ticks(log: Log, shape: Shape, record: Record, start: int) -> Iterator[tuple[Record, Any]]:
    for at, head in records(log, shape, TICKS, record.partition, start):
        try:
            rows = rows_of(at, head)
        except BadInput:
            continue
        if rows is not None:
            yield at, rows


def _of(rows: Any, row: Any) -> Any:
    return (rows["instrument_id"] == row["instrument_id"]) & (rows["sequence"] == row["sequence"])


def _amending(rows: Any) -> Any:
    return rows["flags"] & FLAGS_AMENDED != 0


def _trades(rows: Any, row: Any) -> int:
    return int(np.count_nonzero((rows["instrument_id"] == row["instrument_id"]) & (rows["action"] == ACTION_TRADE)))


def _told(record: Record, number: int, row: Any) -> dict[str, Any]:
    columns = columns_of(row)
    return {**place_of(record, number), **{name: columns[name] for name in _SHOWN}}
