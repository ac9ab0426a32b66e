"""What simulated schedules share, built once a process: the opening, agents with warm kernels, short sessions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import msgspec

from agents.context import Context, context_of
from agents.live_plan import load_topology
from agents.topology import TaskHops, deployment
from agents.warm import warm
from chaos.sim_feed import Due
from feeds.simulator import simulate
from schemas.control import RunOpened
from schemas.definition import Definition
from streams.agent import Agent

Mode = Literal["live", "play"]
SESSIONS = 8
"""Short sessions that schedules draw from."""
SESSION_EVENTS = 60
"""Payloads of one, and the seconds that they are spread over."""
SESSION_S = 0.35
SESSION_SEED = 4_711
INSTRUMENTS = 2
LATENCY_NS = 5_000_000
"""Of the paper venue: answers come within a session, many times."""
SCORE_FULL_BPS = 0.2
"""The strategy changes its mind at the slightest score, so that a short session makes orders."""
NANOS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class World:
    """A run's parts.

    Attributes:
        mode: ``live`` or ``play``.
        opening: The record that opens it.
        definitions: Instruments.
        context: What agents are built from.
        tasks: The deployment.
        stages: Agents of each task, kernels warm.
    """

    mode: Mode
    opening: RunOpened
    definitions: tuple[Definition, ...]
    context: Context
    tasks: tuple[TaskHops, ...]
    stages: Mapping[str, Sequence[Agent]]

    def build(self, hops: TaskHops, _context: Context) -> Sequence[Agent]:
        """The agents of a task: they keep no state of their own, so all lives and re-runs share them."""
        return self.stages[hops.name]


@lru_cache
def world(mode: Mode, split: bool) -> World:
    """The world of a mode and deployment."""
    plan = load_topology(None)
    shipped = plan.opening("r")
    most = {name: units // 2 for name, units in shipped.parameters["position_max"].items()}
    opening = msgspec.structs.replace(
        shipped, mode=mode, venue_latency_ns=LATENCY_NS, split=split,
        parameters={**shipped.parameters, "rest_ms": 1, "score_full_bps": SCORE_FULL_BPS, "position_max": most},
    )  # fmt: skip
    context = context_of(opening, plan.definitions)
    tasks = deployment(split)
    stages: dict[str, Sequence[Agent]] = {hops.name: hops.build(context) for hops in tasks}
    for agents in stages.values():
        warm(agents, context)
    return World(mode, opening, plan.definitions, context, tasks, stages)


@lru_cache
def session(number: int) -> tuple[Due, ...]:
    """A short session: what the simulator sends first, spread evenly in its order over ``SESSION_S``."""
    made = []
    for at, event in enumerate(simulate(10.0, SESSION_SEED + number, instruments=INSTRUMENTS, events=())):
        if at == SESSION_EVENTS:
            break
        made.append(Due(at * SESSION_S / SESSION_EVENTS, event.key, event.payload))
    return tuple(made)
