"""Recovery of the hot task with 500 instruments: a life is killed, a million ticks lie ahead, the next catches up.

A first life works some ticks of every instrument off, so that its state is of all of them, and commits. SIGKILL. Then a
million ticks are put on its topic. What is timed is the next life: from the start of its process to its ``ready``
(interpreter, kernels, takeover, snapshot, reading back), and on to the moment at which it has worked off all that lay
there, as it tells itself. Its rate stands beside: inputs a second while it caught up.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from agents.supervisor import Supervisor
from agents.topology import writers
from agents.worker_spec import WorkerSpec
from benchmarks.declare import Found, Series
from benchmarks.harness import Harness
from benchmarks.runs import BenchRun, drop, open_fresh
from benchmarks.spread import significant
from benchmarks.ticks import append_frame, repeated
from schemas.errors import TaskFailed
from streams.clock import monotonic_s, wall_ns
from streams.progress import progress
from streams.snapshot import newest_record

QUICK_SHARE = 10
LIVES, QUICK_LIVES = 3, 1
"""Lives that are killed and timed, each with as many ticks ahead."""
FIRST_TICKS = 64
"""Of each instrument, before the first death."""
FRAME_ROWS = 256
CHUNK_ROWS = 1_024 * FRAME_ROWS
POLL_S = 0.02
WAIT_S_MAX = 100.0
FLUSH_S_MAX = 60.0
TICKS = "ticks.<source>"


def run(harness: Harness, *, ticks: int, instruments: int) -> Found:
    """Each life in turn."""
    return _Recoveries(harness, ticks // QUICK_SHARE if harness.quick else ticks, instruments).measure()


class _Recoveries:
    """One run, one task, several lives."""

    def __init__(self, harness: Harness, ticks: int, instruments: int) -> None:
        self._harness = harness
        self._log = harness.log
        self._ticks = ticks
        # No position may be held, so that nothing is traded and no answer is awaited.
        self._plan = BenchRun(run="recovery", instruments=instruments, changed=(("position_max", {}),), mode="live")
        self._ids = np.array([d.instrument_id for d in self._plan.definitions])
        self._hops = next(task for task in self._plan.tasks if task.name == "hot")
        self._events: list[tuple[float, dict[str, Any]]] = []
        self._count = 0

    def measure(self) -> Found:
        open_fresh(self._log, self._plan)
        found: dict[str, list[float]] = {"ready": [], "caught up": [], "rate": []}
        try:
            self._publish(FIRST_TICKS * len(self._ids))
            self._life()
            for _ in range(QUICK_LIVES if self._harness.quick else LIVES):
                self._publish(self._ticks)
                for name, value in self._life().items():
                    found[name].append(significant(value))
                said = ", ".join(f"{name} {values[-1]:,.3g}" for name, values in found.items())
                self._harness.say(f"  {said}")
            snapshot = newest_record(self._log, self._plan.topic("state"), self._hops.state_partition, "hot")
        finally:
            drop(self._log, self._plan.namespace)
        series = {
            "ready": Series(found["ready"]), "caught up": Series(found["caught up"]),
            "inputs a second": Series(found["rate"]),
        }  # fmt: skip
        size = 0 if snapshot is None else len(snapshot.value)
        return Found(series, {"ticks": self._ticks, "instruments": len(self._ids), "snapshot_bytes": size})

    def _publish(self, count: int) -> None:
        """So many ticks, each of the next instrument."""
        appender, end = self._log.appender(), self._count + count
        for begin in range(self._count, end, CHUNK_ROWS):
            rows = repeated(self._harness.tape, begin, min(end, begin + CHUNK_ROWS))
            rows["instrument_id"] = self._ids[np.arange(begin, begin + len(rows)) % len(self._ids)]
            for at in range(0, len(rows), FRAME_ROWS):
                frame = rows[at : at + FRAME_ROWS]
                append_frame(appender, self._plan.topic(TICKS), frame, begin + at, wall_ns() + np.arange(len(frame)))
        appender.flush(FLUSH_S_MAX)
        appender.close()
        self._count = end

    def _life(self) -> dict[str, float]:
        """A life from the start of its process: until it has caught up and committed; then it is killed."""
        self._events.clear()
        supervisor = Supervisor(lambda event: self._events.append((monotonic_s(), event)))
        began_s = monotonic_s()
        try:
            supervisor.start(self._spec())
            self._until(supervisor, lambda: self._when("recovered") is not None, "the task never caught up")
            self._until(supervisor, self._committed, "the task never committed")
            supervisor.kill("hot")
        finally:
            supervisor.close()
        ready, recovered = self._when("ready"), self._when("recovered")
        assert ready is not None
        assert recovered is not None
        if recovered[1]["done"] != recovered[1]["to_do"] or supervisor.restarts:
            raise TaskFailed(
                "a recovery lost ticks", got=str(recovered[1]), allowed=f"{self._ticks:,} of {self._ticks:,}"
            )
        return {
            "ready": ready[0] - began_s, "caught up": recovered[0] - began_s,
            "rate": recovered[1]["done"] / recovered[1]["elapsed_s"],
        }  # fmt: skip

    def _until(self, supervisor: Supervisor, holds: Callable[[], bool], otherwise: str) -> None:
        end_s = monotonic_s() + WAIT_S_MAX
        while not holds():
            supervisor.poll(POLL_S)
            if monotonic_s() > end_s:
                raise TaskFailed(otherwise, got=f"{WAIT_S_MAX:g} s")

    def _when(self, name: str) -> tuple[float, dict[str, Any]] | None:
        return next(((at, event) for at, event in self._events if event["event"] == name), None)

    def _committed(self) -> bool:
        found = progress(
            self._log, state_topic=self._plan.topic("state"), state_partition=self._hops.state_partition, task="hot",
            input_topic=self._plan.topic(TICKS),
        )  # fmt: skip
        return found is not None and found.inputs == self._count

    def _spec(self) -> WorkerSpec:
        plan = self._plan
        return WorkerSpec(
            bootstrap=self._harness.broker.bootstrap, namespace=plan.namespace, run=plan.run, source=plan.source,
            task="hot", hops=list(self._hops.hops), writers=writers(plan.tasks, plan.source), mode="live",
        )  # fmt: skip
