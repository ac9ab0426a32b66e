"""How a run in memory is cut into turns, reads, frames and commits: none of it may change what is written."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

Fault = Callable[[str, str, int], None]
"""Called with (task, point, inputs consumed) wherever a task of a memory run may be made to die, by SimulatedCrash."""


@dataclass(frozen=True, slots=True)
class Cut:
    """A cut.

    Attributes:
        seed: Draws whose turn it is.
        records_max: Records taken from the log in one read.
        frame_rows: Rows in a frame, at most.
        commit_interval_s: Longest time between commits, s of simulated time.
        pause_share: Of turns, those in which a task sleeps.
    """

    seed: int = 0
    records_max: int = 256
    frame_rows: int = 256
    commit_interval_s: float = 0.5
    pause_share: float = 0.0
