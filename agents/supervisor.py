"""Starts one process a task, brings back what dies, and ends what it started. Knows processes, not Kafka.

A task that dies is started anew after a backoff, and recovers from the log. One that dies more than ``DEATHS_MAX``
times in a row, or says that its state diverged, ends the run. What is expendable is brought back for ever: nothing
waits for it, and whatever becomes of it ends nothing.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from queue import Empty, Queue
from typing import Any

import msgspec

from agents.worker_spec import WorkerSpec
from schemas.errors import BrokerError, ConfigError, Fenced, SnapshotError, StateDiverged, TaskFailed
from streams.clock import monotonic_s

BACKOFF_S = (0.0, 0.5, 1.0, 2.0, 4.0)
DEATHS_MAX = 5
"""Deaths in a row, none of them after a steady life, after which the run ends."""
STEADY_S = 5.0
"""A life that lasts this long after ``ready`` starts the count of deaths anew."""
READY_S_MAX = 120.0
"""A cold start compiles kernels; a warm one takes a second or two."""
END_S_MAX = 5.0
"""How long a process is given to end by itself before it is killed."""
FATAL_EXITS = frozenset(error.exit_code for error in (ConfigError, StateDiverged, SnapshotError, TaskFailed))
TOO_MUCH_BAD = "task_failed.too_much_bad"
"""Code of a task that halts because too much of its input is refused: another life would halt likewise."""
EVENTS_MAX = 10_000
"""What workers have said and nobody has heard yet; then whoever says more waits."""
DRAIN_S = 0.01
LINE_BYTES_MAX = 1_048_576
"""A longer line of a worker's is cut there."""
STDERR_LINES_KEPT = 20
CANNOT_START = 126
"""Exit code, as a shell's, of what is expendable and could not be started."""
FENCED_MAX = 1
"""Times that one worker may be fenced ``FENCED_WITHIN_S``. More often means that another supervisor brings its own one
back each time; a machine that sleeps is fenced as well, since Kafka ends the transaction that it left open."""
FENCED_WITHIN_S = 600.0


def worker_command(spec: WorkerSpec) -> list[str]:
    """The command line of a worker of ours."""
    return [sys.executable, "-P", "-m", spec.module, msgspec.json.encode(spec).decode()]


@dataclass(slots=True)
class _Worker:
    spec: WorkerSpec
    kills: list[int]
    process: subprocess.Popen[bytes] | None = None
    ready: bool = False
    ready_at: float = 0.0
    done: bool = False
    ending: bool = False
    fenced: list[float] = field(default_factory=list)
    deaths_in_a_row: int = 0
    restarts: int = 0
    start_at: float = 0.0
    error: str = ""
    code: str = ""
    stderr: list[str] = field(default_factory=list)
    drains: list[threading.Thread] = field(default_factory=list)


