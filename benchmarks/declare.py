"""What a benchmark is: its name, what it measures, and for each figure the unit and the bound it must keep.

A figure is a ``gate`` where it has a bound: a ratio of two things measured side by side, or a count that must be exact.
Then its median over the pairs is held against the bound. Any other figure is ``informational``; it may have a goal,
which is shown and never fails. Absolute times are goals: they say as much about the machine as about the program.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Kind = Literal["gate", "informational"]


@dataclass(frozen=True, slots=True)
class Limit:
    """An inclusive bound or goal. Exactly one side is set."""

    at_least: float | None = None
    at_most: float | None = None

    def __post_init__(self) -> None:
        if (self.at_least is None) == (self.at_most is None):
            raise ValueError("a limit has one side")

    def holds(self, value: float) -> bool:
        """Whether a value keeps it; NaN keeps none."""
        return value >= self.at_least if self.at_least is not None else value <= (self.at_most or 0.0)

    def __str__(self) -> str:
        return f">= {self.at_least:,g}" if self.at_least is not None else f"<= {self.at_most:,g}"


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure of a benchmark.

    Attributes:
        unit: What its values are, e.g. ``ratio``, ``ticks/s``, ``us``.
        bound: Makes it a gate.
        goal: Where there is no bound: what is wished for.
        higher_is_better: For the comparison with the baseline.
    """

    name: str
    unit: str
    bound: Limit | None = None
    goal: Limit | None = None
    higher_is_better: bool = False

    @property
    def kind(self) -> Kind:
        """A figure with a bound is a gate."""
        return "informational" if self.bound is None else "gate"


@dataclass(frozen=True, slots=True)
class Series:
    """What was measured of one figure: a value a pair, and the two sides that each came from, where there are two."""

    values: list[float]
    sides: Mapping[str, list[float]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Found:
    """What a run of a benchmark gave: figures by name, and whatever explains them."""

    series: Mapping[str, Series]
    detail: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Benchmark:
    """A benchmark as ``just bench`` lists it.

    Attributes:
        measures: One sentence.
        module: Where its ``run(harness)`` is; imported when it runs.
        budget_s: How long it may take on two cores.
        figures: What it must give.
        arguments: Passed to ``run`` by name.
        slow: Left out of the gate whatever its figures are.
    """

    name: str
    measures: str
    module: str
    budget_s: float
    figures: tuple[Figure, ...]
    arguments: Mapping[str, Any] = field(default_factory=dict)
    slow: bool = False

    @property
    def kind(self) -> Kind:
        """A benchmark with a gate among its figures is one."""
        return "gate" if any(f.bound for f in self.figures) and not self.slow else "informational"


Run = Callable[..., Found]
"""``run(harness, **arguments)`` of a benchmark's module."""
