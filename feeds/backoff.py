"""How long to wait before the next attempt: twice as long after each failure, up to a bound, with full jitter.

Source: Brooker, "Exponential Backoff and Jitter", AWS Architecture Blog, 2015.
"""

from __future__ import annotations

import random
from collections.abc import Callable

FIRST_S = 0.5
LONGEST_S = 30.0


class Backoff:
    """Waits between attempts; ``draw`` gives numbers from 0 to 1.

    >>> backoff = Backoff(draw=lambda: 1.0)
    >>> [backoff.failed() for _ in range(8)]
    [0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0]
    >>> backoff.succeeded(), backoff.failed()
    (None, 0.5)
    """

    def __init__(self, draw: Callable[[], float] = random.random, first_s: float = FIRST_S) -> None:
        self._draw = draw
        self._first_s = first_s
        self._failures = 0

    def failed(self, least_s: float = 0.0) -> float:
        """Seconds to wait now; at least half of the step, and ``least_s`` where the venue asks for it."""
        step = min(self._first_s * 2.0 ** min(self._failures, 16), LONGEST_S)
        self._failures += 1
        return max(step * (0.5 + 0.5 * self._draw()), least_s)

    def succeeded(self) -> None:
        """The next failure is a first one."""
        self._failures = 0
