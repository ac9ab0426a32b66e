"""Writes the clock of a live run: wall time ten times a second, time as a record.

An agent's now is data. The clock is the data by which it moves on when no market event does, and by which a task tells
that it has fallen behind the wall. A ticker cannot regenerate what it wrote, so it numbers like a publisher: a new one
reads the last number back and goes on.
"""

from __future__ import annotations

from collections.abc import Callable

from schemas.catalog import CLOCK
from schemas.clock import Clock
from schemas.codec import encode
from schemas.header import Header, no_stamps, pack
from streams.clock import monotonic_s, sleep_s, wall_ns
from streams.log import Log
from streams.read_back import last_header

TICK_S = 0.1
"""Time between two records."""

WRITER = "clock"


class Ticker:
    """Appends the wall time to one topic, as long as it is turned.

    Args:
        log: Where.
        topic: Full name of the clock topic.
        wall: Source of wall time, ns.
        monotonic: Source of the beat, seconds.

    Attributes:
        done: It was stopped: a live run has no end of its own.
        written: Records of this life.
        appender: What writes them.
    """

    def __init__(
        self, log: Log, topic: str, *, wall: Callable[[], int] = wall_ns, monotonic: Callable[[], float] = monotonic_s
    ) -> None:
        self.done = False
        self._topic = topic
        self._wall = wall
        self._monotonic = monotonic
        last = last_header(log, topic, 0, WRITER)
        self._seq = 0 if last is None else last.seq + 1
        self._newest = 0 if last is None else last.time
        self.written = 0
        self.appender = self._appender = log.appender()
        self._due = monotonic()

    def stop(self) -> None:
        """Write no more."""
        self.done = True

    def turn(self, wait_s: float) -> bool:
        """Write what is due; waits up to ``wait_s`` for it. Missed beats are not made up for."""
        now = self._monotonic()
        if now < self._due:
            sleep_s(min(self._due - now, wait_s))
            self._appender.flush(0)
            return False
        self._due = max(self._due + TICK_S, now)
        self._newest = max(self._newest, self._wall())  # a wall that is set back makes the clock stand, not step back
        header = Header(
            schema=CLOCK.number, version=CLOCK.version, seq=self._seq, time=self._newest, writer=WRITER,
            stamps=no_stamps(),
        )  # fmt: skip
        self._appender.append(self._topic, 0, None, encode(Clock(ts=self._newest)), pack(header))
        self._seq += 1
        self.written += 1
        return True

    def close(self) -> None:
        """Release the producer."""
        self._appender.close()
