"""Child process: reads topics from their beginnings, uncommitted, and notes when each record reached it.

On its order it writes, per topic, an int64 array: per row (a frame of n rows gives n) when it was received, its
``seq``, and its stamps, wall ns.
"""

from __future__ import annotations

import gc
from typing import Any

import numpy as np

from benchmarks.children.orders import Orders, arguments, say
from schemas.catalog import END
from schemas.header import unpack
from streams.clock import wall_ns
from streams.inputs import RECORDS_MAX
from streams.kafka import connect

WAIT_S = 0.1


def main(spec: dict[str, Any]) -> None:
    log = connect(spec["bootstrap"])
    reader = log.reader({(topic, 0): 0 for topic in spec["topics"]})
    orders = Orders()
    gc.collect()
    gc.freeze()
    kept: dict[str, list[tuple[int, bytes]]] = {topic: [] for topic in spec["topics"]}
    say("ready")
    while not orders.waiting:
        records = reader.read(RECORDS_MAX, WAIT_S)
        received = wall_ns()
        for record in records:
            if record.header is not None:
                kept[record.topic].append((received, record.header))
    reader.close()
    np.savez(spec["found"], **{topic: rows_of(found) for topic, found in kept.items()})
    say("done")
    orders.take()


def rows_of(kept: list[tuple[int, bytes]]) -> Any:
    """Received, seq, and stamps of every row, shape (rows, 2 + stamps)."""
    parts = []
    for received, data in kept:
        header = unpack(data)
        if header.schema == END.number:
            continue
        rows = np.empty((header.count, 2 + header.stamps.shape[1]), dtype=np.int64)
        rows[:, 0] = received
        rows[:, 1] = header.seq + np.arange(header.count)
        rows[:, 2:] = header.stamps
        parts.append(rows)
    return np.concatenate(parts) if parts else np.empty((0, 3), dtype=np.int64)


if __name__ == "__main__":
    main(arguments())
