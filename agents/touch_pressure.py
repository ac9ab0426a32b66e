"""The shipped strategy: the score's share of its full value, in quarters of the largest position.

It shows the way and earns no money: the default model's weights were set by hand.
"""

from __future__ import annotations

from typing import Any

from agents.target import Target
from features.kernel import kernel

STEPS = 4
"""Targets move in this many steps from flat to full."""

SCORE_FULL_BPS = 1.0
"""Score at which the target is the whole position."""


@kernel
def touch_pressure(row: Any, position: int, position_max: int, parameters: Any, memory: Any) -> int:  # noqa: ARG001
    """Target position, in whole steps of a quarter of the largest."""
    share = min(1.0, max(-1.0, row.score / parameters[0]))
    return int(share * STEPS) * (position_max // STEPS)


STRATEGY = Target(name="touch-pressure", kernel=touch_pressure, parameters={"score_full_bps": SCORE_FULL_BPS})
