"""What a window of health is of: a place in a partition, and what is carried from one window to the next."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from schemas.feed_health import FeedHealth
from streams.log import Record

NANOS = 1_000_000_000

NameOf = Callable[[int], str]
"""Name (``market:symbol``) of an instrument by its id."""


@dataclass(frozen=True, slots=True, order=True)
class Spot:
    """A row of a record: where a window begins or ends."""

    offset: int
    row: int = 0


@dataclass(frozen=True, slots=True)
class Standing:
    """What is known of an instrument when a window begins.

    Attributes:
        last_ts: Log time of its newest tick.
        synced: Whether its book was synchronised then.
    """

    last_ts: int
    synced: bool


@dataclass(frozen=True, slots=True)
class Carry:
    """What the documents of a window say of all that came before its end: enough to go on from there.

    Attributes:
        at: The first row behind the window.
        standings: By instrument id; of no meaning in ``dlq``.
    """

    at: Spot
    standings: dict[int, Standing] = field(default_factory=dict)


class Health(Protocol):
    """Windows of one partition: a pure function of its records in order."""

    def take(self, record: Record) -> Sequence[FeedHealth]:
        """The documents of the windows that this record ends, in order."""
        ...


def carried(window: Sequence[FeedHealth]) -> Carry:
    """What all documents of a window, of one partition, carry on."""
    return Carry(
        Spot(window[0].end_offset, window[0].end_row),
        {w.instrument_id: Standing(w.last_ts, w.synced) for w in window},
    )
