"""A second worker of a live topology: a member of the same group, with processes of its own, in a thread of the rig."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from contextlib import suppress

from agents.live import LiveSession
from agents.supervisor import Supervisor
from schemas.errors import TapedeckError

LEFT_S_MAX = 60.0
"""How long it may take to hand its partitions over and leave the group."""


class SecondWorker:
    """Joins when it is made.

    Args:
        supervisor: Of its processes.
        session: Makes its part of the run.

    Attributes:
        failed: Why it could not go on; nothing is judged by it.
    """

    def __init__(self, supervisor: Supervisor, session: Callable[[Supervisor], LiveSession]) -> None:
        self.failed: TapedeckError | None = None
        self._supervisor = supervisor
        self._session = session(supervisor)
        self._in_order = True
        self._thread = threading.Thread(target=self._run, daemon=True, name="second worker")
        self._thread.start()

    @property
    def recovers(self) -> bool:
        """Whether partitions are here whose tasks are still on their way."""
        return bool(self._supervisor.pids) and not self._supervisor.ready

    @property
    def works(self) -> bool:
        """Whether partitions are here, and all of their tasks at work."""
        return bool(self._supervisor.pids) and self._supervisor.ready

    def leave(self, *, killed: bool) -> None:
        """Leave the group: in order, or with every process killed in the middle of what it does."""
        self._in_order = not killed
        self._session.stop()
        if killed:
            for pid in self._supervisor.pids.values():
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        self._thread.join(LEFT_S_MAX)

    def close(self) -> None:
        """Leave, if it has not yet."""
        if self._thread.is_alive():
            self.leave(killed=True)

    def _run(self) -> None:
        session = self._session
        try:
            session.open()
            session.run(lambda: None)
            if self._in_order:
                session.drain(lambda _task: None)
        except TapedeckError as error:  # a broker that is away, above all: the first worker has all again
            self.failed = error
        finally:
            session.close()
