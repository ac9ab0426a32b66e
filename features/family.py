"""What a feature family says about itself, for views, documents and laws."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

MEMORY_WIDTH = 2
"""float64 values that one feature may remember per instrument."""


@dataclass(frozen=True, slots=True)
class Family:
    """One kind of feature.

    Attributes:
        number: The fused kernel's switch; never reused.
        name: Default column name.
        version: Raised whenever the formula gives other bits for any input: it enters every view's hash.
        unit: Unit of the value.
        decays: Whether it takes a half-life.
    """

    number: int
    name: str
    version: int
    unit: str
    decays: bool


CUSTOM = -1
"""Number of every family of a desk's own: the fused kernel leaves its column to the family's kernel."""

CUSTOM_MEMORY_MAX = 4_096
"""Most float64 that one feature of a desk's own may remember of an instrument."""


@dataclass(frozen=True, slots=True, eq=False)
class CustomFamily:
    """A family of a desk's own: one kernel that fills its column of a batch.

    Attributes:
        name: Default column name; none of the shipped families'.
        version: Raised whenever the formula gives other bits for any input.
        unit: Unit of the value.
        kernel: ``(rows, slots, rate, memory, out) -> None``, compiled by ``features.kernel.kernel``. rows: tick rows,
            shape (n,); slots: int32 (n,), each row's instrument; rate: ln 2 over the half-life, 1/s, 0 without one;
            memory: float64 (instruments, ``memory``), zeros before any row; out: float64 (n,), to be written, finite.
        decays: Whether it takes a half-life.
        memory: float64 values remembered of each instrument.

    Raises:
        ValueError: A rule above is broken.
    """

    name: str
    version: int
    unit: str
    kernel: Callable[..., None]
    decays: bool = False
    memory: int = 0

    def __post_init__(self) -> None:
        if not self.name.isidentifier():
            raise ValueError(f"name of a feature family: got {self.name!r}; allowed: an identifier")
        if not 0 <= self.memory <= CUSTOM_MEMORY_MAX:
            raise ValueError(f"memory of {self.name}: got {self.memory}; allowed: 0 to {CUSTOM_MEMORY_MAX}")
        if not hasattr(self.kernel, "py_func"):
            raise ValueError(f"kernel of {self.name} is not compiled; decorate it with features.kernel.kernel")

    @property
    def number(self) -> int:
        """What the fused kernel knows it by."""
        return CUSTOM
