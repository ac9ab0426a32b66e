"""A lock between processes, for what two of them must not do at once: fetch the jars, start a broker.

``flock`` belongs to the open file, so the kernel lets go of it whatever way its holder dies: no stale locks.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from schemas.errors import BrokerError

LOCK_POLL_S = 0.02
"""How often a waiting process looks whether the lock is free."""

LOCK_QUIET_S = 1.0
"""How long a process waits before it says that, and for whom, it is waiting."""


@contextmanager
def held(path: Path, *, doing: str, timeout_s: float, progress: Callable[[str], None]) -> Iterator[None]:
    """Hold the lock file while the block runs.

    Args:
        path: The lock file; its folder must exist.
        doing: What its holder does, for messages: "starting Kafka".
        timeout_s: How long to wait for another holder.
        progress: Told once when the wait is longer than a moment.

    Raises:
        BrokerError: The other holder did not finish within the bound.
        OSError: The file cannot be opened.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        _wait(descriptor, path, doing, timeout_s, progress)
        yield
    finally:
        os.close(descriptor)


def _wait(descriptor: int, path: Path, doing: str, timeout_s: float, progress: Callable[[str], None]) -> None:
    began_s, told = time.monotonic(), False
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            waited_s = time.monotonic() - began_s
        if waited_s > timeout_s:
            raise BrokerError(
                f"another process has been {doing} for more than {timeout_s:.0f} s",
                kind="busy",
                where=str(path),
                fix="wait for it, or end it, then try again",
            )
        if waited_s > LOCK_QUIET_S and not told:
            progress(f"waiting for another process that is {doing}")
            told = True
        time.sleep(LOCK_POLL_S)
