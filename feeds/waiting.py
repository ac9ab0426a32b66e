"""Differences that wait for their snapshot: a bounded queue per instrument, the oldest dropped when it is full."""

from __future__ import annotations

from typing import NamedTuple

from feeds.arrays import Ints, Records
from feeds.kernel import kernel
from feeds.messages import MESSAGE_LEVELS_MAX

WAITING_DIFFERENCES_MAX = 1024
"""Differences that wait, per instrument: over ten seconds of the fastest market."""

WAITING_LEVELS_MAX = MESSAGE_LEVELS_MAX
"""Their levels together; any single message fits."""


class Waiting(NamedTuple):
    """Queues by instrument, as rings.

    Attributes:
        messages: MESSAGE, shape (instruments, differences). ``begin`` points into ``prices`` and wraps around.
        prices: int64, shape (instruments, levels).
        sizes: int64, same shape.
        heads: int64, shape (instruments, 2): place of the oldest difference, and of its first level.
        counts: int64, shape (instruments, 2): differences that wait, and their levels.
    """

    messages: Records
    prices: Ints
    sizes: Ints
    heads: Ints
    counts: Ints


@kernel
def push(waiting: Waiting, slot: int, messages: Records, i: int, prices: Ints, sizes: Ints) -> int:
    """Append message ``i`` of a batch with its levels; returns how many old ones were dropped for it."""
    message = messages[i]
    needed = message.bids + message.asks
    counts = waiting.counts[slot]
    heads = waiting.heads[slot]
    queue = waiting.messages[slot]
    room = waiting.prices.shape[1]
    dropped = 0
    while counts[0] == len(queue) or counts[1] + needed > room:
        pop(waiting, slot)
        dropped += 1
    begin = (heads[1] + counts[1]) % room
    for k in range(needed):
        at = (begin + k) % room
        waiting.prices[slot, at] = prices[message.begin + k]
        waiting.sizes[slot, at] = sizes[message.begin + k]
    at = (heads[0] + counts[0]) % len(queue)
    queue[at] = messages[i]
    queue[at].begin = begin
    queue[at].cause = 0  # Its place in a batch that is gone: batching must leave no trace in the state.
    counts[0] += 1
    counts[1] += needed
    return dropped


@kernel
def pop(waiting: Waiting, slot: int) -> None:
    """Take the oldest away."""
    counts = waiting.counts[slot]
    heads = waiting.heads[slot]
    message = waiting.messages[slot, heads[0]]
    levels = message.bids + message.asks
    heads[0] = (heads[0] + 1) % waiting.messages.shape[1]
    heads[1] = (heads[1] + levels) % waiting.prices.shape[1]
    counts[0] -= 1
    counts[1] -= levels
