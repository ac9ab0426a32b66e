"""Child process: a worker of ours as it is, that also notes when it commits and when Python collects garbage.

Its supervisor starts it in place of ``agents.worker``; the second argument is the file that gets the notes: int64
(begin, end, kind) triples, wall ns, written as they happen.
"""

from __future__ import annotations

import gc
import os
import sys
from functools import wraps
from typing import Any

import numpy as np

from agents import worker
from streams.clock import wall_ns

COMMIT, COLLECTION = 0, 1


class Notes:
    """Writes to a file, unbuffered: the process may be ended at any time."""

    def __init__(self, path: str) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        self._collecting = 0

    def write(self, begin_ns: int, kind: int) -> None:
        """Note what ends now."""
        os.write(self._file, np.array((begin_ns, wall_ns(), kind), dtype=np.int64).tobytes())

    def collection(self, phase: str, _info: dict[str, int]) -> None:
        """What ``gc.callbacks`` calls."""
        if phase == "start":
            self._collecting = wall_ns()
        else:
            self.write(self._collecting, COLLECTION)


def watch_commits(notes: Notes) -> None:
    """Have every commit of this process's task noted."""
    from streams.runner import Task

    commit = Task.commit

    @wraps(commit)
    def noted(task: Task) -> None:
        begin = wall_ns()
        commit(task)
        notes.write(begin, COMMIT)

    Task.commit = noted  # type: ignore[method-assign, assignment]


def main(argv: list[str]) -> int:
    from streams.home import use_kernel_cache

    use_kernel_cache()
    notes = Notes(argv[1])
    watch_commits(notes)
    gc.callbacks.append(notes.collection)
    return worker.main(argv[:1])


def read_notes(path: str) -> Any:
    """Notes as int64, shape (n, 3)."""
    try:
        return np.fromfile(path, dtype=np.int64).reshape(-1, 3)
    except FileNotFoundError:
        return np.empty((0, 3), dtype=np.int64)


if __name__ == "__main__":
    found: Any = main(sys.argv[1:])
    sys.exit(found)
