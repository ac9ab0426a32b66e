"""One task in a process of its own: ``python -m agents.worker`` with a :class:`WorkerSpec` as JSON on the command line.

Speaks JSON lines on standard output (ready, reject, done, error); ends when its standard input closes, so that it never
outlives its supervisor. The exit code is the error's.
"""

from __future__ import annotations

import gc
import os
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import msgspec

from schemas.dead_letter import DeadLetter
from schemas.errors import TapedeckError
from streams.clock import wall_ns
from streams.home import use_kernel_cache

LEDGER = "ledger"
"""File of acknowledgements in a run's folder."""
LEAD_NS = 100_000_000
"""Time between a feed's being ready and its first scheduled payload."""
WAIT_S = 0.1
"""Longest wait for input in one turn."""


class FeedSpec(msgspec.Struct, frozen=True, kw_only=True):
    """What the feed process plays: capture files, or the simulator.

    ``simulate_seconds`` None is an endless session, ``start_ns`` None one that starts at the fixed moment of plays.
    """

    captures: list[str] = []
    simulate_seconds: float | None = 0.0
    seed: int = 1
    instruments: int = 3
    start_ns: int | None = None
    speed: float = 0.0
    folder: str = ""


class WorkerSpec(msgspec.Struct, frozen=True, kw_only=True):
    """Everything a worker process needs to know."""

    bootstrap: str
    namespace: str
    run: str
    source: str
    task: str
    hops: list[str] = []
    writers: dict[str, str] = {}
    mode: Literal["live", "play"] = "play"
    die_after: int | None = None
    feed: FeedSpec | None = None


def main(argv: list[str]) -> int:
    """Run the task to its end; returns the exit code."""
    spec = msgspec.json.decode(argv[0], type=WorkerSpec)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_supervisor, daemon=True).start()
    use_kernel_cache()
    try:
        work = _feed(spec) if spec.feed is not None else _task(spec)
        gc.collect()
        gc.freeze()
        say("ready", task=spec.task)
        while not work.done:
            work.turn(WAIT_S)
        say("done", task=spec.task)
        work.close()
    except TapedeckError as error:
        say("error", task=spec.task, code=error.code, message=str(error))
        return error.exit_code
    return 0


def say(event: str, **fields: Any) -> None:
    """One JSON line to the supervisor."""
    sys.stdout.write(msgspec.json.encode({"event": event, **fields}).decode() + "\n")
    sys.stdout.flush()


def _task(spec: WorkerSpec) -> Any:
    from agents.context import read_context
    from agents.topology import TaskHops
    from agents.warm import warm
    from streams.kafka import connect
    from streams.runner import Task
    from streams.task_plan import TaskPlan

    hops = TaskHops(spec.task, tuple(spec.hops))
    log = connect(spec.bootstrap)
    context = read_context(log, spec.namespace)
    stages = hops.build(context)
    warm(stages, context)
    plan = TaskPlan(
        name=spec.task, namespace=spec.namespace, source=spec.source, run=spec.run, mode=spec.mode,
        state_partition=hops.state_partition, commit_every_batch=hops.commit_every_batch, writers=spec.writers,
    )  # fmt: skip
    return Task(plan, stages, log, failpoint=_die_after(spec.die_after), on_reject=_say_reject)


def _feed(spec: WorkerSpec) -> Any:
    from feeds.ledger import Ledger
    from feeds.player import Pace, Player
    from feeds.sequence import open_sequence
    from streams.kafka import connect
    from streams.publisher import Publisher

    if spec.feed is None:
        raise AssertionError("a feed without its spec")
    folder = Path(spec.feed.folder)
    ledger = Ledger(folder / LEDGER)
    publisher = Publisher(connect(spec.bootstrap), spec.source, namespace=spec.namespace, on_ack=ledger.acknowledge)
    events = open_sequence(
        [Path(p) for p in spec.feed.captures], seconds=spec.feed.simulate_seconds, seed=spec.feed.seed,
        instruments=spec.feed.instruments, start_ns=spec.feed.start_ns,
        on_fault=lambda fault: say("fault", task=spec.task, message=fault),
    )  # fmt: skip
    player = Player(events, publisher, ledger, run=spec.run, pace=Pace(spec.feed.speed, _origin_ns(folder)))
    signal.signal(signal.SIGTERM, lambda *_: player.stop())
    return _Dying(player, spec.die_after)


def _origin_ns(folder: Path) -> int:
    """Wall time at which the first payload is due: fixed by the feed's first life, kept by every later one."""
    path = folder / "origin"
    if not path.exists():
        written = folder / "origin.new"
        written.write_text(str(wall_ns() + LEAD_NS))
        written.replace(path)  # a life that is killed here leaves the whole number, or none
    return int(path.read_text())


class _Dying:
    """A player that dies after so many payloads, if told to."""

    def __init__(self, player: Any, die_after: int | None) -> None:
        self._player = player
        self._failpoint = _die_after(die_after)

    @property
    def done(self) -> bool:
        return bool(self._player.done)

    def turn(self, wait_s: float) -> bool:
        moved = bool(self._player.turn(wait_s))
        self._failpoint("produced", self._player.sent)
        return moved

    def close(self) -> None:
        self._player.close()


def _die_after(inputs: int | None) -> Callable[[str, int], None]:
    def die(point: str, consumed: int) -> None:
        if inputs is not None and point == "produced" and consumed >= inputs:
            os.kill(os.getpid(), signal.SIGKILL)

    return die


def _say_reject(letter: DeadLetter) -> None:
    say("reject", task=letter.task, code=letter.code, reason=letter.reason, topic=letter.topic, offset=letter.offset)


def _end_with_supervisor() -> None:
    # Unbuffered: a thread that sits in sys.stdin would hold its lock when the interpreter ends.
    while os.read(0, 4096):
        pass
    os._exit(0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
