"""The Kafka of a benchmark: a named one, or an embedded one in a folder that goes away with it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.processes import END_S_MAX, REPOSITORY
from streams.broker import EmbeddedBroker

STOP_WHEN_ORPHANED = """
import sys
from pathlib import Path
from streams.broker import EmbeddedBroker
sys.stdin.read()
EmbeddedBroker(Path(sys.argv[1])).down()
"""


@dataclass(frozen=True, slots=True)
class Broker:
    """Where Kafka is, and its process id where it is ours."""

    bootstrap: str
    pid: int | None


@contextmanager
def broker_for(bootstrap: str | None, folder: Path, say: Callable[[str], None]) -> Iterator[Broker]:
    """The broker named, else an embedded one below ``folder``, gone at the end whichever way this process ends."""
    if bootstrap:
        yield Broker(bootstrap, None)
        return
    guard = _guard(folder)
    embedded = EmbeddedBroker(folder)
    try:
        status = embedded.up(progress=say)
        assert status.bootstrap is not None
        yield Broker(status.bootstrap, status.pid)
    finally:
        embedded.down()
        guard.communicate(timeout=END_S_MAX * 3)


def _guard(home: Path) -> subprocess.Popen[bytes]:
    """A watcher that stops the broker of ``home`` when this process ends, whichever way; close its input to end it."""
    return subprocess.Popen(
        [sys.executable, "-c", STOP_WHEN_ORPHANED, str(home)],
        stdin=subprocess.PIPE, cwd=REPOSITORY, start_new_session=True,
    )  # fmt: skip
