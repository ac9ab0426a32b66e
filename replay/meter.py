"""Rate of something that is counted, over the last few seconds."""

from __future__ import annotations

from collections import deque

WINDOW_S = 3.0
"""The rate shown is that of so many seconds."""


class Meter:
    """Given totals now and then, tells events a second."""

    def __init__(self) -> None:
        self._points: deque[tuple[float, int]] = deque()

    def rate(self, now_s: float, total: int) -> float:
        """Events a second, given how many there have been by now."""
        self._points.append((now_s, total))
        while len(self._points) > 2 and now_s - self._points[0][0] > WINDOW_S:
            self._points.popleft()
        (first_s, first), (last_s, last) = self._points[0], self._points[-1]
        return (last - first) / (last_s - first_s) if last_s > first_s else 0.0
