"""What was seen lately, and when first: a bounded memory by which the second of two is told.

>>> window = Window(2)
>>> window.add(7, 0.0), window.add(8, 0.5), window.add(9, 1.0)
(None, None, None)
>>> window.first_s(9), window.first_s(6), window.first_s(10)
(1.0, inf, None)
"""

from __future__ import annotations

NUMBERS_MAX = 4_096
"""Numbers of a stream that are remembered: seconds of a busy one. What is older counts as seen."""


class Window:
    """The newest numbers of a stream.

    Args:
        size: How many are held; one that left is known by the highest that did.
    """

    def __init__(self, size: int = NUMBERS_MAX) -> None:
        self._size = size
        self._times: dict[int, float] = {}
        self._floor = -1

    def add(self, number: int, now_s: float) -> None:
        """Take a number in."""
        self._times.setdefault(number, now_s)
        if len(self._times) > self._size:
            oldest = next(iter(self._times))
            del self._times[oldest]
            self._floor = max(self._floor, oldest)

    def first_s(self, number: int) -> float | None:
        """When it was seen first; infinity: too long ago to know; None: never."""
        found = self._times.get(number)
        return float("inf") if found is None and number <= self._floor else found

    def begin_after(self, number: int) -> None:
        """Forget everything; numbers up to this one count as seen."""
        self._times.clear()
        self._floor = number
