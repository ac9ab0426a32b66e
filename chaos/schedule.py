"""From a seed to a timed list of faults. The same seed, length and kinds give the same list on any machine.

>>> from chaos.kinds import kinds_for
>>> plan = schedule(7, 30.0, kinds_for(("kill", "halt"), 30.0, 1, live=True))
>>> len(plan), sorted({fault.kind for fault in plan})
(5, ['halt', 'kill'])
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from agents.topology import CLOCK, SINGLE
from chaos.kinds import Arguments, Kind
from schemas.partitions import named

FAULTS_MIN = 5
"""Fewest faults of a run."""
EVERY_S = 6.0
"""Mean time between two faults of a longer run: about what a task takes to come back on a busy machine."""
LEAD_S = 2.0
"""Before the first fault: something is to flow."""
TAIL_S = 4.0
"""Behind the last one's beginning: what it did is to be recovered from under load."""
JITTER = 0.9
"""Share of its slot within which a fault begins."""


@dataclass(frozen=True, slots=True)
class Planned:
    """One fault to come: when (s since the load began), which, and what was drawn of it."""

    at_s: float
    kind: str
    arguments: Arguments

    def __str__(self) -> str:
        told = ", ".join(f"{name} {value}" for name, value in self.arguments.items())
        return f"{self.at_s:6.1f} s {self.kind}" + (f" ({told})" if told else "")


def schedule(seed: int, seconds: float, kinds: Sequence[Kind]) -> tuple[Planned, ...]:
    """The faults of a run, in the order of their beginnings; at least ``FAULTS_MIN``.

    Args:
        seed: Of everything drawn.
        seconds: Length of the run, at least ``chaos.kinds.SECONDS_MIN``.
        kinds: What to draw from: in turns, so that a long run has all of them about equally often.
    """
    rng = random.Random(f"chaos {seed}")
    count = max(FAULTS_MIN, int(seconds / EVERY_S))
    slot_s = (seconds - LEAD_S - TAIL_S) / count
    turns = _turns(rng, kinds)
    planned = []
    for n in range(count):
        kind = next(turns)
        at_s = LEAD_S + (n + rng.random() * JITTER) * slot_s
        planned.append(Planned(round(at_s, 3), kind.name, kind.draw(rng, seconds)))
    return tuple(planned)


def spread(planned: Sequence[Planned], partitions: int) -> tuple[Planned, ...]:
    """The same faults in a topology of several partitions: each strikes the tasks of one of them, in turns.

    >>> [str(fault) for fault in spread([Planned(2.0, "kill", {"task": "hot"})] * 2, 2)]
    ['   2.0 s kill (task hot@0)', '   2.0 s kill (task hot@1)']
    """

    def placed(task: str, partition: int) -> str:
        return task if task in SINGLE or task == CLOCK else named(task, partition, partitions)

    found = []
    for number, fault in enumerate(planned):
        arguments: dict[str, Any] = dict(fault.arguments)
        if "task" in arguments:
            arguments["task"] = placed(arguments["task"], number % partitions)
        if "tasks" in arguments:
            arguments["tasks"] = [placed(task, number % partitions) for task in arguments["tasks"]]
        found.append(replace(fault, arguments=arguments))
    return tuple(found)


def _turns(rng: random.Random, kinds: Sequence[Kind]) -> Iterator[Kind]:
    """Kinds without end: all in a drawn order, then all in another one; a kind with a bound no more often than that."""
    taken: Counter[str] = Counter()
    while True:
        turn = [kind for kind in kinds if not kind.most or taken[kind.name] < kind.most] or list(kinds)
        rng.shuffle(turn)
        for kind in turn:
            taken[kind.name] += 1
            yield kind
