"""Child processes of a benchmark: started here, told and heard in JSON lines, ended by their own ids.

A child gets its arguments on the command line, says ``ready``, does what it is told, answers each order, and ends when
its input closes, so that it never outlives the benchmark. The child's side is ``benchmarks/children/orders.py``.
"""

from __future__ import annotations

import contextlib
import subprocess
import sys
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec

from schemas.errors import TaskFailed

REPOSITORY = Path(__file__).resolve().parent.parent
END_S_MAX = 10.0
"""How long a child is given to end by itself before it is killed."""
STDERR_KEPT = 2_000


class Child:
    """One child process: ``python -m benchmarks.children.<module>`` with its arguments as one JSON object."""

    def __init__(self, module: str, **arguments: Any) -> None:
        self.module = module
        self._stderr = ""
        self._process = subprocess.Popen(
            [sys.executable, "-m", f"benchmarks.children.{module}", msgspec.json.encode(arguments).decode()],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=REPOSITORY,
        )  # fmt: skip
        self._drain = threading.Thread(target=self._read_stderr, daemon=True)
        self._drain.start()

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def hear(self, event: str) -> dict[str, Any]:
        """Wait for a line with this event; other lines are skipped.

        Raises:
            TaskFailed: The child ended instead.
        """
        assert self._process.stdout is not None
        for line in self._process.stdout:
            said: dict[str, Any] = msgspec.json.decode(line)
            if said["event"] == event:
                return said
        code = self._process.wait()
        self._drain.join()
        raise TaskFailed(f"benchmarks.children.{self.module} ended", got=self._stderr[-STDERR_KEPT:].strip(),
                         where=f"exit {code}")  # fmt: skip

    def tell(self, **order: Any) -> None:
        """Give it an order.

        Raises:
            TaskFailed: It has ended.
        """
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(msgspec.json.encode(order) + b"\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            self.hear("nothing: the ending is what is heard")

    def close(self) -> None:
        """End it: by closing its input, then by its own id."""
        if self._process.stdin is not None:
            with contextlib.suppress(BrokenPipeError):
                self._process.stdin.close()
        try:
            self._process.wait(END_S_MAX)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._drain.join()
        if self._process.stdout is not None:
            self._process.stdout.close()

    def _read_stderr(self) -> None:
        assert self._process.stderr is not None
        with self._process.stderr as stream:
            for line in stream:
                self._stderr = (self._stderr + line.decode(errors="replace"))[-2 * STDERR_KEPT :]


def close_all(children: Iterable[Child]) -> None:
    """End several children."""
    for child in children:
        child.close()
