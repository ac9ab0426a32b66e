"""The monitor as a process of a live desk: ``python -m monitoring.health_worker``, supervised like ``agents.worker``.

It reads and writes what ``tapedeck feed health`` does. Its priority is low, as nobody waits for it.
"""

from __future__ import annotations

import os
import sys
from typing import Any

from agents.worker import as_process
from agents.worker_spec import WorkerSpec, say

NICENESS = 10
"""On a machine that is full, what trades goes first."""


def main(argv: list[str]) -> int:
    """Watch until SIGTERM, or until the supervisor is gone; returns the exit code."""
    return as_process(argv, _run)


def _run(spec: WorkerSpec) -> None:
    os.nice(NICENESS)
    from monitoring.feed_health import monitor
    from monitoring.place_health import NANOS
    from streams.kafka import connect

    begun = False

    def told(event: dict[str, Any]) -> None:
        nonlocal begun
        if not begun and event["event"] != "ended":
            say("ready", task=spec.task)
        begun = True

    log = connect(spec.bootstrap)
    try:
        monitor(log, spec.namespace, spec.window_s * NANOS, told)
    finally:
        log.close()
    say("done", task=spec.task)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
