"""Everything that a run of chaos needs around it, set up and taken down: folder, brokers, supervisor, scene, faults."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol

import msgspec
import numpy as np

from agents.live import LiveSession
from agents.supervisor import Supervisor
from agents.worker_spec import WorkerSpec
from chaos.cluster import Cluster, remove
from chaos.injector import Injector
from chaos.keeper import dismiss, keep
from chaos.orders import Orders
from chaos.plan import ChaosPlan
from chaos.report import Recoveries
from chaos.scene import Scene
from chaos.second import SecondWorker
from streams.clock import monotonic_s
from streams.kafka import KafkaLog, connect

BACKOFF_S = (0.1, 0.2, 0.5, 1.0, 2.0)
"""Seconds before a task is brought back: short, so that a short run sees many lives."""
DEATHS_MAX = 1_000
"""Deaths and takeovers are what is tried here: a supervisor gives up on neither."""


FENCED_S = 3.0
"""Where partitions move: how long a fenced task waits to hear whether it is another worker's now."""


class Watcher(Protocol):
    """Who watches a run."""

    def say(self, line: str) -> None:
        """One line that stays."""
        ...

    def stage(self, text: str, share: float) -> None:
        """What is being done now, and how much of the run is over, 0 to 1."""
        ...


class Stage:
    """A context: brokers are up when it is entered; every process and file of it is gone when it is left."""

    def __init__(self, plan: ChaosPlan, watcher: Watcher) -> None:
        self.plan = plan
        self.watcher = watcher
        self.recoveries = Recoveries()
        self.folder = Path(tempfile.mkdtemp(prefix="tapedeck-chaos-"))
        self._keeper = keep(self.folder)
        self.cluster = Cluster(self.folder, plan.brokers)
        self.orders = Orders(self.folder / "orders")
        self.supervisor = Supervisor(
            self.hear, command=self.command, backoff_s=BACKOFF_S, deaths_max=DEATHS_MAX, fenced_max=DEATHS_MAX,
            fenced_s=FENCED_S if plan.partitions > 1 else None,
        )  # fmt: skip
        self._logs: list[KafkaLog] = []
        self._scene: Scene | None = None

    def __enter__(self) -> Stage:
        try:
            (self.folder / "orders").mkdir()
            self.cluster.up(lambda message: self.watcher.stage(message, 0.0))
            self._up_s = monotonic_s()
            self.log = self._connect(self.cluster.direct)
            self.tasks_log = self._connect(self.cluster.proxied)
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def injector(
        self, spec: Callable[[str], WorkerSpec], tasks: Sequence[str] = (),
        share: Callable[[Supervisor], LiveSession] | None = None, run: Callable[[], str] = str,
    ) -> Injector:  # fmt: skip
        """The faults of the plan, ready to begin.

        Args:
            spec: Tells what a process of the run is.
            tasks: All of them.
            share: Makes a worker's part of a run that is shared out; None: it is not.
            run: Tells the run at work, where it may change.
        """
        second = None if share is None else lambda: SecondWorker(self._another(), share)
        self._scene = Scene(
            self.supervisor, self.cluster, self.orders, self.log, spec, self.command, self.recoveries.shut_out,
            self.folder, run, tasks, second,
        )  # fmt: skip
        return Injector(self._scene, self.plan.planned, self.watcher.say)

    def command(self, spec: WorkerSpec) -> list[str]:
        """The command line of a process of the run."""
        arguments = (
            msgspec.json.encode(spec).decode(),
            str(self.folder / "orders"),
            str(self._ledger),
            self.plan.plant,
        )
        return [sys.executable, "-P", "-m", "chaos.worker", *arguments]

    def hear(self, event: dict[str, Any]) -> None:
        """One event of a process."""
        self.recoveries.hear(event)
        if event["event"] in ("died", "stalled"):
            self.watcher.say(f"         {event.get('task')} {event['event']}: {event.get('message', '')}")

    def heal(self) -> None:
        """Undo whatever faults have left, so that the run can end in order."""
        if self._scene is not None:
            self._scene.let_go()
        self.cluster.heal()

    def acknowledged(self) -> set[int]:
        """Inputs that the publisher was told are durable: ``source_seq``, above ``PARTITION_AT`` the partition."""
        found: set[int] = set()
        for path in self.folder.glob(f"{self._ledger.name}.*"):
            data = path.read_bytes()
            found.update(np.frombuffer(data[: len(data) // 8 * 8], dtype="<u8").tolist())
        return found

    def flows(self) -> bool:
        """Whether anything was acknowledged yet."""
        return any(path.stat().st_size for path in self.folder.glob(f"{self._ledger.name}.*"))

    @property
    def age_s(self) -> float:
        """Seconds since its brokers were up."""
        return monotonic_s() - self._up_s

    def standing(self) -> str:
        """For messages: what is not up yet, and what had to be brought back."""
        late = ", ".join(task for task in self.supervisor.pids if not self.supervisor.is_ready(task)) or "none"
        again = ", ".join(f"{task} {times}" for task, times in self.supervisor.restarts.items()) or "none"
        return f"not up: {late}; brought back: {again}; inputs acknowledged: {'some' if self.flows() else 'none'}"

    def end_faults(self) -> None:
        """Let no fault wait any longer."""
        if self._scene is not None:
            self._scene.over.set()

    def close(self) -> None:
        """End everything."""
        if self._scene is not None:
            self._scene.close()
        self.supervisor.close()
        for log in self._logs:
            log.close()
        self._logs.clear()
        self.cluster.down()
        remove(self.folder)
        dismiss(self._keeper)

    def _another(self) -> Supervisor:
        """A supervisor for another worker."""
        return Supervisor(
            self.recoveries.shut_out, command=self.command, backoff_s=BACKOFF_S, deaths_max=DEATHS_MAX,
            fenced_max=DEATHS_MAX, fenced_s=FENCED_S,
        )  # fmt: skip

    @property
    def _ledger(self) -> Path:
        return self.folder / "acknowledged"

    def connect(self) -> KafkaLog:
        """The log as tasks reach it, for another worker."""
        return self._connect(self.cluster.proxied)

    def _connect(self, bootstrap: str) -> KafkaLog:
        log = connect(bootstrap)
        self._logs.append(log)
        return log
