"""Which ids of a stream have been seen: a repeat is told from a latecomer, within a bound.

Each stream of an instrument keeps a ring of its newest ids. An id above all seen is new. One that is not: held by the
ring, it is a repeat; not held, it is older, a latecomer. What has left the ring can no longer be told apart: an id at
or below the highest that left counts as a repeat, because a message that late is far more often a stream played twice,
and nothing may be doubled.

>>> recent = empty_recent(instruments=1, streams=1, ids=3)
>>> [remember(recent, 0, 0, number) for number in (5, 7, 7, 6, 8, 9, 6, 5, 10)] == [
...     NEW, NEW, REPEAT, OLDER, NEW, NEW, REPEAT, REPEAT, NEW]
True
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from feeds.arrays import Ints
from feeds.kernel import kernel

NEW = 0
REPEAT = 1
OLDER = 2

RECENT_IDS_MAX = 1024
"""Ids held per stream: seconds of a busy one."""


class RecentIds(NamedTuple):
    """Rings of ids by instrument and stream.

    Attributes:
        ids: int64, shape (instruments, streams, capacity).
        counts: int64, shape (instruments, streams): ids ever taken in; the next goes to ``counts % capacity``.
        newest: int64, same shape: highest id seen, -1 before any.
        floors: int64, same shape: highest id that left the ring, -1 before any.
    """

    ids: Ints
    counts: Ints
    newest: Ints
    floors: Ints


def empty_recent(instruments: int, streams: int, ids: int = RECENT_IDS_MAX) -> RecentIds:
    """Rings that have seen nothing."""
    shape = (instruments, streams)
    return RecentIds(
        ids=np.zeros((*shape, ids), np.int64),
        counts=np.zeros(shape, np.int64),
        newest=np.full(shape, -1, np.int64),
        floors=np.full(shape, -1, np.int64),
    )


@kernel
def remember(recent: RecentIds, slot: int, stream: int, number: int) -> int:
    """Take an id >= 0 in; says NEW, REPEAT or OLDER. A repeat leaves the ring as it is."""
    ring = recent.ids[slot, stream]
    count = recent.counts[slot, stream]
    answer = NEW
    if number <= recent.newest[slot, stream]:
        if number <= recent.floors[slot, stream]:
            return REPEAT
        for i in range(min(count, len(ring))):
            if ring[i] == number:
                return REPEAT
        answer = OLDER
    else:
        recent.newest[slot, stream] = number
    at = count % len(ring)
    if count >= len(ring):
        recent.floors[slot, stream] = max(recent.floors[slot, stream], ring[at])
    ring[at] = number
    recent.counts[slot, stream] = count + 1
    return answer


@kernel
def place_of(recent: RecentIds, slot: int, stream: int, number: int) -> int:
    """Where in the ring an id stands; -1 where it does not, or not any more."""
    ring = recent.ids[slot, stream]
    for at in range(min(recent.counts[slot, stream], len(ring))):
        if ring[at] == number:
            return at
    return -1


@kernel
def forget(recent: RecentIds, slot: int, stream: int, number: int) -> None:
    """Begin a stream anew after an id: those up to it count as repeats."""
    recent.ids[slot, stream, :] = 0
    recent.counts[slot, stream] = 0
    recent.newest[slot, stream] = number
    recent.floors[slot, stream] = number
