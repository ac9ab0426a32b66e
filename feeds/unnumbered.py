"""An instrument's book differences without numbers, brought by several connections: merged by what they say.

The venue promises that a connection leaves none out, so that each connection is the same sequence, seen from where it
began. One that has brought what another has brought too stands at a known place of it, and from there on whoever is
ahead is passed on; whoever is behind brings what is *owed*: the same, in the same order. One whose place is not known,
as it has just connected or brings something else than it owes, waits beside until what it brings meets what the others
bring; that the others are gone meanwhile does not matter. When nobody's place is known any more, a snapshot has to be
asked for: it begins the book anew.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from math import inf

from feeds.frames import Frame, Tally

OWED_MAX = 4_096
"""Differences that a connection may be behind, or that are kept of one whose place is not known."""


class Unnumbered:
    """The differences and snapshots of one book.

    Args:
        tallies: Of the connections.
    """

    def __init__(self, tallies: Sequence[Tally]) -> None:
        self._tallies = tallies
        self._owed: dict[int, deque[tuple[bytes, float]]] = {}
        self._aside: dict[int, deque[Frame]] = {}
        self._recent: deque[tuple[bytes, float]] = deque(maxlen=OWED_MAX)
        self._began = b""
        self._alike: set[int] = set()
        self._wanted = True

    @property
    def adrift(self) -> bool:
        """Whether nobody's place is known: a snapshot must come."""
        return not self._owed

    def want_snapshot(self) -> None:
        """One was asked for: the next passes."""
        self._wanted = True

    def close(self, line: int, now_s: float) -> list[Frame]:
        """A connection is gone. What leaves: of another that began with the same book, if nothing has changed it."""
        self._owed.pop(line, None)
        self._aside.pop(line, None)
        self._alike.discard(line)
        if self._owed or self._recent:
            return []
        ahead = {other: list(self._aside[other]) for other in sorted(self._alike)}
        for other in ahead:
            self._join(other, deque())
        return self._release(ahead, now_s)

    def take_snapshot(self, frame: Frame) -> list[Frame]:
        """What leaves: it, or nothing where the book is whole."""
        if self._owed and not self._wanted:
            self._set_aside(frame.line)
            if frame.payload == self._began:
                self._alike.add(frame.line)
            self._tallies[frame.line].lose(inf)
            return []
        self._wanted = False
        self._began = frame.payload
        self._alike.clear()
        for line in list(self._owed):
            self._set_aside(line)
        self._recent.clear()
        self._aside.pop(frame.line, None)
        self._owed[frame.line] = deque()
        return [frame]

    def take(self, frame: Frame, now_s: float) -> list[Frame]:
        """What leaves: a difference that is new, and what another was ahead with."""
        line, payload = frame.line, frame.payload
        owed = self._owed.get(line)
        if owed is None:
            return self._place(frame, now_s)
        if not owed:
            return self._pass(frame, now_s)
        place = next((i for i, (said, _) in enumerate(owed) if said == payload), None)
        if place is None and len(self._owed) > 1:
            self._set_aside(line)
            return self._place(frame, now_s)
        if place is None:  # who owed it is gone, and nobody else's place is known: it leads on
            owed.clear()
            return self._pass(frame, now_s)
        for _ in range(place):
            owed.popleft()
        self._tallies[line].lose(now_s - owed.popleft()[1])
        return []

    def _pass(self, frame: Frame, now_s: float) -> list[Frame]:
        """One that is new; others owe it, unless they were ahead with it."""
        said = (frame.payload, now_s)
        self._recent.append(said)
        for other, owed in list(self._owed.items()):
            if other != frame.line:
                owed.append(said)
                if len(owed) > OWED_MAX:
                    self._set_aside(other)
        ahead = {}
        for other, frames in list(self._aside.items()):
            place = next((i for i, held in enumerate(frames) if held.payload == frame.payload), None)
            if place is not None:
                ahead[other] = list(frames)[place + 1 :]
                self._join(other, deque())
                for _ in range(place + 1):
                    self._tallies[other].lose(0.0)
        return [frame, *self._release(ahead, now_s)]

    def _release(self, ahead: dict[int, list[Frame]], now_s: float) -> list[Frame]:
        """What leaves of what connections were ahead with, once all their places are known."""
        return [left for frames in ahead.values() for frame in frames for left in self.take(frame, now_s)]

    def _place(self, frame: Frame, now_s: float) -> list[Frame]:
        """Find out where a connection stands by what it brings."""
        frames = self._aside.setdefault(frame.line, deque(maxlen=OWED_MAX))
        recent = list(self._recent)
        place = next((i for i in reversed(range(len(recent))) if recent[i][0] == frame.payload), None)
        if place is None:
            frames.append(frame)
            return []
        self._tallies[frame.line].lose(now_s - recent[place][1])
        self._join(frame.line, deque(recent[place + 1 :]))
        return []

    def _join(self, line: int, owed: deque[tuple[bytes, float]]) -> None:
        self._alike.discard(line)
        del self._aside[line]
        self._owed[line] = owed

    def _set_aside(self, line: int) -> None:
        self._owed.pop(line, None)
        self._alike.discard(line)
        self._aside[line] = deque(maxlen=OWED_MAX)
