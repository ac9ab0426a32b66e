"""Runs a live topology under a person's eyes: what it does while it goes, ctrl-C, and what is said at its end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from agents.live import LiveSession
from agents.live_plan import LivePlan, check_venue
from agents.topology import CLOCK, HEALTH
from agents.topology_file import METRICS_PORT_MAX
from console.cluster import started
from console.figures import count, duration
from console.interrupts import Interrupted, Interrupts
from console.live_view import View, open_view
from console.reporter import Reporter
from console.terminal import complain, emit
from console.watch import Watch
from replay.watched import watched
from schemas.errors import ConfigError
from schemas.topics import topic_name
from streams.clock import monotonic_s
from streams.logs import about
from streams.namespace import LIVE

if TYPE_CHECKING:
    from streams.kafka import KafkaLog
    from streams.membership import Membership

GROUP = "tapedeck.live"
"""The consumer group in which workers share a live topology's partitions out; one live run a cluster."""
SECONDS_MAX = 366 * 86_400.0
DONE, UNORDERLY, INTERRUPTED = 0, 1, 130
"""Exit codes: ended in order; a task had to be killed at the end; interrupted a second time."""


@dataclass(frozen=True, slots=True)
class Choices:
    """The flags. ``only`` is None for all tasks; ``shared``: a consumer group says which partitions run here."""

    only: tuple[str, ...] | None
    shared: bool
    seconds: float | None
    as_json: bool


def chosen(plan: LivePlan, only: Sequence[str], partitions: str | None = None) -> tuple[str, ...] | None:
    """Names of the processes meant by ``--only`` and ``--partitions``; None where neither was given.

    Raises:
        ConfigError: No such process, or no such partition, in this topology.
    """
    meant: list[str] = []
    for name in only:
        found = [known for known in plan.names if name in (known, known.partition("@")[0])]
        if not found:
            raise ConfigError("no such task", kind="no_task", got=name, allowed=", ".join(plan.names), where="--only")
        meant += found
    if partitions is None:
        return tuple(meant) or None
    of = plan.names_of(numbers(partitions, plan.partitions))
    return tuple(name for name in of if not only or name in meant)


def numbers(text: str, count: int) -> set[int]:
    """Partitions named by e.g. ``0-3,5``.

    Raises:
        ConfigError: Not so written, none, or not within ``count``.
    """
    found: set[int] = set()
    for part in text.split(","):
        first, dash, last = part.partition("-")
        if not first.isdecimal() or (dash and not last.isdecimal()) or int(last if dash else first) >= count:
            found.clear()
            break
        found.update(range(int(first), int(last if dash else first) + 1))
    if not found:
        raise ConfigError(
            "no such partitions", kind="bad_partitions", got=text, allowed=f"0-{count - 1}" if count > 1 else "0",
            where="--partitions",
        )  # fmt: skip
    return found


def with_metrics(plan: LivePlan, port: int | None) -> LivePlan:
    """The plan with metrics at the port of the flag; None: as the topology file says.

    Raises:
        ConfigError: No such port.
    """
    if port is None:
        return plan
    if not 0 <= port <= METRICS_PORT_MAX:
        raise ConfigError(
            "out of range", kind="out_of_range", got=str(port), allowed=f"0 to {METRICS_PORT_MAX}",
            where="--metrics-port",
        )  # fmt: skip
    metrics = msgspec.structs.replace(plan.settings.metrics, port=port)
    return replace(plan, settings=msgspec.structs.replace(plan.settings, metrics=metrics))


def with_venue(plan: LivePlan, kind: Literal["paper", "external"] | None) -> LivePlan:
    """The plan with the venue of the flag; None: as the topology file says.

    Raises:
        ConfigError: The topology asks for what that venue cannot do.
    """
    if kind is None:
        return plan
    venue = msgspec.structs.replace(plan.settings.venue, kind=kind)
    changed = replace(plan, settings=msgspec.structs.replace(plan.settings, venue=venue))
    check_venue(changed.settings, "--venue")
    return changed


