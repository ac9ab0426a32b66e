"""What a feature family says about itself, for views, documents and laws."""

from __future__ import annotations

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
