"""What a strategy is: a kernel that says, after each score, which position it wants. Everything else is the hop's.

The hop (``agents/strategy.py``) keeps positions, rests and unanswered intents, and sends what leads from the position
held to the one wanted. So a strategy of a desk's own is one function and a few numbers, in a file of its own::

    from agents.target import Target
    from features.kernel import kernel

    @kernel
    def follow(row, position, position_max, parameters, memory):
        return position_max if row.score > parameters[0] else 0

    STRATEGY = Target(name="follow", kernel=follow, parameters={"threshold_bps": 0.5})

The kernel is called once for every score row with a sound touch, in stream order, on the path of every order: no clock,
no I/O, no randomness, no numpy reductions, no exp or log but those of ``features/arithmetic.py``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from schemas.errors import ConfigError

MEMORY_MAX = 4_096
"""Most float64 a strategy may remember of each instrument."""


@dataclass(frozen=True, slots=True, eq=False)
class Target:
    """A strategy.

    Attributes:
        name: Stands in every intent, and in halts of scope ``strategy``.
        kernel: ``(row, position, position_max, parameters, memory) -> target``, compiled by ``features.kernel.kernel``.
            row: a score row (``schemas/score.py``); position, position_max, target: signed and unsigned int64 in units
            of the instrument's ``size_increment``; parameters: float64, in the order of ``parameters``; memory:
            float64, shape (``memory``,), the instrument's own, zeros before its first row. A target beyond
            ``position_max`` is cut to it.
        parameters: Defaults by name; a topology's ``[strategy.parameters]`` replaces them.
        memory: float64 values remembered of each instrument; they are part of every snapshot.
        migrate: ``(owner, memory) -> memory``, plain Python, called once when a release takes over from another
            strategy's code: ``owner`` is that one's name and the sha256 of its file, ``memory`` float64 of shape
            (instruments, its ``memory``); the result has this one's width. None: memory is re-warmed from the tape.
    """

    name: str
    kernel: Callable[..., int]
    parameters: Mapping[str, float] = field(default_factory=dict)
    memory: int = 0
    migrate: Callable[[str, Any], Any] | None = None

    def __post_init__(self) -> None:
        if not self.name or not self.name.isascii() or any(c.isspace() for c in self.name):
            raise ConfigError(
                "not a strategy's name", kind="plugin_rules", got=repr(self.name), allowed="ASCII without spaces"
            )
        if not hasattr(self.kernel, "py_func"):
            raise ConfigError(
                "a strategy's function is not compiled", kind="plugin_rules", got=repr(self.kernel), where=self.name,
                fix="decorate it with features.kernel.kernel",
            )  # fmt: skip
        if not 0 <= self.memory <= MEMORY_MAX:
            raise ConfigError(
                "memory out of range",
                kind="plugin_rules",
                got=str(self.memory),
                allowed=f"0 to {MEMORY_MAX}",
                where=self.name,
            )
        for name, value in self.parameters.items():
            if isinstance(value, bool) or not isinstance(value, int | float):
                raise ConfigError(
                    "not a number", kind="plugin_rules", got=repr(value), where=f"{self.name}: parameters.{name}"
                )

    def values(self, given: Mapping[str, Any]) -> list[float]:
        """Parameters in order: those given over the defaults."""
        return [float(given.get(name, default)) for name, default in self.parameters.items()]
