"""Tasks of several partitions in the panel: one line a chain, and one for each worker with what it has."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from replay.run_figures import TaskFigures

OWNERS_SHOWN_MAX = 4
"""Workers shown; of more, those furthest behind."""


def folded(tasks: Sequence[TaskFigures]) -> list[TaskFigures]:
    """The tasks with those of one chain as one: rates, lags and deaths added up, the oldest commit."""
    from msgspec.structs import replace

    chains: dict[str, list[TaskFigures]] = {}
    for task in tasks:
        chains.setdefault(task.name.partition("@")[0], []).append(task)
    lines = []
    for chain, of in chains.items():
        ages = [task.commit_age_s for task in of if task.commit_age_s is not None]
        restarts = [task.restarts for task in of if task.restarts is not None]
        lines.append(of[0] if len(of) == 1 else replace(
            of[0], name=f"{chain} x{len(of)}", inputs=sum(task.inputs for task in of),
            per_s=sum(task.per_s for task in of), lag=added_lag(of), lag_is_bound=any(t.lag_is_bound for t in of),
            commit_age_s=max(ages, default=None), restarts=sum(restarts) if restarts else None,
            stalled=any(task.stalled for task in of),
        ))  # fmt: skip
    return lines


def owners(tasks: Sequence[TaskFigures]) -> list[tuple[str, str, int | None]]:
    """Worker, its partitions and their lag in all; nothing where there is one partition."""
    found: dict[str, list[TaskFigures]] = {}
    for task in tasks:
        if "@" in task.name:
            found.setdefault(task.owner or "nobody yet", []).append(task)
    told = [(owner, ranges({int(t.name.partition("@")[2]) for t in of}), added_lag(of)) for owner, of in found.items()]
    return sorted(told, key=lambda line: -(line[2] or 0))[:OWNERS_SHOWN_MAX]


def added_lag(tasks: Sequence[TaskFigures]) -> int | None:
    """Lag of several tasks in all; None where it is known of none."""
    lags = [task.lag for task in tasks if task.lag is not None]
    return sum(lags) if lags else None


def ranges(numbers: set[int]) -> str:
    """Numbers as a person writes them.

    >>> ranges({0, 1, 2, 5, 7, 8})
    '0-2,5,7-8'
    """
    parts: list[list[int]] = []
    for number in sorted(numbers):
        if parts and number == parts[-1][-1] + 1:
            parts[-1].append(number)
        else:
            parts.append([number])
    return ",".join(f"{part[0]}-{part[-1]}" if len(part) > 1 else str(part[0]) for part in parts)
