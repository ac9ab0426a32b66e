"""The work of a live process: a task that ends in order when it is asked to, the feed, the clock."""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

from agents.builds import OTHER_RELEASE, check_run
from agents.context import Context
from agents.leaving import Leaving
from agents.release_watch import ReleaseWatch
from agents.topology import TaskHops, deployed
from agents.worker_spec import FeedSpec, WorkerSpec, say
from schemas.errors import ConfigError
from streams.clock import monotonic_s, wall_ns
from streams.kafka import KafkaLog
from streams.recovery import Recovery
from streams.runner import Task
from streams.succession import Succession

NOW = -1.0
"""A moment that is over on any clock: what is to end by then ends at the next turn."""
QUIET_S = 0.5
"""A task that was asked to end has drained when nothing has come for this long, and nothing lies ahead: silence
alone says nothing, as on a busy machine a fetch may take as long."""
DRAIN_S_MAX = 20.0
"""It commits what it has and ends after this long at the latest: the rest is the next life's."""
LEAD_NS = 100_000_000
"""From the feed's start to its first payload."""
NANOS = 1_000_000_000


def succeeded(spec: WorkerSpec, log: KafkaLog) -> Succeeded | None:
    """Nothing to do, where the run was cut over from, or is about to be and the task has not begun; else None.

    Raises:
        ConfigError: Somebody opened another run meanwhile.
    """
    try:
        check_run(log, spec.run, hops_of(spec), spec.namespace)
    except ConfigError as error:
        if error.kind != OTHER_RELEASE:
            raise
        return Succeeded(log, spec)
    return None


def taken(
    spec: WorkerSpec, hops: TaskHops, log: KafkaLog, context: Context, make: Callable[[Callable[[], None]], Task]
) -> Draining | Succeeded:  # fmt: skip
    """A live task that has taken its place; or nothing to do, where its run was cut over from meanwhile.

    Raises:
        ConfigError: Somebody opened another run meanwhile.
    """
    try:
        task = make(lambda: check_run(log, spec.run, hops, spec.namespace))
    except ConfigError as error:
        if error.kind != OTHER_RELEASE:
            raise
        return Succeeded(log, spec)
    return Draining(Leaving(task, hops, log, deployed(context.run)), context)


class Draining:
    """A live task that works off its input and commits when SIGTERM comes, or leaves at a release cut.

    Attributes:
        task: The task.
        context: What its hops were made of.
    """

    def __init__(self, task: Leaving, context: Context) -> None:
        self.done = task.done
        self._task = task
        self.task = task.task
        self.context = context
        self._quiet_since = 0.0
        self._until = 0.0
        succession = task.task.succession
        if succession is not None:
            say("succeeded", task=task.task.plan.name, run=task.task.plan.run, **told(succession))
        signal.signal(signal.SIGTERM, lambda *_: self.stop())
        signal.signal(signal.SIGUSR1, lambda *_: self.hand_over())

    def hand_over(self) -> None:
        """Commit at the end of this turn, then end: another process goes on from there."""
        self._until = self._quiet_since = NOW

    @property
    def recovery(self) -> Recovery:
        """The task's."""
        return self.task.recovery

    def stop(self) -> None:
        """Take what is there, then end."""
        if not self._until:
            self._quiet_since = monotonic_s()
            self._until = self._quiet_since + DRAIN_S_MAX

    def turn(self, wait_s: float) -> bool:
        """One piece of work; the last one is a commit."""
        moved = self._task.turn(wait_s)
        if self._task.done:
            self.done = True
        elif self._until:
            now = monotonic_s()
            self._quiet_since = now if moved else self._quiet_since
            if now >= self._until or (now - self._quiet_since >= QUIET_S and self.task.last_ahead() < 0):
                self._task.commit()
                self.done = True
        return moved

    def close(self) -> None:
        """Release the task."""
        self._task.close()


def hops_of(spec: WorkerSpec) -> TaskHops:
    """The task that a process is told to be."""
    return TaskHops(spec.task, tuple(spec.hops), spec.partition, spec.partitions)


class Succeeded:
    """What is left to do for a task of a run that another has succeeded: nothing, where it left at a release cut.

    Raises:
        ConfigError: The run was not cut over from: somebody opened another.
    """

    done = True

    def __init__(self, log: KafkaLog, spec: WorkerSpec) -> None:
        if not ReleaseWatch(log, spec.namespace).succeeded(spec.run):
            check_run(log, spec.run, hops_of(spec), spec.namespace)

    def turn(self, wait_s: float) -> bool:  # noqa: ARG002  nothing is waited for
        """Nothing."""
        return False

    def close(self) -> None:
        """Nothing."""


def told(succession: Succession) -> dict[str, Any]:
    """How a task took over, for the supervisor."""
    return {"hops": succession.rewarmed, "migrated": sorted(succession.migrated), "rows": succession.rows}


def live_feed(spec: WorkerSpec, feed: FeedSpec, log: KafkaLog) -> Any:
    """The feed: a venue's own, recorded payloads, or simulated ones of a session that begins now."""
    if feed.symbols:
        return _venue_feed(spec, feed, log)
    from feeds.live_feed import LiveFeed
    from feeds.sequence import open_sequence, warm_sequence
    from streams.publisher import Publisher

    publisher = Publisher(log, spec.source, namespace=spec.namespace)
    captures = [Path(p) for p in feed.captures]
    warm_sequence(captures, feed.instruments)
    start_ns = wall_ns() + LEAD_NS
    # Another life is another session: its ids, made of its start, go on upwards, as a venue's do after a reconnect.
    events = open_sequence(
        captures, seconds=None, seed=(feed.seed + start_ns // NANOS) % 2**63,
        instruments=feed.instruments, start_ns=start_ns,
        on_fault=lambda fault: say("fault", task=spec.task, message=fault),
    )  # fmt: skip
    playing = LiveFeed(
        events, publisher, origin_ns=start_ns, first_ns=None if feed.captures else start_ns, speed=feed.speed
    )
    signal.signal(signal.SIGTERM, lambda *_: playing.stop())
    return playing


def _venue_feed(spec: WorkerSpec, feed: FeedSpec, log: KafkaLog) -> Any:
    """A venue's live feed."""
    from feeds.live_instruments import asked_for
    from feeds.venue_feed import VenueFeed
    from streams.publisher import Publisher

    asked = asked_for(
        spec.source, feed.symbols, feed.market or None, feed.url or None, feed.rest_url or None, shipped=True
    )
    publisher = Publisher(log, spec.source, namespace=spec.namespace)

    def tell(event: str, message: str) -> None:
        say(
            "log",
            task=spec.task,
            level="info" if event in ("connected", "arbitrated") else "warning",
            message=f"{event}: {message}",
        )

    live = VenueFeed(
        asked.venue, asked.market, asked.definitions, asked.dialect, publisher, connections=feed.connections, tell=tell
    )
    signal.signal(signal.SIGTERM, lambda *_: live.stop())
    return live


def clock(spec: WorkerSpec, log: KafkaLog) -> Any:
    """The clock."""
    from schemas.topics import topic_name
    from streams.ticker import Ticker

    ticker = Ticker(log, topic_name(spec.namespace, "clock"))
    signal.signal(signal.SIGTERM, lambda *_: ticker.stop())
    return ticker
