"""Readings of what a desk's hops know: books, decisions, positions. Looked at from outside, never in a step."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from agents.context import Context
from agents.standing import STATES
from schemas.columns import PRICE_SCALE
from schemas.decision import Decision
from schemas.definition import Definition
from streams.agent import Agent, Batch, Out
from streams.metrics import Reading
from streams.metrics_server import Readings, labelled
from streams.runner import Task
from streams.task_metrics import TaskReadings

POSITIONS_MAX = 1_000
"""Instruments whose position is told: of more, those that hold something come first."""


class Decided:
    """A risk hop whose decisions are counted from outside: all else is the hop's own.

    Attributes:
        verdicts: Decisions of this life by verdict.
        denials: Denials by the first check that failed.
    """

    def __init__(self, risk: Agent) -> None:
        self.verdicts: Counter[str] = Counter()
        self.denials: Counter[str] = Counter()
        self._risk = risk
        self.name, self.reads, self.sides, self.writes = risk.name, risk.reads, risk.sides, risk.writes
        self.start, self.offer, self.finish = risk.start, risk.offer, risk.finish
        self.snapshot, self.restore = risk.snapshot, risk.restore

    def step(self, state: Any, batch: Batch) -> Out:
        """As the hop does it."""
        out = self._risk.step(state, batch)
        for made in out.documents:
            if isinstance(made.document, Decision):
                self.verdicts[made.document.verdict] += 1
                if made.document.reasons:
                    self.denials[made.document.reasons[0]] += 1
        return out


def counted(stages: Sequence[Agent]) -> list[Agent]:
    """The stages, with decisions counted where they are made."""
    return [Decided(stage) if stage.name == "risk" else stage for stage in stages]


def of_task(task: Task, context: Context) -> list[Readings]:
    """All that a task tells: its own, and what its hops know."""
    found: list[Readings] = [TaskReadings(task)]
    for i, stage in enumerate(task.stages):
        if stage.name == "normalise":
            found.append(Venue(context.instruments, lambda i=i: task._states[i]))  # type: ignore[misc]
        elif stage.name == "gateway":
            found.append(_gateway(lambda i=i: task._states[i]))  # type: ignore[misc]
        elif isinstance(stage, Decided):
            found.append(_risk(stage, context, lambda i=i: task._states[i]))  # type: ignore[misc]
    return found


class Venue:
    """Gaps since this life began, and books that are not known."""

    def __init__(self, definitions: Sequence[Definition], state: Callable[[], Any]) -> None:
        self._names = [definition.instrument for definition in definitions]
        self._state = state
        self._first = state().books.tables.instruments["gaps"].tolist()

    def __call__(self) -> Iterator[Reading]:
        """By instrument."""
        rows = self._state().books.tables.instruments
        for name, gaps, first in zip(self._names, rows["gaps"].tolist(), self._first, strict=True):
            yield Reading("tapedeck_feed_gaps_total", gaps - first, (name,))
        yield Reading("tapedeck_books_unsynced", int(np.count_nonzero(rows["synced"] == 0)))


def _gateway(state_of: Callable[[], Any]) -> Readings:
    def readings() -> Iterator[Reading]:
        state = state_of()
        yield Reading("tapedeck_working_orders", len(state.working))
        yield Reading("tapedeck_report_repeats_total", state.repeats)

    return readings


def _risk(decided: Decided, context: Context, state_of: Callable[[], Any]) -> Readings:
    def readings() -> Iterator[Reading]:
        state = state_of()
        yield from labelled("tapedeck_decisions_total", dict(decided.verdicts))
        yield from labelled("tapedeck_denials_total", dict(decided.denials))
        yield Reading("tapedeck_halts", len(state.standing.halts))
        yield Reading("tapedeck_open_orders", len(state.open))
        yield from labelled("tapedeck_instruments", _by_state(state, context))
        yield from labelled("tapedeck_position", _positions(state, context.instruments))

    return readings


def _by_state(state: Any, context: Context) -> dict[str, int]:
    """Instruments by the state that holds for the run's own account and strategy."""
    found = dict.fromkeys(STATES, 0)
    run = context.run
    for definition, lacks in zip(context.instruments, state.lacks, strict=True):
        ordered = state.standing.state_of(run.account, run.strategy, definition.instrument)
        found["HALTED" if lacks else ordered] += 1
    return {str(state): count for state, count in found.items()}


def _positions(state: Any, definitions: Sequence[Definition]) -> dict[str, float]:
    held = state.position.tolist()
    slots = sorted(range(len(held)), key=lambda slot: held[slot] == 0)[:POSITIONS_MAX]
    return {
        definitions[slot].instrument: held[slot] * definitions[slot].size_increment / PRICE_SCALE
        for slot in sorted(slots)
    }  # fmt: skip
