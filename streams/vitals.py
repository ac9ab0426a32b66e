"""What a task counts while it works: plain attributes, written by its own thread, read by whoever looks.

No lock and no library: a reader may see a figure that is a moment old, and the task never waits for it.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from dataclasses import dataclass, field

from streams.agent import Batch
from streams.metrics import COMMIT_BUCKETS_S


@dataclass(slots=True)
class Vitals:
    """Of one life of a task.

    Attributes:
        commits: By bucket of ``COMMIT_BUCKETS_S``, with one more for what is longer.
        commit_s: What they took together.
        snapshot_bytes: Size of the newest snapshot; 0 before the first.
        dead_letters: Inputs refused, by kind of error.
        held: Whether a stale clock holds the input.
        newest: The batch taken last: its last item's log time is the task's.
    """

    commits: list[int] = field(default_factory=lambda: [0] * (len(COMMIT_BUCKETS_S) + 1))
    commit_s: float = 0.0
    snapshot_bytes: int = 0
    dead_letters: Counter[str] = field(default_factory=Counter)
    held: bool = False
    newest: Batch | None = None

    def committed(self, seconds: float, snapshot_bytes: int) -> None:
        """A commit, and how large its snapshot was.

        >>> vitals = Vitals()
        >>> vitals.committed(0.004, 900)
        >>> vitals.commits[:3], vitals.snapshot_bytes
        ([0, 1, 0], 900)
        """
        self.commits[bisect_left(COMMIT_BUCKETS_S, seconds)] += 1
        self.commit_s += seconds
        self.snapshot_bytes = snapshot_bytes