class Supervisor:
    """Runs workers until all are done.

    Args:
        on_event: Called in the polling thread with each worker's events (``reject`` and such) and deaths.
        command: The command line of a worker's process.
        backoff_s: Seconds before a worker is brought back, by its deaths in a row; the last one serves for all more.
        deaths_max: Deaths in a row, none of them after a steady life, after which no worker is brought back.
        fenced_max: Times that one worker may be fenced.
        fenced_s: Where tasks move between hosts: how long a fenced worker's return is put off, so that it is heard of
            first whether the task is another's now. None: nobody else should run it.
    """

    def __init__(
        self, on_event: Callable[[dict[str, Any]], None] = lambda _event: None, *,
        command: Callable[[WorkerSpec], list[str]] = worker_command,
        backoff_s: Sequence[float] = BACKOFF_S, deaths_max: int = DEATHS_MAX, fenced_max: int = FENCED_MAX,
        fenced_s: float | None = None,
    ) -> None:  # fmt: skip
        self._workers: dict[str, _Worker] = {}
        self._events: Queue[dict[str, Any]] = Queue(EVENTS_MAX)
        self._on_event = on_event
        self._command = command
        self._backoff_s = backoff_s
        self._deaths_max = deaths_max
        self._fenced_max = fenced_max
        self._fenced_s = fenced_s

    @property
    def done(self) -> bool:
        """Every worker has done its work."""
        return all(w.done or w.spec.expendable for w in self._workers.values())

    @property
    def ready(self) -> bool:
        """Every worker that has not done its work is up."""
        return not self._late()

    def is_ready(self, task: str) -> bool:
        """Whether one worker is up and at work."""
        worker = self._workers.get(task)
        return worker is not None and worker.process is not None and worker.ready and not worker.done

    def runs(self, task: str) -> bool:
        """The same of any task, started or not."""
        worker = self._workers.get(task)
        return worker is not None and worker.process is not None and worker.ready and not worker.done

    def is_done(self, task: str) -> bool:
        """Whether one worker has done its work and its process is gone."""
        worker = self._workers.get(task)
        return worker is not None and worker.done and worker.process is None

    @property
    def restarts(self) -> dict[str, int]:
        """How often each task was brought back; tasks that never died are left out."""
        return {name: w.restarts for name, w in self._workers.items() if w.restarts}

    @property
    def pids(self) -> dict[str, int]:
        """Process ids of what runs now, by task."""
        return {n: w.process.pid for n, w in self._workers.items() if w.process is not None and not w.done}

    def kills_left(self) -> dict[str, list[int]]:
        """Kills that were asked for and have not happened: the task saw fewer inputs."""
        return {name: w.kills for name, w in self._workers.items() if w.kills}

    def start(self, spec: WorkerSpec, kills: Sequence[int] = ()) -> None:
        """Start a worker; ``kills``: SIGKILL it after so many inputs, one life each.

        Of the same name one may have been here before, and have ended: a release takes its place.
        """
        former = self._workers.get(spec.task)
        worker = _Worker(spec, sorted(kills), restarts=0 if former is None else former.restarts)
        self._workers[spec.task] = worker
        self._spawn(worker)

    def wait_ready(self, should_stop: Callable[[], bool] = lambda: False) -> None:
        """Return when every worker started so far is ready.

        Raises:
            TaskFailed: One is not within ``READY_S_MAX``, or keeps dying.
        """
        until = monotonic_s() + READY_S_MAX
        while not self.ready and not should_stop():
            self.poll(0.05)
            if monotonic_s() > until:
                late = ", ".join(self._late())
                raise TaskFailed(
                    "tasks did not come up", kind="not_ready", got=late, allowed=f"ready within {READY_S_MAX:g} s"
                )

    def _late(self) -> list[str]:
        """Names of those that are waited for and not up yet."""
        return [n for n, w in self._workers.items() if not (w.ready or w.done or w.ending or w.spec.expendable)]

    def poll(self, timeout_s: float) -> None:
        """Handle events and deaths, waiting up to ``timeout_s`` for the first event.

        Raises:
            TaskFailed: A task cannot be brought back.
        """
        self._take_events(timeout_s)
        for worker in self._workers.values():
            if worker.process is not None and worker.process.poll() is not None:
                while any(drain.is_alive() for drain in worker.drains):
                    self._take_events(DRAIN_S)  # what it said last: a drain may wait for room
                self._take_events(0.0)
                self._ended(worker, worker.process.returncode)
            waits = worker.process is None and not worker.done and not worker.ending
            if waits and monotonic_s() >= worker.start_at:
                self._spawn(worker)

    def terminate(self, task: str) -> None:
        """Ask one worker to end (SIGTERM): the feed publishes its end record.

        One that is not ready yet could not heed it, and would die of it: ask again.
        """
        worker = self._workers[task]
        if worker.process is not None and worker.ready:
            worker.process.terminate()

    def end(self, task: str, timeout_s: float) -> bool:
        """Have one worker end in order and wait for it; it is not brought back. False where it had to be killed."""
        worker = self._workers[task]
        worker.ending = True
        until = monotonic_s() + timeout_s
        asked = False
        while worker.process is not None and monotonic_s() < until:
            if not asked and worker.ready:
                worker.process.terminate()
                asked = True
            self.poll(0.02)
        in_order = worker.done
        self.kill(task)
        while worker.process is not None:
            self.poll(0.02)
        return in_order

    def hand_over(self, tasks: Sequence[str], timeout_s: float) -> bool:
        """Have workers commit and end, all at once, for others elsewhere to go on; False where one had to be killed.

        One that is not ready, or dead and about to be brought back, has done nothing that its successor does not do
        again.
        """
        workers = [self._workers[task] for task in tasks]
        for worker in workers:
            worker.ending = True
            if worker.process is not None and worker.ready and not worker.spec.expendable:
                worker.process.send_signal(signal.SIGUSR1 if worker.spec.hops else signal.SIGTERM)
            elif worker.process is not None:
                worker.process.kill()
        until = monotonic_s() + timeout_s
        while any(w.process is not None for w in workers) and monotonic_s() < until:
            self.poll(0.02)
        late = [worker.spec.task for worker in workers if worker.process is not None]
        for task in late:
            self.kill(task)
        while any(w.process is not None for w in workers):
            self.poll(0.02)
        return not late

    def beat(self) -> None:
        """Renew every worker's lease: one byte on its standard input. May be called from another thread."""
        for worker in list(self._workers.values()):
            process = worker.process
            if process is not None and process.stdin is not None and worker.spec.lease_s:
                with suppress(OSError, ValueError):  # it is gone, or about to be
                    process.stdin.write(b".")
                    process.stdin.flush()

    def kill(self, task: str) -> None:
        """SIGKILL one worker, e.g. one that has stalled; it is brought back unless it is to end."""
        process = self._workers[task].process
        if process is not None:
            process.kill()

    def close(self) -> None:
        """End every process that is still there: by closing its input, then by its own id."""
        processes = [w.process for w in self._workers.values() if w.process is not None]
        for process in processes:
            _close_input(process)
        for process in processes:
            try:
                process.wait(END_S_MAX)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        for worker in self._workers.values():
            worker.process = None

    def _spawn(self, worker: _Worker) -> None:
        die_after = worker.kills[0] if worker.kills else None
        spec = msgspec.structs.replace(worker.spec, die_after=die_after)
        worker.ready = False
        try:
            worker.process = subprocess.Popen(
                self._command(spec),
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True,
            )  # fmt: skip
        except OSError as error:
            if not spec.expendable:
                raise
            worker.error = f"it cannot be started: {error.strerror or error}"
            self._ended(worker, CANNOT_START)
            return
        worker.drains = [
            threading.Thread(target=_drain, args=(stream, handle, worker), daemon=True)
            for stream, handle in ((worker.process.stdout, self._heard), (worker.process.stderr, self._complained))
        ]
        for drain in worker.drains:
            drain.start()

    def _take_events(self, timeout_s: float) -> None:
        try:
            event = self._events.get(timeout=timeout_s) if timeout_s else self._events.get_nowait()
            while True:
                self._take(event)
                event = self._events.get_nowait()
        except Empty:
            return

    def _take(self, event: dict[str, Any]) -> None:
        worker = self._workers[event["task"]]
        if event["event"] == "ready":
            worker.ready = True
            worker.ready_at = monotonic_s()
        elif event["event"] == "done":
            worker.done = True
        elif event["event"] == "error":
            worker.error = str(event.get("message", ""))
            worker.code = str(event.get("code", ""))
            if worker.code.startswith(Fenced.code):
                worker.fenced.append(monotonic_s())
        self._on_event(event)

    def _ended(self, worker: _Worker, code: int) -> None:
        if worker.process is not None:
            _close_input(worker.process)
        worker.process = None
        if worker.done or worker.ending:
            return
        asked = code == -signal.SIGKILL and bool(worker.kills)
        if asked:
            worker.kills.pop(0)
        steady = worker.ready and monotonic_s() - worker.ready_at > STEADY_S
        if not asked:
            worker.deaths_in_a_row = 1 if steady else worker.deaths_in_a_row + 1
        # Once it is ready it may have printed what it read, which is not for a log.
        why = worker.error or (worker.stderr[-1] if worker.stderr and not worker.ready else f"exit {code}")
        if worker.spec.expendable:
            if worker.deaths_in_a_row == 1:  # one that stays away would say no more
                self._on_event({"event": "log", "task": worker.spec.task, "level": "warning",
                                "message": f"died ({why}); it is brought back, and nothing waits for it"})  # fmt: skip
        else:
            self._give_up(worker, code, why)
        worker.restarts += 1
        worker.start_at = monotonic_s() + self._backoff_s[max(0, min(worker.deaths_in_a_row, len(self._backoff_s)) - 1)]
        if worker.fenced and self._fenced_s is not None:
            worker.fenced.clear()
            worker.deaths_in_a_row = 0
            worker.start_at = monotonic_s() + self._fenced_s
        self._on_event({"event": "died", "task": worker.spec.task, "code": code, "message": why})
        worker.error = worker.code = ""

    def _give_up(self, worker: _Worker, code: int, why: str) -> None:
        """End the run where a task that has died must not, or need not, be brought back."""
        fenced = sum(at > monotonic_s() - FENCED_WITHIN_S for at in worker.fenced)
        if fenced > self._fenced_max and self._fenced_s is None:
            raise TaskFailed(
                f"another process runs the task {worker.spec.task}", kind="twin", got=why,
                fix="end one of the two: the same tasks are supervised twice (tapedeck top shows who commits)",
            )  # fmt: skip
        if worker.code == TOO_MUCH_BAD:
            raise TaskFailed(why, kind="too_much_bad")
        if code in FATAL_EXITS or worker.deaths_in_a_row > self._deaths_max:
            error = BrokerError if code == BrokerError.exit_code else TaskFailed
            raise error(f"task {worker.spec.task} cannot go on", kind="task_ended", got=why, where=f"exit {code}")

    def _heard(self, worker: _Worker, line: bytes) -> None:
        try:
            event = msgspec.json.decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError):
            event = None
        if not isinstance(event, dict) or not isinstance(event.get("event"), str):
            event = {"event": "said", "message": line.decode(errors="replace").rstrip()}
        self._events.put({**event, "task": worker.spec.task})

    def _complained(self, worker: _Worker, line: bytes) -> None:
        worker.stderr.append(line.decode(errors="replace").strip())
        del worker.stderr[:-STDERR_LINES_KEPT]


def _close_input(process: subprocess.Popen[bytes]) -> None:
    """Close a process's standard input. A beat that came after its death lies in the buffer, and nobody takes it."""
    if process.stdin is not None:
        with suppress(OSError):
            process.stdin.close()


def _drain(stream: Any, handle: Callable[[_Worker, bytes], None], worker: _Worker) -> None:
    with stream:
        while line := stream.readline(LINE_BYTES_MAX):
            handle(worker, line)
