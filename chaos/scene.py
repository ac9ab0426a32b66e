"""What faults act upon: processes, brokers, proxies, orders to workers, and the log as people write to it."""

from __future__ import annotations

import os
import signal
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import msgspec

from agents.supervisor import Supervisor
from agents.worker_spec import WorkerSpec
from chaos.cluster import Cluster
from chaos.orders import Orders
from chaos.second import SecondWorker
from chaos.twin import Twin
from streams.clock import monotonic_s
from streams.kafka import KafkaLog

NAP_S = 0.05
BACK_S_MAX = 60.0
"""How long a fault waits for a task to be back before it gives up waiting: nothing is judged by it."""

Event = dict[str, Any]


class Scene:
    """One run, as faults see it. Its methods are called from the threads of faults.

    Args:
        supervisor: Of the run's processes.
        cluster: Its brokers.
        orders: To its workers.
        folder: Of the run, with its topology.
        run: Tells the run at work; empty where there is none yet.
        log: The log, past the proxies.
        spec: Spec of a process, by name.
        command: Command line of a process, by spec.
        on_event: Hears what twins say.
        tasks: Every process of the run.
        second: Makes another worker, where the run is shared out.
    """

    def __init__(
        self, supervisor: Supervisor, cluster: Cluster, orders: Orders, log: KafkaLog,
        spec: Callable[[str], WorkerSpec], command: Callable[[WorkerSpec], list[str]],
        on_event: Callable[[Event], None], folder: Path, run: Callable[[], str], tasks: Sequence[str] = (),
        second: Callable[[], SecondWorker] | None = None,
    ) -> None:  # fmt: skip
        self.cluster = cluster
        self.orders = orders
        self.log = log
        self.folder = folder
        self.over = threading.Event()
        self._run = run
        self._supervisor = supervisor
        self._spec = spec
        self._command = command
        self._on_event = on_event
        self._locks: dict[str, threading.Lock] = defaultdict(threading.Lock)
        self._tasks = tuple(tasks)
        self._second = second
        self._workers: list[SecondWorker] = []
        self._twins: list[Twin] = []
        self._stopped: set[int] = set()

    def pid(self, task: str) -> int | None:
        """Process id of what runs now as a task; None while nothing does."""
        return self._supervisor.pids.get(task)

    @property
    def run(self) -> str:
        """The run at work; empty where there is none yet."""
        return self._run()

    @property
    def all_up(self) -> bool:
        """Whether every task is up and at work."""
        return all(self._supervisor.is_ready(task) for task in self._supervisor.pids)

    def sleep(self, seconds: float) -> None:
        """Wait, unless the run is being ended at once."""
        self.over.wait(seconds)

    def wait(self, holds: Callable[[], bool], seconds: float) -> bool:
        """Wait for something to hold; whether it did within the bound."""
        until = monotonic_s() + seconds
        while not holds():
            if monotonic_s() >= until or self.over.is_set():
                return False
            self.sleep(NAP_S)
        return True

    def wait_up(self, task: str) -> int | None:
        """Wait until a task is up and at work; its process id, None where it did not come up in time."""
        self.wait(lambda: self.pid(task) is not None and self._supervisor.is_ready(task), BACK_S_MAX)
        return self.pid(task)

    def signal(self, pid: int, number: int) -> None:
        """Send a signal to a process of the run; one that is gone is left alone."""
        if number == signal.SIGSTOP:
            self._stopped.add(pid)
        elif number == signal.SIGCONT:
            self._stopped.discard(pid)
        with suppress(ProcessLookupError):
            os.kill(pid, number)

    def kill(self, task: str) -> bool:
        """SIGKILL what runs as a task; False where nothing does."""
        pid = self.pid(task)
        if pid is None:
            return False
        self.signal(pid, signal.SIGKILL)
        return True

    def gone(self, task: str, pid: int) -> bool:
        """Whether a task's process is another by now, or none."""
        return self.pid(task) != pid

    @contextmanager
    def twin(self, task: str) -> Iterator[Twin]:
        """A second process of a task; it is gone at the end of the block."""
        spec = msgspec.structs.replace(self._spec(task), lease_s=0.0)  # nobody tells it that its supervisor is there
        twin = Twin(self._command(spec), self._on_event)
        self._twins.append(twin)
        try:
            yield twin
        finally:
            twin.close()

    @property
    def tasks(self) -> tuple[str, ...]:
        """Every process of the run."""
        return self._tasks

    @contextmanager
    def second_worker(self) -> Iterator[SecondWorker]:
        """Another worker that shares the partitions; it has left at the end of the block."""
        if self._second is None:
            raise AssertionError("a second worker in a run that is not shared out")
        worker = self._second()
        self._workers.append(worker)
        try:
            yield worker
        finally:
            worker.close()

    @contextmanager
    def alone(self, *what: str) -> Iterator[None]:
        """One fault at a time on a task, the brokers or the network."""
        with ExitStack() as held:
            for name in sorted(what):
                held.enter_context(self._locks[name])
            yield

    def let_go(self) -> None:
        """Whatever is stopped goes on: nothing may be left so."""
        for pid in list(self._stopped):
            self.signal(pid, signal.SIGCONT)

    def close(self) -> None:
        """End everything that faults have left."""
        self.over.set()
        self.let_go()
        for twin in self._twins:
            twin.close()
        for worker in self._workers:
            worker.close()
