"""Supervisors of workers that are a few lines of Python, for the tests of what becomes of those."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from agents.supervisor import Supervisor, worker_command
from agents.worker_spec import WorkerSpec

PRELUDE = """
import json, os, signal, sys, time
spec = json.loads(sys.argv[1])
def say(event, **fields):
    print(json.dumps({"event": event, **fields}), flush=True)
def wait():
    while os.read(0, 4096):
        pass
"""
PATIENCE_S = 20.0
QUICK = (0.0, 0.01)
"""Backoffs."""

Make = Callable[..., Supervisor]


def spec(task: str = "risk") -> WorkerSpec:
    """What a worker is told, as far as a supervisor looks at it."""
    return WorkerSpec(bootstrap="", namespace="", run="r", source="s", task=task)


def worker(body: str) -> Callable[[WorkerSpec], list[str]]:
    """Command line of a worker that runs ``body``."""
    code = PRELUDE + textwrap.dedent(body)
    return lambda given: [sys.executable, "-S", "-E", "-c", code, worker_command(given)[-1]]


class Events(list[dict[str, Any]]):
    """What a supervisor tells."""

    def names(self) -> list[str]:
        """Of what is told, in order."""
        return [event["event"] for event in self]


@contextmanager
def supervisors(events: Events) -> Iterator[Make]:
    """Makes supervisors of workers that run a body, and closes them."""
    made: list[Supervisor] = []

    def make(body: str, backoff_s: tuple[float, ...] = QUICK, fenced_s: float | None = None) -> Supervisor:
        made.append(Supervisor(events.append, command=worker(body), backoff_s=backoff_s, fenced_s=fenced_s))
        return made[-1]

    yield make
    for supervisor in made:
        supervisor.close()
