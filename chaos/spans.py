"""Spans of a task's work: a release in mid-run leaves at one input, and its successor goes on there from its state.

A re-run never spans two releases. It begins each with the first snapshot of its run, which a task commits before any
output: with what it took over or re-warmed, its half-consumed batches and its places on every input.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from agents.topology import TaskHops
from chaos.tape import Tape
from schemas.errors import SnapshotError
from streams.agent import Agent
from streams.snapshot import TaskState, from_bytes
from streams.state_bytes import load_values


@dataclass(frozen=True, slots=True)
class Span:
    """What one run of a task worked off.

    Attributes:
        run: Its run id; empty for the only one.
        begin: Its first snapshot; None: it began with the first input.
        end: Values of its own last snapshot, where another run followed.
    """

    run: str = ""
    begin: TaskState | None = None
    end: dict[str, Any] | None = None

    @property
    def until(self) -> int | None:
        """Number of the first input of the next span."""
        return None if self.end is None else int(self.end["input"]["ordinal"])

    def states(self, stages: Sequence[Agent]) -> list[Any]:
        """State of each stage."""
        if self.begin is None:
            return [stage.start() for stage in stages]
        return [stage.restore(data) for stage, data in zip(stages, self.begin.agents, strict=True)]

    def primary(self) -> tuple[dict[str, int], int, int]:
        """Numbers seen by writer, inputs consumed, and the offset to read from."""
        if self.begin is None:
            return {}, 0, 0
        at = self.begin.values["input"]
        return dict(at["seqs"]), at["ordinal"], at["offset"]

    def side(self, name: str) -> tuple[dict[str, int], int, int | None]:
        """Of a side topic: numbers seen by writer, the offset to read from, and the one that this span ends before."""
        before = None if self.end is None else self.end["sides"].get(name, {}).get("offset")
        if self.begin is None or name not in self.begin.values["sides"]:
            return {}, 0, before
        at = self.begin.values["sides"][name]
        return dict(at["seqs"]), at["offset"], before


def spans(tape: Tape, hops: TaskHops) -> list[Span]:
    """A task's spans by the runs that its snapshots name, in their order; one where there was one run."""
    strip = tape.strip("state", hops.state_partition)
    first: dict[str, bytes] = {}
    last: dict[str, bytes] = {}
    for record, header in [] if strip is None else strip.committed:
        if header is not None and record.key == hops.name.encode():
            try:
                run = str(load_values(record.value).get("run", ""))
            except SnapshotError:
                continue
            first.setdefault(run, record.value)
            last[run] = record.value
    if len(last) <= 1:
        return [Span()]
    runs = list(last)
    return [
        Span(
            run, None if i == 0 else from_bytes(first[run]),
            None if i + 1 == len(runs) else load_values(last[run]),
        )
        for i, run in enumerate(runs)
    ]  # fmt: skip
