"""A live topology under supervision: one process a task, brought back when it dies or stalls, ended in order.

Order of start: the clock first, as tasks that listen to it hold until it ticks; then the hops; the feed last.
Order of end: the feed first, then the hops in the data's way, each when it has worked off what the one before it sent;
the clock last. What is unanswered then stays in the snapshots: the next life goes on with it.

A monitor of the feeds, where one is asked for, is no part of this: nothing waits for it at the start or at the end, and
what becomes of it ends nothing.

Which partitions run here is fixed, or follows a consumer group (``streams/membership.py``): then partitions come and
go, each with its tasks, and partition 0 with all that there is once (clock, risk, feed). What goes commits and ends; it
does not work off its input, which its successor reads on.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

from agents.handover import clock_ticks
from agents.live_plan import LivePlan
from agents.opening import open_live
from agents.release_watch import release_of
from agents.stalls import Stalled, Stalls
from agents.successor import Successor
from agents.supervisor import Supervisor
from agents.topology import CLOCK, FEED, HEALTH, source_of, writers
from agents.worker_spec import FeedSpec, WorkerSpec
from schemas.control import RunOpened
from schemas.errors import ConfigError
from streams.kafka import KafkaLog
from streams.membership import GIVE_UP_S_MAX, SESSION_S, Membership

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
HAND_OVER_S_MAX = 20.0
"""How long the tasks of partitions that go elsewhere are given to commit: less than the group waits for them."""
assert HAND_OVER_S_MAX < GIVE_UP_S_MAX
FENCED_S = 15.0
"""How long a fenced task's return is put off where partitions move: by then its group has said whose it is."""
assert FENCED_S > SESSION_S
HEALTH_END_S_MAX = 3.0
"""How long a monitor is given to end: a killed one loses nothing."""
HEALTH_MODULE = "monitoring.health_worker"
"""What its process runs. It is named and not imported: what watches the tape stands above what makes it."""
LEASE_S = 10.0
"""Where partitions move, a process whose supervisor is silent for so long ends itself: its partitions have others."""
BEAT_S = 1.0
"""Seconds between the supervisor's words to its processes."""
LOOKED_S_MAX = 1.0
"""How long a look at ``control`` is waited for at the end."""
OnEvent = Callable[[dict[str, Any]], None]


