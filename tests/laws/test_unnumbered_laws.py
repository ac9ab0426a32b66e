"""A book whose differences have no numbers, brought by connections that come and go: what is published is the book.

A model venue keeps the true book after every difference. Snapshots tell the book alone, so that those of two places may
be the same bytes; a difference tells when it was made, as Coinbase's do.
"""

from __future__ import annotations

from collections import deque

from hypothesis import example, given, settings
from hypothesis import strategies as st

from feeds.frames import Frame, Tally
from feeds.unnumbered import Unnumbered

LINES = 3
LEVELS = 2
"""So few that a book often returns to what it was."""

ACTIONS = st.one_of(
    st.tuples(st.just("change"), st.integers(0, LEVELS - 1)),
    st.tuples(st.just("deliver"), st.integers(0, LINES - 1)),
    st.tuples(st.just("open"), st.integers(0, LINES - 1)),
    st.tuples(st.just("close"), st.integers(0, LINES - 1)),
    st.tuples(st.just("ask"), st.integers(0, LINES - 1)),
)
Action = tuple[str, int]
BOTH_OPEN: list[Action] = [("open", 0), ("open", 1), ("deliver", 0), ("deliver", 1)]


class World:
    """A venue, connections to it, and what becomes of their payloads."""

    def __init__(self) -> None:
        self.book = [0] * LEVELS
        self.history = [tuple(self.book)]
        self.open: dict[int, deque[tuple[str, bytes, int]]] = {}
        self.arbiter = Unnumbered([Tally() for _ in range(LINES)])
        self.follower: list[int] = []
        self.reached = -1
        self.only_begun = False

    def act(self, action: Action) -> None:
        what, which = action
        if what == "change":
            self.book[which] ^= 1
            self.history.append(tuple(self.book))
            place = len(self.history) - 1
            for queue in self.open.values():
                queue.append(("difference", f"{place}:{which}={self.book[which]}".encode(), place))
        elif what == "open" and which not in self.open:
            self.open[which] = deque()
            self._snapshot(which)
        elif what == "close" and which in self.open:
            del self.open[which]
            for left in self.arbiter.close(which, 0.0):
                self._publish(left)
            if not self.open:  # as the feed does: with the last one, all begins anew
                self.arbiter = Unnumbered([Tally() for _ in range(LINES)])
        elif what == "ask" and which in self.open and self.arbiter.adrift:
            self.arbiter.want_snapshot()
            self._snapshot(which)
        elif what == "deliver" and self.open.get(which):
            self._deliver(which)

    def settle(self) -> None:
        """Everything that was sent comes."""
        for line, queue in self.open.items():
            while queue:
                self._deliver(line)

    def _snapshot(self, line: int) -> None:
        place = len(self.history) - 1
        self.open[line].append(("snapshot", repr(self.history[place]).encode(), place))

    def _deliver(self, line: int) -> None:
        kind, payload, place = self.open[line].popleft()
        frame = Frame(line, place, b"", payload)  # its place rides along in the receive time, which is not looked at
        for left in self.arbiter.take_snapshot(frame) if kind == "snapshot" else self.arbiter.take(frame, 0.0):
            self._publish(left)

    def _publish(self, frame: Frame) -> None:
        place, said = frame.ts_recv, frame.payload.decode()
        if said.startswith("("):
            self.follower, self.only_begun = list(self.history[place]), True
        else:
            # One that began with the same book may lead from an earlier place, where it was the same.
            assert place > self.reached or self.only_begun, "published twice, or out of order"
            assert tuple(self.follower) == self.history[place - 1], "not the book that this is a difference to"
            level, quantity = said.split(":")[1].split("=")
            self.follower[int(level)], self.only_begun = int(quantity), False
        self.reached = place


@settings(max_examples=400, deadline=None)
@given(st.lists(ACTIONS, min_size=1, max_size=80))
@example([*BOTH_OPEN, ("change", 0), ("deliver", 0), ("close", 0), ("deliver", 1)])
@example([*BOTH_OPEN, ("change", 0), ("close", 0), ("deliver", 1)])
def test_what_is_published_is_the_venues_book_whatever_the_connections_do(actions: list[Action]) -> None:
    world = World()
    for action in actions:
        world.act(action)
    world.settle()
    if world.open and not world.arbiter.adrift:
        assert tuple(world.follower) == world.history[-1]
    for line in world.open:  # and where nobody's place is known, one snapshot mends it
        world.act(("ask", line))
    world.settle()
    assert not world.open or tuple(world.follower) == world.history[-1]


def test_one_that_closes_takes_nothing_along() -> None:
    """The other was behind, and had brought no difference yet."""
    world = World()
    for action in [*BOTH_OPEN, ("change", 0), ("deliver", 0), ("change", 1), ("close", 0)]:
        world.act(action)
    world.settle()
    assert (world.reached, world.arbiter.adrift) == (2, False)
