"""All checks, in the order in which a reader wants them. START HERE.

::

    machine, python, disk        where this process runs
    broker, replication          the cluster that is meant (operations/brokers.py)
    topics                       its live topics against schemas/topics.py
    live run                     its tasks, clock and feed by what they committed; clocks; consumer groups
    kernels, jars, traces        what Tapedeck keeps on this machine

A check judges plain facts that are handed to it; here they are fetched. One that cannot be made says ``unknown`` and
why, and the others go on: most are wanted when something is broken. Nothing is written to the log.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from operations import (
    brokers,
    clocks,
    disk,
    groups,
    kernels,
    live_run,
    live_times,
    live_topics,
    machine,
    python,
    releases,
    tasks,
    traces,
)
from operations.finding import Finding
from schemas.errors import BrokerError, TapedeckError
from schemas.sources import SIMULATOR
from schemas.topics import topic_name
from streams.broker import EmbeddedBroker
from streams.broker_features import feature_levels
from streams.clock import wall_ns
from streams.cluster import ANSWER_S_MAX, Cluster
from streams.config import FLAG, Named
from streams.home import KERNELS_VARIABLE, crashes_dir, home, jars_dir, kernels_dir
from streams.kafka import KafkaLog
from streams.log import Log

NANOS_PER_MS = 1_000_000
NEED_THE_BROKER = ("broker settings", "topics", "tasks", "release", "consumer groups", "days left")
"""Checks that are unknown while no broker answers."""


@dataclass(frozen=True, slots=True)
class Meant:
    """The cluster that is meant.

    Attributes:
        bootstrap: Its address; None where the embedded broker is meant and does not run.
        embedded: Whether it is this home's embedded broker.
        data: Where its segments lie, if they lie on this machine and are ours.
        program: How ``tapedeck`` is called for it.
    """

    bootstrap: str | None
    embedded: bool
    data: Path | None
    program: str


def examine(named: Named | None, progress: Callable[[str], None] = lambda _said: None) -> list[Finding]:
    """Every check; takes a few seconds.

    Args:
        named: The cluster that the user named; None for the embedded broker.
        progress: Told what is being looked at.
    """
    embedded = EmbeddedBroker()
    meant = _meant(named, embedded)
    progress("looking at this machine")
    found = _guarded("machine", lambda: machine.look(broker_to_start=meant.bootstrap is None))
    found += _guarded("python", python.look)
    found += _guarded("disk", lambda: disk.look(home(), meant.data))
    progress(f"asking {meant.bootstrap or 'the embedded broker'}")
    if meant.embedded:
        found += _guarded("broker process", lambda: _process(embedded))
    found += _of_cluster(meant, progress)
    found += _guarded("kernels", lambda: kernels.cache(_kernels_folder()))
    found += _guarded("jars", lambda: [kernels.jars(jars_dir(), embedded=meant.embedded)])
    if meant.embedded:
        found += _guarded("broker log", lambda: [traces.server_log(Path(embedded.status().log))])
    found += _guarded("crashes", lambda: [traces.crashes(traces.crash_files(crashes_dir()), wall_ns() / 1e9)])
    return found


def _meant(named: Named | None, embedded: EmbeddedBroker) -> Meant:
    status = embedded.status()
    if named is None:
        return Meant(status.bootstrap, True, Path(status.data), "tapedeck")
    ours = status.bootstrap == named.bootstrap
    program = f"tapedeck {FLAG} {named.bootstrap}" if named.where == FLAG else "tapedeck"
    return Meant(named.bootstrap, ours, Path(status.data) if ours else None, program)


def _process(embedded: EmbeddedBroker) -> list[Finding]:
    status = embedded.status()
    if status.pid is not None:
        return [machine.look_at_broker(status.pid)]
    if embedded.died():
        return [Finding("broker process", "warn", "it ended without having been stopped: killed, or its machine was",
                        fix=f"tapedeck broker up; why it ended may stand in {status.log}")]  # fmt: skip
    return []


def _of_cluster(meant: Meant, progress: Callable[[str], None]) -> list[Finding]:
    """What the cluster says, or that it does not."""
    if meant.bootstrap is None:
        return [Finding("broker", "fail", "the embedded broker does not run", "a broker that answers",
                        "tapedeck broker up"), *_unseen()]  # fmt: skip
    cluster, log = Cluster(meant.bootstrap), KafkaLog(meant.bootstrap)
    try:
        addresses = cluster.brokers()
    except BrokerError:
        fix = "tapedeck broker down && tapedeck broker up" if meant.embedded else (
            f"start it, or name another: tapedeck {FLAG} HOST:PORT doctor")  # fmt: skip
        return [Finding("broker", "fail", f"{meant.bootstrap} does not answer within {ANSWER_S_MAX:g} s",
                        "a broker that answers", fix), *_unseen()]  # fmt: skip
    else:
        found = [Finding("broker", "ok", f"{meant.bootstrap} answers")]
        found += _guarded("broker settings", lambda: _brokers(meant, cluster, addresses))
        progress("looking at topics and tasks")
        found += _guarded("topics", lambda: _topics(meant, cluster, log))
        found += _guarded("tasks", lambda: _live(meant, log))
        found += _guarded("release", lambda: releases.findings(log, meant.program))
        found += _guarded("days left", lambda: _days_left(meant, cluster))
        found += _guarded("clock offset", lambda: [clocks.machine(clocks.kernel_clock())])
        found += _guarded("broker clock", lambda: [clocks.brokers(list(addresses.values()))])
        found += _guarded("consumer groups", lambda: groups.judge(cluster.groups(), cluster.bootstrap))
        return found
    finally:
        log.close()
        cluster.close()


def _kernels_folder() -> Path:
    """Where numba keeps what it compiles: where the environment says, else where Tapedeck tells it to."""
    named = os.environ.get(KERNELS_VARIABLE)
    return Path(named) if named else kernels_dir()


def _unseen() -> list[Finding]:
    return [
        *_guarded("clock offset", lambda: [clocks.machine(clocks.kernel_clock())]),
        *(Finding(check, "unknown", "not looked at: no broker answers") for check in NEED_THE_BROKER),
    ]


def _brokers(meant: Meant, cluster: Cluster, addresses: dict[int, str]) -> list[Finding]:
    first = min(addresses)
    levels = _guarded_levels(addresses[first])
    settings = cluster.broker_settings(first)
    return [
        brokers.version(levels, embedded=meant.embedded),
        *brokers.settings(cluster.bootstrap, settings, embedded=meant.embedded),
        *brokers.replication(cluster.bootstrap, len(addresses), settings, cluster.topics()),
    ]


def _guarded_levels(address: str) -> dict[str, int]:
    try:
        return feature_levels(address, ANSWER_S_MAX)
    except BrokerError:  # an encrypted listener, or another implementation: its version stays unknown
        return {}


def _topics(meant: Meant, cluster: Cluster, log: Log) -> list[Finding]:
    names = cluster.topics()
    run = live_run.opened(log)
    settings = cluster.topic_settings([spec.name for spec in live_topics.specs_of(names)])
    return live_topics.judge(
        names, settings, source=None if run is None else run.run.source,
        partitions=1 if run is None else run.run.partitions,
        gateway="" if run is None else run.run.gateway or "", bootstrap=cluster.bootstrap, program=meant.program,
    )  # fmt: skip


def _live(meant: Meant, log: Log) -> list[Finding]:
    """Tasks, clock and feed of the live run, and what its times say of clocks."""
    run = live_run.opened(log)
    if run is None:
        return [tasks.NOTHING_LIVE]
    source = run.run.source
    facts = live_run.tasks(log, run.run)
    raw = topic_name("", "raw.<source>", source)
    payloads = [live_run.newest(log, raw, partition) for partition in range(run.run.partitions)]
    clock, ticks = live_times.clock_ns(log), live_times.tick_times(log, source)
    now_ns = wall_ns()  # after all that it is compared with
    found = tasks.judge(
        facts, now_ms=now_ns // NANOS_PER_MS, opened_ms=run.opened_ms,
        clock_ms=None if clock is None else clock // NANOS_PER_MS,
        feed_ms=max((payload.timestamp_ms for payload in payloads if payload is not None), default=None),
        in_order=lambda: live_run.ended_in_order(log, run.run), program=meant.program,
    )  # fmt: skip
    if clock is not None and (ahead := clocks.live_clock(clock, now_ns)) is not None:
        found.append(ahead)
    if ticks is not None and source != SIMULATOR:
        found += clocks.feed_skew(ticks.lags, ticks.newest_recv, now_ns)
    return found


def _days_left(meant: Meant, cluster: Cluster) -> list[Finding]:
    if meant.data is None:
        return [Finding("days left", "unknown", "the broker's disk is not this machine's to see")]
    return [disk.days_left(disk.free_bytes(meant.data), disk.growth(cluster, meant.data))]


def _guarded(check: str, look: Callable[[], Iterable[Finding]]) -> list[Finding]:
    """Findings of a check; that it could not be made, where it could not."""
    try:
        return list(look())
    except (TapedeckError, OSError) as error:
        return [Finding(check, "unknown", str(error))]
