"""Payloads without a number, brought by several connections: told apart by what they say, within a window.

Each connection is counted for itself: what one repeats is no echo, as a beat that says the same every second.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from feeds.frames import Frame, Tally

ECHO_S = 10.0
"""What is said again after so long is said anew."""

ECHOES_MAX = 4_096
"""Payloads that are remembered."""


@dataclass(slots=True)
class _Said:
    since_s: float
    by_line: list[int]
    passed: int = 0


class Echoes:
    """Payloads of all sorts that have no number.

    Args:
        tallies: Of the connections.
    """

    def __init__(self, tallies: Sequence[Tally]) -> None:
        self._tallies = tallies
        self._said: dict[bytes, _Said] = {}

    def is_echo(self, frame: Frame, now_s: float) -> bool:
        """Whether another connection has brought it; it is taken in."""
        said = self._said.get(frame.payload)
        if said is None or now_s - said.since_s > ECHO_S:
            self._said.pop(frame.payload, None)
            said = self._said[frame.payload] = _Said(now_s, [0] * len(self._tallies))
            if len(self._said) > ECHOES_MAX:
                del self._said[next(iter(self._said))]
        said.by_line[frame.line] += 1
        if said.by_line[frame.line] <= said.passed:
            self._tallies[frame.line].lose(now_s - said.since_s)
            return True
        said.passed += 1
        return False

    def close(self, line: int) -> None:
        """A connection is gone: the next one in its place begins to count anew."""
        for said in self._said.values():
            said.by_line[line] = 0