def run_live(plan: LivePlan, choices: Choices, named: str | None) -> int:
    """Run it until it is ended; returns the exit code.

    Raises:
        TapedeckError: It could not be started, or a task could not be kept alive; every process has ended.
    """
    if choices.seconds is not None and not 0 < choices.seconds <= SECONDS_MAX:
        raise ConfigError(
            "out of range", kind="out_of_range", got=f"{choices.seconds:g}", allowed=f"above 0, up to {SECONDS_MAX:g}",
            where="--seconds",
        )  # fmt: skip
    from streams.kafka import connect

    view = open_view("tapedeck up", as_json=choices.as_json)
    with Interrupts() as interrupts:
        try:
            log = connect(started(named, view.stage))
            try:
                return _Lived(plan, choices, view, log).run(interrupts)
            finally:
                log.close()
        except Interrupted:
            complain("interrupted", event="interrupted", code="interrupted", exit=INTERRUPTED)
            return INTERRUPTED
        finally:
            view.close()


class _Lived:
    """One life of a live topology."""

    def __init__(self, plan: LivePlan, choices: Choices, view: View, log: KafkaLog) -> None:
        self._plan = plan
        self._choices = choices
        self._view = view
        self._log = log
        self._reporter = Reporter(view.say, {})
        member = self._member() if choices.shared else None
        self._session = LiveSession(log, plan, choices.only, self._event, member)
        self._watch: Watch | None = None
        self._began_s = monotonic_s()
        self._up_s: float | None = None

    def run(self, interrupts: Interrupts) -> int:
        """Open, run, end in order, tell."""
        session = self._session
        opened, fresh = session.open()
        about(run=opened.run)
        here = f"a share of {self._plan.partitions} partitions" if self._choices.shared else ", ".join(session.names)
        self._view.say(f"{'opened' if fresh else 'going on with'} {opened.run}: {here}; ctrl-C ends it in order")
        interrupts.on_first(session.stop)
        try:
            session.run(self._look)
            in_order = session.drain(lambda task: self._view.stage(f"ending: {task}"))
        finally:
            if self._watch is not None:
                self._watch.close()
            session.close()
        interrupts.on_first(None)
        self._view.close()
        self._tell((session.opened or opened).run, fresh, in_order)
        return DONE if in_order else UNORDERLY

    def _member(self) -> Membership:
        """Of the group that shares the partitions out."""
        from streams.membership import Membership, protocol_of

        protocol = protocol_of(self._log.bootstrap)
        told = "the broker assigns (KIP-848)" if protocol == "consumer" else "cooperative-sticky"
        self._view.say(f"joining group {GROUP}: {told}")
        return Membership(self._log.bootstrap, GROUP, topic_name("", "raw.<source>", self._plan.source), protocol)

    def _look(self) -> None:
        if self._watch is None:
            self._watch = Watch(self._log, lambda: watched(self._log, LIVE), self._view, apart=True)
        if self._up_s is None and self._reporter.ready >= set(self._session.names) - {HEALTH}:
            self._up_s = monotonic_s()
        seconds = self._choices.seconds
        if seconds is not None and self._up_s is not None and monotonic_s() - self._up_s >= seconds:
            self._session.stop()
        self._watch.look(restarts=self._session.restarts)

    def _event(self, event: dict[str, Any]) -> None:
        self._reporter.event(event)
        if self._watch is None:
            names = set(self._session.names) - {CLOCK, HEALTH}
            self._view.stage(f"starting: {len(names & self._reporter.ready)} of {len(names)} tasks ready")

    def _tell(self, run: str, fresh: bool, in_order: bool) -> None:
        from replay.observer import Observer

        observer = Observer(self._log, watched(self._log, LIVE))
        try:
            figures = observer.poll(restarts=self._session.restarts)
        finally:
            observer.close()
        elapsed_s = monotonic_s() - self._began_s
        if self._choices.as_json:
            import orjson

            told = {
                "run": run, "opened": fresh, "tasks": list(self._session.names), "elapsed_s": round(elapsed_s, 3),
                "in_order": in_order, "restarts": dict(self._session.restarts),
                "metrics": dict(self._reporter.metrics), "figures": figures.document(),
            }  # fmt: skip
            emit(orjson.dumps(told).decode())
            return
        restarts = ", ".join(f"{task} {n}" for task, n in self._session.restarts.items())
        emit(
            f"{run} ended {'in order' if in_order else 'NOT in order'} after {duration(elapsed_s)}: "
            f"{count(figures.ticks.total)} ticks, {count(figures.orders.total)} orders, "
            f"{count(figures.denied.total)} denied so far{f'; restarts: {restarts}' if restarts else ''}\n"
            "what stands: tapedeck top --once; go on: tapedeck up"
        )
