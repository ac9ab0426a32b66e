"""A live topology under supervision: one process a task, brought back when it dies or stalls, ended in order.

Order of start: the clock first, as tasks that listen to it hold until it ticks; then the hops; the feed last.
Order of end: the feed first, then the hops in the data's way, each when it has worked off what the one before it sent;
the clock last. What is unanswered then stays in the snapshots: the next life goes on with it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping
from typing import TYPE_CHECKING, Any

from agents.handover import clock_ticks
from agents.live_plan import LivePlan
from agents.opening import open_live
from agents.release_watch import release_of
from agents.stalls import Stalls
from agents.successor import Successor
from agents.supervisor import Supervisor
from agents.topology import CLOCK, FEED, writers
from agents.worker_spec import FeedSpec, WorkerSpec
from schemas.control import RunOpened
from schemas.errors import ConfigError
from streams.kafka import KafkaLog

if TYPE_CHECKING:
    from streams.metrics_server import Endpoint

UP = "up"
"""What the supervisor calls itself in metrics."""
POLL_S = 0.05
BACKOFF_S = (0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0)
"""Seconds before a task is brought back, by its deaths in a row."""
DEATHS_MAX = 20
"""Deaths in a row of one task, after which the topology ends: several minutes, and a broker may be back by then."""
END_S_MAX = 25.0
"""How long each task is given to work off its input and commit."""
OnEvent = Callable[[dict[str, Any]], None]


class LiveSession:
    """A live run under way.

    Args:
        log: Where.
        plan: What it is.
        only: Names of the processes to run here; None for all. The others run elsewhere.
        on_event: Hears of what workers say, of deaths and of stalls.
    """

    def __init__(self, log: KafkaLog, plan: LivePlan, only: Collection[str] | None, on_event: OnEvent) -> None:
        self.plan = plan
        self.opened: RunOpened | None = None
        self.names = tuple(name for name in plan.names if only is None or name in only)
        self._only = only
        self._log = log
        self._on_event = on_event
        self._supervisor = Supervisor(on_event, backoff_s=BACKOFF_S, deaths_max=DEATHS_MAX)
        self._started: list[str] = []
        self._stalled: Counter[str] = Counter()
        self._endpoint: Endpoint | None = None
        self._stalls = Stalls(log, {t.name: t for t in plan.tasks if t.name in self.names})
        self._successor: Successor | None = None
        self._stopping = False

    @property
    def restarts(self) -> Mapping[str, int]:
        """How often each task was brought back."""
        return self._supervisor.restarts

    def open(self) -> tuple[RunOpened, bool]:
        """Open the run; says whether it was opened now, or goes on.

        Raises:
            ConfigError: It runs already, or the live topics are another's.
        """
        if self._only is None and clock_ticks(self._log):
            raise ConfigError(
                "a live topology is running here already", kind="live_already",
                got="its clock ticks", fix="tapedeck top shows it; end that one first",
            )  # fmt: skip
        self.opened, fresh = open_live(self._log, self.plan)
        self._successor = Successor(self._log, self.plan.file)
        return self.opened, fresh

    def run(self, on_progress: Callable[[], None]) -> None:
        """Start everything and keep it alive until ``stop``.

        Raises:
            TaskFailed: A task cannot be kept alive, or another process runs it too.
            BrokerError: The same, and Kafka is the cause.
        """
        self._listen()
        for name in self.names:
            if name == FEED:
                self._supervisor.wait_ready(lambda: self._stopping)
            if self._stopping:
                return
            self._supervisor.start(self._spec(name))
            self._started.append(name)
        while not self._stopping:
            self._supervisor.poll(POLL_S)
            for task in self._stalls.look(self._supervisor.is_ready):
                self._on_event({"event": "stalled", "task": task.name, "message": task.why})
                self._stalled[task.name] += 1
                self._supervisor.kill(task.name)
            self._follow_release()
            on_progress()

    def stop(self) -> None:
        """End in order: ``run`` returns, then ``close`` drains."""
        self._stopping = True

    def drain(self, on_progress: Callable[[str], None]) -> bool:
        """End every task in order, as the head of this file says; False where one had to be killed."""
        in_order = True
        order = [name for name in self._started if name not in (CLOCK, FEED)]
        for name in [n for n in (FEED, *order, CLOCK) if n in self._started]:
            on_progress(name)
            in_order &= self._supervisor.end(name, END_S_MAX)
        return in_order

    def close(self) -> None:
        """End every process that is still there, at once."""
        if self._successor is not None:
            self._successor.close()
        self._supervisor.close()
        if self._endpoint is not None:
            self._endpoint.close()

    def _listen(self) -> None:
        """Tell how the processes are, where that was asked for; where it cannot be, that is said and all goes on."""
        metrics = self.plan.settings.metrics
        if metrics.port is None or self.opened is None:
            return
        from agents.process_metrics import of_supervisor
        from streams.metrics_server import Endpoint, info

        readings = [info(self.opened.run), *of_supervisor(self._supervisor, self.names, self._stalled)]
        try:
            self._endpoint = Endpoint(UP, readings, host=metrics.host, port=metrics.port)
        except ConfigError as error:
            self._on_event({"event": "no_metrics", "task": UP, "code": error.kind, "message": error.told})
        else:
            self._on_event({"event": "metrics", "task": UP, "metrics_port": self._endpoint.port})

    def _metrics_port(self, name: str) -> int | None:
        """Behind the supervisor's own, each name at one place, whichever of them run here."""
        base = self.plan.settings.metrics.port
        return base if not base else base + 1 + self.plan.names.index(name)

    def _follow_release(self) -> None:
        """Start the tasks of the run that a release cut led to, where those of the run before have left."""
        if self.opened is None or self._successor is None:
            return
        hops = [task.name for task in self.plan.tasks if task.name in self.names]
        left = all(self._supervisor.is_done(name) for name in hops)
        opening = self._successor.look(self.opened.run, bool(hops) and left)
        if opening is None or not left:
            return
        before, self.plan, self.opened = self.plan, self._successor.plan_of(opening), opening
        self._on_event({"event": "released", "run": opening.run, "message": f"{release_of(opening)} takes over: "
                        f"run {opening.run}"})  # fmt: skip
        if FEED in self.names and self.plan.settings.feed != before.settings.feed:
            self._supervisor.end(FEED, END_S_MAX)
            hops.append(FEED)
        for name in hops:
            self._supervisor.start(self._spec(name))

    def _spec(self, name: str) -> WorkerSpec:
        if self.opened is None:
            raise AssertionError("start before open")
        feed = self.plan.settings.feed
        hops = next((list(task.hops) for task in self.plan.tasks if task.name == name), [])
        return WorkerSpec(
            bootstrap=self._log.bootstrap, namespace="", run=self.opened.run, source=self.plan.source, task=name,
            hops=hops, mode="live", writers=writers(self.plan.tasks, self.plan.source), folder=str(self.plan.folder),
            bad_share_max=self.plan.settings.tasks.bad_share_max, bad_min=self.plan.settings.tasks.bad_min,
            metrics_host=self.plan.settings.metrics.host, metrics_port=self._metrics_port(name),
            feed=None if name != FEED else FeedSpec(
                captures=[str(path) for path in self.plan.captures], seed=feed.seed, speed=feed.speed,
                instruments=feed.instruments,
            ),
        )  # fmt: skip
