"""Child process: publishes ticks open loop. Each tick is due at its own time; what is due when it looks is one frame.

The scheduled time is a tick's ``born`` stamp and its log time, so a publisher that falls behind hides nothing, and the
venue's latency in log time lasts as long by the wall.
"""

from __future__ import annotations

import gc
from typing import Any

import numpy as np

from benchmarks.spine_process import arguments, await_end, await_go, say
from benchmarks.spine_ticks import FLUSH_S_MAX, append_end, append_frame, scheduled
from streams.clock import sleep_s, wall_ns
from streams.frame import FRAME_ROWS_DEFAULT
from streams.kafka import connect

SECOND_NS = 1_000_000_000
LEAD_NS = 300_000_000
"""Time between ``go`` and the first tick."""
NAP_NS = 50_000
"""Sleeps end later than asked by about this much."""


def main(spec: dict[str, Any]) -> None:
    log = connect(spec["bootstrap"])
    appender = log.appender()
    tape = np.load(spec["tape"])
    topic, count, step_ns = spec["topic"], spec["count"], SECOND_NS // spec["rate"]
    scheduled(tape, count, 0, step_ns)
    gc.collect()
    gc.freeze()
    await_go()
    origin = wall_ns() + LEAD_NS
    rows = scheduled(tape, count, origin, step_ns)
    due = rows["ts_log"].copy()
    sent = frames = 0
    while sent < count:
        now = wall_ns()
        arrived = min(count, (now - origin) // step_ns + 1, sent + FRAME_ROWS_DEFAULT)
        if arrived > sent:
            append_frame(appender, topic, rows[sent:arrived], sent, due[sent:arrived])
            sent, frames = arrived, frames + 1
        else:
            appender.flush(0)
            sleep_s((int(due[sent]) - wall_ns() - NAP_NS) / SECOND_NS)
    append_end(appender, topic, spec["run"], int(due[-1]), count)
    appender.flush(FLUSH_S_MAX)
    late_ns = wall_ns() - int(due[-1])
    say("done", frames=frames, origin_ns=origin, late_ns=late_ns)
    await_end()


if __name__ == "__main__":
    main(arguments())
