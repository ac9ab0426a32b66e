"""Child process: watches others from outside. How long their threads were ready and not run, and how much they hold.

Every ``EVERY_S`` it reads each thread's ``schedstat``: the second number is the time for which the thread was runnable
and waited for a core, as the kernel's scheduler counts it. Kept per process is the wait of the thread that waited the
longest. Every ``MEMORY_EVERY`` looks also resident memory and CPU time.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.children.orders import Orders, arguments, say
from benchmarks.usage import cpu_s, rss_mb
from streams.clock import sleep_s, wall_ns

EVERY_S = 0.01
MEMORY_EVERY = 10
THREADS_EVERY = 50


class Watched:
    """One process: its threads' schedstat files, kept open."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self._files: dict[str, int] = {}
        self._before: dict[str, int] = {}

    def find_threads(self) -> None:
        """Open what is new."""
        with contextlib.suppress(OSError):
            for thread in os.listdir(f"/proc/{self.pid}/task"):
                if thread not in self._files:
                    path = Path(f"/proc/{self.pid}/task/{thread}/schedstat")
                    self._files[thread] = os.open(path, os.O_RDONLY)

    def waited_ns(self) -> int:
        """Since the last look, of the thread that waited the longest."""
        longest = 0
        for thread, file in list(self._files.items()):
            try:
                total = int(os.pread(file, 64, 0).split()[1])
            except (OSError, IndexError):
                os.close(self._files.pop(thread))
                continue
            longest = max(longest, total - self._before.get(thread, total))
            self._before[thread] = total
        return longest


def main(spec: dict[str, Any]) -> None:
    orders = Orders()
    names = list(spec["pids"])
    watched = [Watched(spec["pids"][name]) for name in names]
    waits: list[list[int]] = []
    memory: list[list[float]] = []
    say("ready")
    look = 0
    while not orders.waiting:
        if look % THREADS_EVERY == 0:
            for process in watched:
                process.find_threads()
        waits.append([wall_ns(), *(process.waited_ns() for process in watched)])
        if look % MEMORY_EVERY == 0:
            used = ((rss_mb(w.pid) or 0.0, cpu_s(w.pid) or 0.0) for w in watched)
            memory.append([float(wall_ns()), *(value for pair in used for value in pair)])
        look += 1
        sleep_s(EVERY_S)
    np.savez(spec["found"], names=np.array(names), waits=np.array(waits, dtype=np.int64), memory=np.array(memory))
    say("done")
    orders.take()


if __name__ == "__main__":
    main(arguments())
