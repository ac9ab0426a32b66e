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
"""Longest sleep while waiting for the next scheduled time, unless the caller allows more."""
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

    def __init__(self, events: Iterator[Event], publisher: Publisher, ledger: Ledger, *, run: str, pace: Pace) -> None:
        self.done = publisher.ended
        self.sent = 0
        self._events = events
        self._publisher = publisher
        self._ledger = ledger
        self._run = run
        self._pace = pace
        self._stopping = False
        self._first: int | None = None
        self._newest = 0
        self._sent_until = 0
        self._held: Event | None = None
        self._skip = publisher.next_seq
        ledger.confirm(range(self._skip))
        ledger.flush()

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
            due = self._due()
            if self._pace.speed and due > wall_ns():
                self._held = event
                self._publisher.flush(0)
                sleep_s(min((due - wall_ns()) / NANOS, max(wait_s, NAP_S_MAX)))
                return True
            self._publisher.publish(event.payload, event.key, event.ts_recv, due if self._pace.speed else None)
            self._count()
        return True

    def close(self) -> None:
        """Release the publisher; the ledger is written."""
        self._publisher.close()
        self._ledger.flush()

    def _next(self) -> Event | None:
        while self.sent < self._skip and self._read() is not None:
            self._count()
        if self._stopping:
            return None
        event, self._held = self._held, None
        return event if event is not None else self._read()

    def _read(self) -> Event | None:
        event = next(self._events, None)
        if event is not None:
            self._first = self._first if self._first is not None else event.ts_recv
            self._newest = max(self._newest, event.ts_recv)
        return event

    def _count(self) -> None:
        self.sent += 1
        self._sent_until = self._newest

    def _due(self) -> int:
        """When the newest event read is due, wall ns: a stamp that steps back is due with the one before it."""
        if not self._pace.speed:
            return 0
        ahead = self._newest - (self._first or 0)
        return self._pace.origin_ns + int(ahead / self._pace.speed)

    def _finish(self) -> None:
        self._publisher.end(self._run, self._sent_until, self.sent)
        self._publisher.flush()
        self._ledger.flush()
        self.done = True
