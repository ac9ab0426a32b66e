"""Plays a sequence of payloads into ``raw.<source>``: open loop, each at its scheduled time, or as fast as it goes.

Latency counts from the scheduled time, never from a late send: a player that falls behind does not hide it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from feeds.ledger import Ledger
from streams.clock import sleep_s, wall_ns
from streams.publisher import Publisher

BURST_MAX = 256
"""Payloads handed over before the player looks at the clock again."""
NAP_S_MAX = 0.002
"""Longest sleep while waiting for the next scheduled time."""
NANOS = 1_000_000_000


class Event(Protocol):
    """What is played: key, capture time and payload."""

    @property
    def key(self) -> bytes:
        """``market:symbol``."""
        ...

    @property
    def ts_recv(self) -> int:
        """Capture time, ns UTC."""
        ...

    @property
    def payload(self) -> bytes:
        """Exactly as received."""
        ...


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast.

    Attributes:
        speed: Log seconds per wall second; 0 means as fast as it goes.
        origin_ns: Wall time at which the first payload is due.
    """

    speed: float
    origin_ns: int


class Player:
    """Publishes events in order, then an end record. Resumes where the log says a former player stopped."""

    def __init__(
        self, events: Iterator[Event], publisher: Publisher, ledger: Ledger, *, run: str, pace: Pace,
        seconds: float | None = None,
    ) -> None:  # fmt: skip
        self.done = publisher.ended
        self.sent = 0
        self._events = events
        self._publisher = publisher
        self._ledger = ledger
        self._run = run
        self._pace = pace
        self._seconds = seconds
        self._stopping = False
        self._first = 0
        self._time = 0
        self._held: Event | None = None
        self._skip = publisher.next_seq
        ledger.confirm(range(self._skip))

    def stop(self) -> None:
        """End early: the end record follows what has been sent."""
        self._stopping = True

    def turn(self, wait_s: float) -> bool:
        """Publish what is due, at most ``BURST_MAX``; sleeps a little (up to ``wait_s``) when nothing is."""
        if self.done:
            return False
        for _ in range(BURST_MAX):
            event = self._next()
            if event is None:
                self._finish()
                return True
            due = self._due(event)
            if self._pace.speed and due > wall_ns():
                self._held = event
                self._publisher.flush(0)
                sleep_s(min((due - wall_ns()) / NANOS, max(wait_s, NAP_S_MAX)))
                return True
            self._publisher.publish(event.payload, event.key, event.ts_recv, due if self._pace.speed else None)
            self.sent += 1
        return True

    def close(self) -> None:
        """Release the publisher; the ledger is written."""
        self._publisher.close()
        self._ledger.flush()

    def _next(self) -> Event | None:
        if self._stopping:
            return None
        event, self._held = self._held, None
        if event is not None:
            return event
        while True:
            event = next(self._events, None)
            if event is None:
                return None
            if not self._first:
                self._first = event.ts_recv
            self._time = max(self._time, event.ts_recv)
            if self._seconds is not None and self._time - self._first > self._seconds * NANOS:
                return None
            if self.sent < self._skip:
                self.sent += 1
                continue
            return event

    def _due(self, event: Event) -> int:
        if not self._pace.speed:
            return 0
        ahead = max(event.ts_recv, self._time) - self._first
        return self._pace.origin_ns + int(ahead / self._pace.speed)

    def _finish(self) -> None:
        self._publisher.end(self._run, self._time, self.sent)
        self._publisher.flush()
        self._ledger.flush()
        self.done = True
