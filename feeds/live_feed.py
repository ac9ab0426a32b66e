"""A live feed from what is recorded or simulated: each payload leaves at its own time, stamped as it is received.

The receive time is the moment at which the payload was due by the wall: what a socket would have given it. There is no
end record: a live day ends when people end it. A feed that dies has missed what came meanwhile, as any feed has; it
begins a session of its own, with fresh snapshots.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from feeds.player import BURST_MAX, NANOS, Event
from streams.clock import sleep_s, wall_ns
from streams.publisher import Publisher


class LiveFeed:
    """Publishes events as they fall due.

    Args:
        events: In the order in which they were received.
        publisher: Where they go.
        origin_ns: Wall time at which the sequence begins.
        first_ns: Receive time at which it begins; None: that of its first event.
        speed: Recorded seconds per wall second.
        wall: Source of wall time, ns.

    Attributes:
        sent: Payloads published by this life.
        publisher: Where they go.
    """

    def __init__(
        self, events: Iterator[Event], publisher: Publisher, *, origin_ns: int, first_ns: int | None = None,
        speed: float = 1.0, wall: Callable[[], int] = wall_ns,
    ) -> None:  # fmt: skip
        self.done = False
        self.sent = 0
        self._events = events
        self.publisher = self._publisher = publisher
        self._speed = speed
        self._wall = wall
        self._origin = origin_ns
        self._first = first_ns
        self._newest = first_ns or 0
        self._held: Event | None = None
        self._stopping = False

    def stop(self) -> None:
        """Publish no more; everything sent is acknowledged first."""
        self._stopping = True

    def turn(self, wait_s: float) -> bool:
        """Publish what is due, at most ``BURST_MAX``; sleeps up to ``wait_s`` when nothing is."""
        for _ in range(BURST_MAX):
            event = None if self._stopping else self._held or next(self._events, None)
            if event is None:
                self._publisher.flush()
                self.done = True
                return False
            due = self._due(event.ts_recv)
            ahead = due - self._wall()
            if ahead > 0:
                self._held = event
                self._publisher.flush(0)
                sleep_s(min(ahead / NANOS, wait_s))
                return False
            self._held = None
            self._publisher.publish(event.payload, event.key, due, due)
            self.sent += 1
        return True

    def close(self) -> None:
        """Release the publisher."""
        self._publisher.close()

    def _due(self, ts_recv: int) -> int:
        """When an event falls due, wall ns; a stamp that steps back is due with the one before it."""
        self._first = ts_recv if self._first is None else self._first
        self._newest = max(self._newest, ts_recv)
        return self._origin + int((self._newest - self._first) / self._speed)
