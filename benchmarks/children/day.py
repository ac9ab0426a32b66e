"""Child process: replays of a day of ticks in memory, from an archive or from a generator; where its memory goes.

A replay as ``tapedeck replay DAY --from ticks --log memory`` runs it: feed, hot task, risk and paper venue, judged on
the way. Nothing was recorded of what it makes, so the judge counts and hashes, and compares nothing.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.children.orders import Orders, arguments, say
from streams.home import use_kernel_cache

use_kernel_cache()

from benchmarks.ticks import repeated, tick_record  # noqa: E402 - the kernel cache must have its place before numba
from benchmarks.usage import rss_mb  # noqa: E402
from replay.joined_log import JoinedLog  # noqa: E402
from replay.recording import TICKS_TOPIC  # noqa: E402
from replay.replay_plan import ReplayPlan  # noqa: E402
from replay.replaying import MemoryReplay  # noqa: E402
from replay.spans import open_recording  # noqa: E402
from schemas.topics import topic_name  # noqa: E402
from streams.clock import monotonic_s  # noqa: E402
from streams.frame import FRAME_ROWS_DEFAULT  # noqa: E402
from streams.log import Log, Record  # noqa: E402

GENERATED_ROWS = 64 * FRAME_ROWS_DEFAULT
"""Rows made at a time."""
LOOK_S = 0.5
"""Between two looks at the process's memory."""


class GeneratedLog(JoinedLog):
    """An archive whose ticks are made when they are read: the tape over and over, ``count`` rows of it."""

    def __init__(self, folder: Path, topic: str, tape: Any, count: int) -> None:
        super().__init__(None, folder)
        self._topic, self._tape, self._count = topic, tape, count

    def partitions(self, topic: str) -> int:
        """One of the ticks' topic."""
        return 1 if topic == self._topic else super().partitions(topic)

    def scan(self, topic: str, partition: int, start: int, *, committed: bool) -> Iterator[Record]:
        """Of the ticks' topic, always all of it."""
        return self._ticks() if topic == self._topic else super().scan(topic, partition, start, committed=committed)

    def _ticks(self) -> Iterator[Record]:
        for begin in range(0, self._count, GENERATED_ROWS):
            rows = repeated(self._tape, begin, min(begin + GENERATED_ROWS, self._count))
            for at in range(0, len(rows), FRAME_ROWS_DEFAULT):
                value, header = tick_record(rows[at : at + FRAME_ROWS_DEFAULT], begin + at, np.zeros(1, np.int64))
                yield Record(self._topic, 0, (begin + at) // FRAME_ROWS_DEFAULT, None, value, header)


def day_of(order: dict[str, Any], tape: Any) -> Log:
    """The log to replay from."""
    if order["generated"]:
        topic = topic_name(order["namespace"], TICKS_TOPIC, order["source"])
        return GeneratedLog(Path(order["folder"]), topic, tape, order["ticks"])
    return JoinedLog(None, Path(order["folder"]))


def one_replay(order: dict[str, Any], tape: Any) -> dict[str, Any]:
    """A replay's figures."""
    recording = open_recording(day_of(order, tape), order["namespace"])
    replay = MemoryReplay(ReplayPlan("bench", recording, since="ticks"))
    judge = replay.watch()
    memory: list[float] = []
    looked = 0.0

    def look() -> None:
        nonlocal looked
        if monotonic_s() - looked > LOOK_S:
            looked = monotonic_s()
            memory.append(rss_mb(PID) or 0.0)

    gc.collect()
    gc.freeze()
    began = time.perf_counter(), time.process_time(), time.thread_time()
    replay.run(look)
    parity = judge.finish(whole=True)
    ended = time.perf_counter(), time.process_time(), time.thread_time()
    gc.unfreeze()
    names = ("elapsed_s", "cpu_s", "main_thread_cpu_s")
    figures = {name: after - before for name, after, before in zip(names, ended, began, strict=True)}
    return {**figures, "inputs": judge.ticks, "orders": judge.orders, "digest": parity.digest, "memory_mb": memory}


def main(spec: dict[str, Any]) -> None:
    tape = np.load(spec["tape"])
    orders = Orders()
    say("ready")
    while True:
        say("done", **one_replay(orders.take(), tape))


if __name__ == "__main__":
    import os

    PID = os.getpid()
    main(arguments())
