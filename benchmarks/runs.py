"""Runs that benchmarks open, and the end of their topics."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import msgspec
from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient

from agents.topology import topic_specs
from benchmarks.ticks import tape_captures
from replay.plan import PlayPlan, open_run
from schemas.control import RunOpened
from schemas.errors import BrokerError
from streams.clock import monotonic_s, sleep_s, wall_ns
from streams.kafka import KafkaLog
from streams.kafka_client import client_settings
from streams.log import Log, TopicSpec

SESSION = f"bench.{wall_ns():x}."
"""Prefix of every topic of this process, so that a cluster's earlier benchmarks do not meet it."""
DELETE_S_MAX = 30.0
CREATE_S_MAX = 30.0
CREATE_PAUSE_S = 0.1


@dataclass(frozen=True)
class BenchRun(PlayPlan):
    """A run of a benchmark; ``changed`` replaces parameters of the demonstration strategy.

    Live, answers take effect where they arrive, and nothing waits for them: the mode that trades. Play waits.
    """

    changed: tuple[tuple[str, Any], ...] = ()
    mode: Literal["live", "play"] = "play"

    @property
    def namespace(self) -> str:
        """Topic prefix."""
        return f"{SESSION}{self.run}."

    def opening(self) -> RunOpened:
        """The opening record, with mode and parameters changed."""
        opened = super().opening()
        return msgspec.structs.replace(opened, mode=self.mode, parameters={**opened.parameters, **dict(self.changed)})


def untraded(run: str, mode: Literal["live", "play"] = "play") -> BenchRun:
    """A run whose strategy may hold no position, so that it sends no intent and awaits no answer."""
    return BenchRun(run=run, captures=tape_captures(), changed=(("position_max", {}),), mode=mode)


def open_fresh(log: Log, plan: PlayPlan, more: Sequence[str] = ()) -> None:
    """Open a run, with ``more`` topics in its namespace.

    Raises:
        BrokerError: Its topics are not there after ``CREATE_S_MAX``.
    """
    topics = [*topic_specs(plan.namespace, plan.source), *(TopicSpec(plan.topic(name)) for name in more)]
    until = monotonic_s() + CREATE_S_MAX
    while True:
        try:
            log.create(topics)
            break
        except BrokerError:
            if monotonic_s() > until:
                raise
            sleep_s(CREATE_PAUSE_S)
    open_run(log, plan)


def drop(log: KafkaLog, prefix: str = SESSION) -> None:
    """Delete the topics of a run, or all of this process: five pairs are gigabytes."""
    names = log.names(prefix)
    if names:
        admin = AdminClient(client_settings(log.bootstrap))
        for future in admin.delete_topics(names).values():
            try:
                future.result(DELETE_S_MAX)
            except KafkaException as error:  # a broker tells late of topics that it has just deleted
                if error.args[0].code() != KafkaError.UNKNOWN_TOPIC_OR_PART:
                    raise
