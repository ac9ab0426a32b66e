"""A feed of a simulated run: payloads under their own numbers, some of them missing, doubled, swapped or torn."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

from schemas.errors import BrokerError
from streams.log import Log
from streams.publisher import Publisher

FAULTS = ("gap", "duplicate", "reorder", "reconnect", "garbage")
RECONNECT_MAX = 12
"""Payloads that a reconnect misses, at most."""


class Due(NamedTuple):
    """A payload, and when it arrives, seconds after the start."""

    at_s: float
    key: bytes
    payload: bytes


def faulted(events: Sequence[Due], kinds: Sequence[str], rng: random.Random) -> list[Due]:
    """The same events as a bad line delivers them: one or two faults of each of the kinds."""
    made = list(events)
    for kind in kinds:
        for _ in range(rng.randint(1, 2)):
            at = rng.randrange(len(made) - 1)
            if kind == "gap":
                del made[at]
            elif kind == "duplicate":
                made.insert(at + rng.randint(0, 3), made[at])
            elif kind == "reorder":
                a, b = made[at], made[at + 1]
                made[at], made[at + 1] = b._replace(at_s=a.at_s), a._replace(at_s=b.at_s)
            elif kind == "reconnect":
                del made[at : min(at + rng.randint(1, RECONNECT_MAX), len(made) - 2)]
            else:
                made.insert(at, made[at]._replace(payload=made[at].payload[: rng.randrange(40)]))
    return made


class SimulatedFeed:
    """Publishes what is due; after any failure it opens a new publisher, which reads back how far the log holds.

    Args:
        log: Where.
        source: Name of the source.
        namespace: Topic prefix of the run.
        events: In order; the first has number 0.
        rng: Draws how much one turn sends.
        now_s: Simulated seconds; None: all is due at once.
        stamp: Receive time of an event, ns.
        end: Run id, where the run has an end.
        on_ack: Hears each number that is durable.
    """

    def __init__(
        self, log: Log, source: str, namespace: str, events: Sequence[Due], rng: random.Random,
        now_s: Callable[[], float] | None, stamp: Callable[[Due], int], end: str, on_ack: Callable[[int], None],
    ) -> None:  # fmt: skip
        self.done = False
        self._open: Callable[[], Publisher] = partial(Publisher, log, source, namespace=namespace, on_ack=on_ack)
        self._publisher: Publisher | None = None
        self._events = events
        self._rng = rng
        self._now_s = now_s
        self._stamp = stamp
        self._end = end

    def turn(self, wait_s: float) -> bool:
        """Publish a few of those that are due; a broken publisher is given up here, as its process would end."""
        del wait_s
        try:
            return self._turn()
        except BrokerError:
            self._publisher = None
            return True

    def _turn(self) -> bool:
        if self._publisher is None:
            self._publisher = self._open()
        if self._publisher.ended or (not self._end and self._publisher.next_seq >= len(self._events)):
            self._publisher.flush()
            self.done = True
            return False
        for sent in range(self._rng.randint(1, 24)):
            at = self._publisher.next_seq
            if at >= len(self._events):
                break
            event = self._events[at]
            if self._now_s is not None and event.at_s > self._now_s():
                self._publisher.flush(0)
                return sent > 0
            ts = self._stamp(event)
            self._publisher.publish(event.payload, event.key, ts, ts)
        if self._publisher.next_seq >= len(self._events):
            if self._end:
                self._publisher.end(self._end, self._stamp(self._events[-1]), len(self._events))
            self._publisher.flush()
        return True

    def close(self) -> None:
        """Drop the publisher."""
        self._publisher = None
