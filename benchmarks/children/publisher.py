"""Child process: publishes ticks open loop. Each tick is due at its own time; what is due when it looks is one frame.

The scheduled time is a tick's ``born`` stamp and its log time, so a publisher that falls behind hides nothing, and the
venue's latency in log time lasts as long by the wall. Segments follow each other with a pause between.
"""

from __future__ import annotations

import gc
from typing import Any

import msgspec
import numpy as np

from benchmarks.children.orders import Orders, arguments, say
from benchmarks.schedule import SECOND_NS, Segment
from benchmarks.ticks import FLUSH_S_MAX, append_frame, scheduled
from streams.agent import Rows
from streams.clock import sleep_s, wall_ns
from streams.frame import FRAME_ROWS_DEFAULT
from streams.kafka import connect

LEAD_NS, LEAD_ROW_NS = 200_000_000, 2_000
"""Time between a segment's making and its first tick, and more for each of its rows: making them takes time."""
NAP_NS = 50_000
"""Sleeps end later than asked by about this much."""
LOOK_NS = 250_000
"""It looks for what is due no more often than this: a normalise task takes about as long for a turn. What is due in
between waits, and the waiting counts."""


class Side:
    """One tick topic, and how far it has come."""

    def __init__(self, appender: Any, topic: str) -> None:
        self.count = 0
        self._appender = appender
        self._topic = topic

    def publish(self, rows: Rows) -> dict[str, int]:
        """Publish each row at its log time; what was seen."""
        due = rows["ts_log"].copy()
        sent = frames = late_ns = looked = 0
        while sent < len(rows):
            now = wall_ns()
            arrived = min(
                int(np.searchsorted(due[sent : sent + FRAME_ROWS_DEFAULT], now, side="right")) + sent, len(rows)
            )
            if arrived > sent:
                late_ns = max(late_ns, now - int(due[sent]))
                append_frame(self._appender, self._topic, rows[sent:arrived], self.count + sent, due[sent:arrived])
                sent, frames = arrived, frames + 1
            else:
                sleep_s((max(int(due[sent]), looked + LOOK_NS) - wall_ns() - NAP_NS) / SECOND_NS)
                looked = wall_ns()
        self.count += sent
        return {
            "count": sent,
            "frames": frames,
            "late_ns_max": late_ns,
            "origin_ns": int(due[0]),
            "end_ns": int(due[-1]),
        }


def main(spec: dict[str, Any]) -> None:
    appender = connect(spec["bootstrap"]).appender()
    sides = {side: Side(appender, topic) for side, topic in spec["topics"].items()}
    tape = np.load(spec["tape"])
    segments = msgspec.convert(spec["segments"], list[Segment])
    gc.collect()
    gc.freeze()
    orders = Orders()
    say("ready")
    orders.take()
    for segment in segments:
        side = sides[segment.side]
        due = segment.due_ns()
        origin_ns = wall_ns() + LEAD_NS + len(due) * LEAD_ROW_NS
        rows = scheduled(tape, side.count, origin_ns + due)
        say("segment", side=segment.side, label=segment.label, **side.publish(rows))
        sleep_s(spec["pause_s"])
    appender.flush(FLUSH_S_MAX)
    say("done")
    orders.take()


if __name__ == "__main__":
    main(arguments())
