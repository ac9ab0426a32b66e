"""Processes of the spine benchmark: started here, heard as JSON lines, ended by their own ids.

A child says ``ready``, waits for ``go``, works, says ``done`` with its figures, and ends when its input closes.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from schemas.errors import TaskFailed

REPOSITORY = Path(__file__).resolve().parent.parent
END_S_MAX = 10.0
"""How long a child is given to end by itself before it is killed."""
STDERR_KEPT = 2_000

STOP_WHEN_ORPHANED = """
import sys
from pathlib import Path
from streams.broker import EmbeddedBroker
sys.stdin.read()
EmbeddedBroker(Path(sys.argv[1])).down()
"""


@dataclass(frozen=True)
class Broker:
    """Where Kafka is, and its process id where it is ours."""

    bootstrap: str
    pid: int | None


class Child:
    """One child process: ``python -m benchmarks.<module>`` with its arguments as one JSON object."""

    def __init__(self, module: str, **arguments: Any) -> None:
        self.module = module
        self._stderr = ""
        self._process = subprocess.Popen(
            [sys.executable, "-m", f"benchmarks.{module}", msgspec.json.encode(arguments).decode()],
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
        raise TaskFailed(f"benchmarks.{self.module} ended", got=self._stderr[-STDERR_KEPT:], where=f"exit {code}")

    def go(self) -> None:
        """Let it begin."""
        assert self._process.stdin is not None
        self._process.stdin.write(b"go\n")
        self._process.stdin.flush()

    def close(self) -> None:
        """End it: by closing its input, then by its own id."""
        if self._process.stdin is not None:
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


def arguments() -> dict[str, Any]:
    """In a child: what it was started with."""
    found: dict[str, Any] = msgspec.json.decode(sys.argv[1])
    return found


def say(event: str, **fields: Any) -> None:
    """In a child: one JSON line to the parent."""
    sys.stdout.write(msgspec.json.encode({"event": event, **fields}).decode() + "\n")
    sys.stdout.flush()


def await_go() -> None:
    """In a child: say that it is ready, wait for ``go``, and from then on end with the parent."""
    say("ready")
    if not os.read(0, 4096):
        os._exit(0)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def await_end() -> None:
    """In a child that has said all: stay until the parent closes the input."""
    threading.Event().wait()


def _end_with_parent() -> None:
    while os.read(0, 4096):
        pass
    os._exit(0)


def cpu_s(pid: int | None) -> float | None:
    """CPU seconds that a process has used so far, all threads; None where the system does not tell."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def guard_broker(home: Path) -> subprocess.Popen[bytes]:
    """A watcher that stops the broker of ``home`` when this process ends, whichever way; close its input to end it."""
    return subprocess.Popen(
        [sys.executable, "-c", STOP_WHEN_ORPHANED, str(home)],
        stdin=subprocess.PIPE, cwd=REPOSITORY, start_new_session=True,
    )  # fmt: skip
