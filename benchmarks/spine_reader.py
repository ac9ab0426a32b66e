"""Child process: reads a topic to its end record, uncommitted, and notes when each record reached it.

Writes an int64 array: per row (a frame of n rows gives n), when it was received and then its stamps, wall ns.
"""

from __future__ import annotations

import gc
from typing import Any

import numpy as np

from benchmarks.spine_process import arguments, await_end, await_go, say
from schemas.catalog import END
from schemas.header import unpack
from streams.clock import wall_ns
from streams.inputs import RECORDS_MAX
from streams.kafka import connect

WAIT_S = 0.1


def main(spec: dict[str, Any]) -> None:
    log = connect(spec["bootstrap"])
    reader = log.reader({(spec["topic"], 0): 0})
    gc.collect()
    gc.freeze()
    await_go()
    kept: list[tuple[int, bytes]] = []
    ended = False
    while not ended:
        records = reader.read(RECORDS_MAX, WAIT_S)
        received = wall_ns()
        for record in records:
            assert record.header is not None
            kept.append((received, record.header))
        ended = bool(records) and unpack(kept[-1][1]).schema == END.number
    reader.close()
    np.save(spec["found"], _rows(kept[:-1]))
    say("done", records=len(kept) - 1)
    await_end()


def _rows(kept: list[tuple[int, bytes]]) -> Any:
    parts = []
    for received, data in kept:
        header = unpack(data)
        rows = np.empty((header.count, 1 + header.stamps.shape[1]), dtype=np.int64)
        rows[:, 0] = received
        rows[:, 1:] = header.stamps
        parts.append(rows)
    return np.concatenate(parts) if parts else np.empty((0, 2), dtype=np.int64)


if __name__ == "__main__":
    main(arguments())
