"""How far a task's life is in working off what lay on its input when it began: its recovery, told while it goes.

A life begins where the newest committed snapshot stands. What lies between that place and the end of the input is to be
worked off: first inputs whose outputs a former life left uncommitted, which are regenerated and compared, then those
that came while nobody was there. The end is fixed when the life begins; what comes later is ordinary lag.

The task says how far it is in each snapshot (``recovery``), so ``top`` and ``doctor`` know from the log alone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from schemas.catalog import END
from schemas.errors import BadFrame
from schemas.header import Header, unpack
from streams.inputs import Input
from streams.log import Log

LAST_OFFSETS = 64
"""Offsets at the input's end in which its last record is looked for: between two records lie a few markers at most."""
NANOS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class RecoveryProgress:
    """How far a recovery is.

    Attributes:
        done: Inputs worked off by this life.
        to_do: Inputs that lay there when it began: an estimate where their writer did not number them.
        elapsed_s: Since it began.
        left_s: At the mean speed so far; None before anything was done.
    """

    done: int
    to_do: int
    elapsed_s: float
    left_s: float | None

    @classmethod
    def of(cls, done: int, to_do: int, elapsed_s: float) -> RecoveryProgress:
        """With the time left.

        >>> RecoveryProgress.of(250, 1_000, 2.0).left_s
        6.0
        """
        to_do, elapsed_s = max(to_do, done), max(elapsed_s, 0.0)
        return cls(done, to_do, elapsed_s, elapsed_s * (to_do - done) / done if done > 0 else None)

    @classmethod
    def told(cls, recovery: Any, inputs: int, now_ns: int) -> RecoveryProgress | None:
        """From what a snapshot holds; None where its task was not recovering.

        Args:
            recovery: The snapshot's word.
            inputs: How many inputs the task has answered for.
            now_ns: Wall time.
        """
        if not isinstance(recovery, list) or len(recovery) != 3 or not all(isinstance(n, int) for n in recovery):
            return None
        first, last, began_ns = recovery
        return cls.of(max(0, inputs - first), last - first, (now_ns - began_ns) / NANOS)


class Recovery:
    """One life's.

    Args:
        log: Where.
        source: The primary input, as the snapshot left it.
        writer: Who numbers it; None where nobody is known to.
        monotonic: Source of time, seconds.
        wall: Source of wall time, ns.

    Attributes:
        active: Whether something is left of it.
        first: Inputs consumed when it began.
        last: Inputs consumed when it will be over, as far as that can be told.
    """

    def __init__(
        self, log: Log, source: Input, writer: str | None, monotonic: Callable[[], float], wall: Callable[[], int]
    ) -> None:
        self.first = source.ordinal
        self._monotonic = monotonic
        self._began_s, self._began_ns = monotonic(), wall()
        self._ended_s: float | None = None
        self._inputs = source.ordinal
        ahead, self._last_offset = _ahead(log, source, writer)
        self.last = source.ordinal + ahead
        self.active = source.offset <= self._last_offset

    def look(self, source: Input) -> bool:
        """Take in how far the input was consumed; whether something is still left."""
        if not self.active:
            return False
        self._inputs = source.ordinal
        self.active = source.offset <= self._last_offset
        if not self.active:
            self._ended_s = self._monotonic()
        return self.active

    @property
    def progress(self) -> RecoveryProgress:
        """How far it is; once it is over, what it came to."""
        until_s = self._monotonic() if self._ended_s is None else self._ended_s
        done = self._inputs - self.first
        to_do = self.last - self.first if self.active else done
        return RecoveryProgress.of(done, to_do, until_s - self._began_s if self.last > self.first else 0.0)

    def told(self) -> list[int] | None:
        """For the snapshot: inputs at its beginning and at its end, when it began (wall ns); None once it is over."""
        return [self.first, self.last, self._began_ns] if self.active else None


def last_ahead(log: Log, source: Input) -> int:
    """Offset of the last record that lies ahead on an input now; -1 where there is none."""
    return _ahead(log, source, None)[1]


def _ahead(log: Log, source: Input, writer: str | None) -> tuple[int, int]:
    """How many inputs lie ahead, and the offset of the last; -1 where there is none."""
    end = log.bounds(source.topic, source.partition)[1]
    if end <= source.offset:
        return 0, -1
    last_offset, last = -1, None
    for record in log.scan(source.topic, source.partition, max(source.offset, end - LAST_OFFSETS), committed=False):
        last_offset = record.offset
        last = _header(record.header, writer) or last
    if last_offset < 0:
        return 0, -1
    if last is None:
        return end - source.offset, last_offset
    numbered = last.seq + last.count - source.seqs.get(last.writer, 0)
    return max(0, numbered - (last.schema == END.number)), last_offset


def _header(data: bytes | None, writer: str | None) -> Header | None:
    """The header of a record that the topic's own writer numbered."""
    if data is None or writer is None:
        return None
    try:
        header = unpack(data)
    except BadFrame:
        return None
    return header if header.writer == writer else None