class LiveSession:
    """A live run under way.

    Args:
        log: Where.
        plan: What it is.
        only: Names of the processes to run here; None for all. The others run elsewhere.
        on_event: Hears of what workers say, of deaths and stalls, and of partitions that come and go.
        member: Of the group that shares the partitions out; None: ``only`` says what runs here.
        supervisor: Of its processes; None for one of its own.

    Attributes:
        names: Processes that run here.
    """

    def __init__(
        self, log: KafkaLog, plan: LivePlan, only: Collection[str] | None, on_event: OnEvent,
        member: Membership | None = None, supervisor: Supervisor | None = None,
    ) -> None:  # fmt: skip
        self.plan = plan
        self.opened: RunOpened | None = None
        self.names = tuple(name for name in plan.names if only is None or name in only) if member is None else ()
        self._alone = only is None and member is None
        self._member = member
        self._owned: set[int] = set()
        self._log = log
        self._on_event = on_event
        self._supervisor = supervisor or Supervisor(
            on_event, backoff_s=BACKOFF_S, deaths_max=DEATHS_MAX, fenced_s=None if member is None else FENCED_S
        )
        self._started: list[str] = []
        self._stalled: Counter[str] = Counter()
        self._endpoint: Endpoint | None = None
        self._stalls = Stalls(log, {task.name: task for task in plan.tasks})
        self._found: SimpleQueue[Stalled] = SimpleQueue()
        self._successor: Successor | None = None
        self._releases: threading.Thread | None = None
        self._stopping = False
        self._ended = threading.Event()

    @property
    def restarts(self) -> Mapping[str, int]:
        """How often each task was brought back."""
        return self._supervisor.restarts

    def open(self) -> tuple[RunOpened, bool]:
        """Open the run; says whether it was opened now, or goes on.

        Raises:
            ConfigError: It runs already, or the live topics are another's.
        """
        if self._alone and clock_ticks(self._log):
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
        if self._member is not None:
            threading.Thread(target=self._beat, daemon=True, name="beat").start()
            self._member.join()
        self._start(self.names)
        threading.Thread(target=self._watch_stalls, daemon=True, name="stalls").start()
        self._releases = threading.Thread(target=self._watch_releases, daemon=True, name="releases")
        self._releases.start()
        while not self._stopping:
            self.turn()
            on_progress()

    def turn(self) -> None:
        """See to everything once: deaths, partitions that come and go, stalls, a release.

        Raises:
            TaskFailed: A task cannot be kept alive, or another process runs it too.
            BrokerError: The same, and Kafka is the cause.
        """
        self._supervisor.poll(POLL_S)
        self._follow()
        while not self._found.empty():
            task = self._found.get()
            self._on_event({"event": "stalled", "task": task.name, "message": task.why})
            self._stalled[task.name] += 1
            self._supervisor.kill(task.name)
        self._follow_release()

    def stop(self) -> None:
        """End in order: ``run`` returns, then ``close`` drains."""
        self._stopping = True

    def drain(self, on_progress: Callable[[str], None]) -> bool:
        """End every task in order, as the head of this file says; False where one had to be killed."""
        if self._member is not None:
            on_progress("handing over")
            in_order = self._supervisor.hand_over(self._started, HAND_OVER_S_MAX)
            self._member.leave()
            return in_order
        in_order = True
        order = [name for name in self._started if name not in (CLOCK, FEED, HEALTH)]
        for name in [n for n in (FEED, *order, CLOCK) if n in self._started]:
            on_progress(name)
            in_order &= self._supervisor.end(name, END_S_MAX)
        self._end_health()
        return in_order

    def close(self) -> None:
        """End every process that is still there, at once."""
        self._ended.set()
        if self._releases is not None:
            self._releases.join(LOOKED_S_MAX)
        self._supervisor.close()
        if self._endpoint is not None:
            self._endpoint.close()
        if self._member is not None:
            self._member.leave()

    def _end_health(self) -> None:
        """End the monitor, if there is one here; that it had to be killed is nobody's concern."""
        if HEALTH in self._started:
            self._supervisor.end(HEALTH, HEALTH_END_S_MAX)
            self._started.remove(HEALTH)

    def _start(self, names: Sequence[str]) -> None:
        for name in names:
            if name == FEED:
                self._supervisor.wait_ready(lambda: self._stopping)
            if self._stopping:
                return
            self._supervisor.start(self.spec(name))
            self._started.append(name)

    def _follow(self) -> None:
        """Take on what the group has given, and hand over what it wants back."""
        for change in () if self._member is None else self._member.changes():
            names = self.plan.names_of(change.partitions)
            if change.kind == "assigned":
                self._owned.update(change.partitions)
                self._told(change.kind, change.partitions)
                self._start([name for name in names if name not in (*self._started, FEED)])
            else:
                self._owned.difference_update(change.partitions)
                self._told(change.kind, change.partitions)
                self._supervisor.hand_over([name for name in names if name in self._started], HAND_OVER_S_MAX)
                self._started = [name for name in self._started if name not in names]
                if change.kind == "revoked" and self._member is not None:
                    self._member.released()
        feed_due = self._member is not None and FEED in self.plan.names_of(self._owned) and FEED not in self._started
        if feed_due and self._supervisor.ready:
            self._start([FEED])
        if self._member is not None:
            self.names = tuple(name for name in self.plan.names if name in self._started)

    def _told(self, kind: str, partitions: Collection[int]) -> None:
        changed = ", ".join(map(str, partitions))
        owned = ", ".join(map(str, sorted(self._owned))) or "none"
        self._on_event({"event": "partitions", "task": "", "message": f"{changed} {kind}; here now: {owned}"})

    def _watch_stalls(self) -> None:
        """In a thread of its own: a broker that is away lets who asks wait, and the dead must be brought back."""
        while not self._ended.wait(POLL_S):
            for task in self._stalls.look(self._supervisor.is_ready):
                self._found.put(task)

    def _watch_releases(self) -> None:
        """In a thread of its own too."""
        if self._successor is not None:
            self._successor.follow(
                lambda: "" if self.opened is None else self.opened.run,
                lambda: not {CLOCK, FEED, HEALTH}.issuperset(self._started) and self._has_left(), self._ended,
            )  # fmt: skip

    def _beat(self) -> None:
        while not self._ended.wait(BEAT_S):
            self._supervisor.beat()

    def _listen(self) -> None:
        """Tell how the processes are, where that was asked for; where it cannot be, that is said and all goes on."""
        metrics = self.plan.settings.metrics
        if metrics.port is None or self.opened is None:
            return
        from agents.process_metrics import of_supervisor
        from streams.metrics_server import Endpoint, info

        readings = [
            info(lambda: "" if self.opened is None else self.opened.run),
            *of_supervisor(self._supervisor, self.names or self.plan.names, self._stalled),
        ]
        try:
            self._endpoint = Endpoint(UP, readings, host=metrics.host, port=metrics.port)
        except ConfigError as error:
            self._on_event({"event": "no_metrics", "task": UP, "code": error.kind, "message": error.told})
        else:
            self._on_event({"event": "metrics", "task": UP, "metrics_port": self._endpoint.port})

    def _metrics_port(self, name: str) -> int | None:
        """Behind the supervisor's own, each name at one place, whichever of them run here."""
        base = self.plan.settings.metrics.port
        return None if name == HEALTH else base if not base else base + 1 + self.plan.names.index(name)

    def _has_left(self) -> bool:
        """Whether every task that was started here has left."""
        started = list(self._started)
        return all(self._supervisor.is_done(task.name) for task in self.plan.tasks if task.name in started)

    def _follow_release(self) -> None:
        """Start the tasks of the run that a release cut led to, where those of the run before have left."""
        found = None if self._successor is None else self._successor.found
        if self.opened is None or found is None or found[0].run == self.opened.run or not self._has_left():
            return
        opening, made_of = found
        if isinstance(made_of, ConfigError):
            raise made_of
        hops = [task.name for task in self.plan.tasks if task.name in self._started]
        before, self.plan, self.opened = self.plan, made_of, opening
        self._on_event({"event": "released", "run": opening.run, "message": f"{release_of(opening)} takes over: "
                        f"run {opening.run}"})  # fmt: skip
        if FEED in self._started and self.plan.settings.feed != before.settings.feed:
            self._supervisor.end(FEED, END_S_MAX)
            hops.append(FEED)
        for name in hops:
            self._supervisor.start(self.spec(name))
        self._follow_monitoring(before)

    def _follow_monitoring(self, before: LivePlan) -> None:
        """A monitor goes on through a release, unless its successor asks for another or for none."""
        asked = self.plan.settings.monitoring
        if asked != before.settings.monitoring and CLOCK in self._started:
            self._end_health()
            self._start([HEALTH] if asked.feed_health else [])
            self.names = tuple(name for name in self.plan.names if name in self._started)

    def spec(self, name: str) -> WorkerSpec:
        """What a process of this run is told, by its name."""
        if self.opened is None:
            raise AssertionError("start before open")
        feed = self.plan.settings.feed
        if name == HEALTH:
            return WorkerSpec(
                bootstrap=self._log.bootstrap, namespace="", run=self.opened.run, source=self.plan.source, task=name,
                module=HEALTH_MODULE, expendable=True, mode="live", window_s=self.plan.settings.monitoring.window_s,
                lease_s=0.0 if self._member is None else LEASE_S,
            )  # fmt: skip
        found = [task for task in self.plan.tasks if task.name == name]
        hops, partition = (found[0].hops, found[0].partition) if found else ((), 0)
        source = source_of(found[0], self.opened) if found else self.plan.source
        return WorkerSpec(
            bootstrap=self._log.bootstrap, namespace="", run=self.opened.run, source=source, task=name,
            hops=list(hops), mode="live", writers=writers(self.plan.tasks, source, partition),
            partition=partition, partitions=self.plan.partitions,
            folder=str(self.plan.folder), lease_s=0.0 if self._member is None else LEASE_S,
            bad_share_max=self.plan.settings.tasks.bad_share_max, bad_min=self.plan.settings.tasks.bad_min,
            metrics_host=self.plan.settings.metrics.host, metrics_port=self._metrics_port(name),
            feed=None if name != FEED else FeedSpec(
                captures=[str(path) for path in self.plan.captures], seed=feed.seed, speed=feed.speed,
                instruments=feed.instruments, symbols=feed.symbols, market=feed.market, url=feed.url,
                rest_url=feed.rest_url, connections=feed.connections,
            ),
        )  # fmt: skip
