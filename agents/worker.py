"""One task in a process of its own: ``python -m agents.worker`` with a :class:`WorkerSpec` as JSON on the command line.

Speaks JSON lines on standard output (ready, reject, done, error); ends when its standard input closes, so that it never
outlives its supervisor. The exit code is the error's.
"""

from __future__ import annotations

import os
import select
import signal
import socket
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from agents.worker_spec import WorkerSpec, say
from schemas.dead_letter import DeadLetter, notice
from schemas.errors import TapedeckError
from streams.clock import wall_ns
from streams.crash import CRASH_EXIT, report_crash
from streams.home import use_kernel_cache
from streams.logs import session

LEDGER = "ledger"
"""File of acknowledgements in a run's folder."""
LEAD_NS = 100_000_000
"""Time between a feed's being ready and its first scheduled payload."""
WAIT_S = 0.1
"""Longest wait for input in one turn."""


def main(argv: list[str]) -> int:
    """Run the task to its end; returns the exit code."""
    return as_process(argv, _run)


def as_process(argv: list[str], run: Callable[[WorkerSpec], None]) -> int:
    """A process under a supervisor: it is told what it is, runs, and says how it failed; returns the exit code."""
    spec = msgspec.json.decode(argv[0], type=WorkerSpec)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=end_with_supervisor, args=(spec.lease_s or None,), daemon=True).start()
    use_kernel_cache()
    with session(_say_log):
        return told(spec, run)


def told(spec: WorkerSpec, run: Callable[[WorkerSpec], None]) -> int:
    """Run; where that fails the supervisor is told how. Returns the exit code."""
    try:
        run(spec)
    except TapedeckError as error:
        say("error", task=spec.task, code=error.kind, message=error.told)
        return error.exit_code
    except Exception as error:  # a fault of ours, or of an extension: it may quote what it failed on
        say("error", task=spec.task, code="crash", message=report_crash(error))
        return CRASH_EXIT
    return 0


def _run(spec: WorkerSpec) -> None:
    from agents.recovering import Telling
    from agents.warm import settle  # numba is behind it

    work = _work(spec)
    told = {} if spec.metrics_port is None else _metrics(spec, work)
    settle()
    say("ready", task=spec.task, **told)
    telling = Telling(spec.task, getattr(work, "recovery", None))
    while not work.done and telling.look():
        work.turn(WAIT_S)
    while not work.done:
        work.turn(WAIT_S)
    say("done", task=spec.task)
    work.close()


def _metrics(spec: WorkerSpec, work: Any) -> dict[str, Any]:
    from agents.worker_metrics import listen  # the Prometheus library is behind it

    return {"metrics_port": listen(spec, work)}


def _work(spec: WorkerSpec) -> Any:
    """What this process is to do."""
    if spec.hops:
        return _task(spec)
    if spec.mode == "play":
        return _feed(spec)
    from agents import worker_live
    from streams.kafka import connect

    log = connect(spec.bootstrap)
    return worker_live.clock(spec, log) if spec.feed is None else worker_live.live_feed(spec, spec.feed, log)


def _task(spec: WorkerSpec) -> Any:
    from agents.builds import check_build
    from agents.context import read_context
    from agents.topology import TaskHops
    from agents.warm import warm
    from streams.guarded import GuardedLog
    from streams.kafka import connect
    from streams.recorded_order import load_order
    from streams.runner import Task
    from streams.task_plan import TaskPlan

    live = spec.mode == "live" and not spec.recorded and not spec.borrowed
    hops = TaskHops(spec.task, tuple(spec.hops), spec.partition, spec.partitions)
    log: Any = connect(spec.bootstrap)
    if spec.namespace:
        log = GuardedLog(log, spec.namespace)
    if live:  # before anything of the run is loaded: what fails to load must not hold its successor up
        from agents.worker_live import succeeded

        if (over := succeeded(spec, log)) is not None:
            return over
    context = read_context(log, spec.namespace, Path(spec.folder))
    check_build(context.run)
    stages = hops.build(context)
    if not spec.cold:
        warm(stages, context)
    if spec.metrics_port is not None:
        from agents.desk_metrics import counted

        stages = counted(stages)
    # The venue goes by log time in every run: driven by orders, it waits for the tick that answers each.
    mode = "play" if "venue" in spec.hops else spec.mode
    plan = TaskPlan(
        name=spec.task, namespace=spec.namespace, source=spec.source, run=context.run.run, mode=mode,
        lasting=live or bool(spec.borrowed), partition=hops.partition, state_partition=hops.state_partition,
        apart=spec.apart, commit_every_batch=hops.commit_every_batch, writers=spec.writers,
        owner=f"{socket.gethostname()}/{os.getppid()}",
        bad_share_max=spec.bad_share_max, bad_min=spec.bad_min, build=context.run.build,
        recorded=load_order(Path(spec.recorded)) if spec.recorded else None, borrowed=spec.borrowed,
    )  # fmt: skip
    if spec.merged:
        from streams.ordered import OrderedLog

        order = msgspec.json.decode(Path(spec.merged).read_bytes(), type=list[str])
        log = OrderedLog(log, spec.namespace, plan.topic(stages[0].reads), order)
    if spec.timed:
        from streams.timed import TimedLog

        log = TimedLog(log, spec.namespace, stages[0].reads, spec.timed)
    hooks: Any = {"failpoint": _die_after(spec.die_after), "on_reject": _say_reject}
    if spec.borrowed:
        from agents.shadowing import Shadowing

        return Shadowing(Task(plan, stages, log, **hooks))
    if not live:
        return Task(plan, stages, log, **hooks)
    from agents.worker_live import taken

    return taken(spec, hops, log, context, lambda confirm: Task(plan, stages, log, confirm=confirm, **hooks))


def _feed(spec: WorkerSpec) -> Any:
    from feeds.ledger import Ledger
    from feeds.player import Pace, Player
    from feeds.sequence import open_sequence, warm_sequence
    from streams.kafka import connect
    from streams.publisher import Publisher

    if spec.feed is None:
        raise AssertionError("a feed without its spec")
    folder, captures = Path(spec.feed.folder), [Path(p) for p in spec.feed.captures]
    warm_sequence(captures, spec.feed.instruments)
    ledger = Ledger(folder / LEDGER)
    publisher = Publisher(
        connect(spec.bootstrap), spec.source, namespace=spec.namespace, on_ack=ledger.acknowledge, recorded=True
    )
    events = open_sequence(
        captures, seconds=spec.feed.simulate_seconds, seed=spec.feed.seed,
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


def _say_log(message: str, *, level: str, logger: str, **_more: Any) -> None:
    """To the supervisor, whose process writes it (``streams.logs``)."""
    say("log", message=message, level=level, logger=logger)


def _say_reject(letter: DeadLetter) -> None:
    say("reject", **notice(letter))


def end_with_supervisor(lease_s: float | None) -> None:
    """End when standard input closes; with a lease also when nothing has come on it for so long."""
    # Unbuffered: a thread that sits in sys.stdin would hold its lock when the interpreter ends.
    while select.select([0], [], [], lease_s)[0] and os.read(0, 4096):
        pass
    os._exit(0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
