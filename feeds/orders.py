"""Orders of an order-by-order feed: what is left of each, and the price levels that they add up to.

A clean life is created, changed any number of times, deleted. What venues send is not clean, and each kind of dirt is
counted, once an order: an order whose creation was never seen (it rested before the recording, or its creation came
behind its end), a second deletion, anything else behind the deletion, and a message that repeats the one before it to
the receive time. Behind its deletion nothing moves an order any more: what comes late must not bring it back.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from feeds.arrays import Ints
from feeds.messages import DEPTH, NOTE, ORDER, Messages

CREATED, CHANGED, DELETED = 0, 1, 2
"""What became of an order: ``seller`` of an ``ORDER`` message. Its one level is what is left of it."""

LIVE_MAX = 262_144
"""Orders kept at once; beyond them the oldest is forgotten, and its size leaves the book."""
DEAD_MAX = 65_536
"""Deleted orders remembered, so that what comes behind a deletion is told from an order never created."""

LIFECYCLES = ("orders", "never_created", "deleted_twice", "after_deletion", "repeated", "forgotten")
"""Counted per instrument. after_deletion: all events behind a deletion, second deletions included."""
_ORDERS, _NEVER_CREATED, _DELETED_TWICE, _AFTER_DELETION, _REPEATED, _FORGOTTEN = range(len(LIFECYCLES))
_LIVE_COLUMNS, _DEAD_COLUMNS = 7, 6

_Order = tuple[int, int]
"""(slot, id)."""
_Word = tuple[int, int, int, int]
"""The last that was said of an order: (what became of it, price, size left, receive time)."""
_Level = tuple[int, int, int]
"""(slot, 1 for offers, price)."""


class Orders:
    """What is known of orders.

    Attributes:
        counts: LIFECYCLES, shape (instruments, n).
    """

    def __init__(self, instruments: int) -> None:
        self.counts: Ints = np.zeros((instruments, len(LIFECYCLES)), np.int64)
        self._live: dict[_Order, tuple[int, _Word]] = {}
        self._dead: dict[_Order, _Word] = {}
        self._levels: dict[_Level, int] = {}

    def take(self, batch: Messages) -> Messages:
        """The same messages, orders turned into differences of levels, or notes where the book stays as it is."""
        messages = batch.messages.copy()
        if not (messages["kind"] == ORDER).any():
            return batch
        prices, sizes = batch.prices.tolist(), batch.sizes.tolist()
        names = ("kind", "slot", "last", "seller", "begin", "asks", "ts_recv")
        columns = zip(*(messages[name].tolist() for name in names), strict=True)
        for i, (kind, slot, number, what, begin, offer, ts_recv) in enumerate(columns):
            if kind != ORDER:
                continue
            word = (what, prices[begin], sizes[begin], ts_recv)
            changes = self._apply((slot, number), offer, word)
            message = messages[i]
            message["kind"] = DEPTH if changes else NOTE
            message["first"] = message["last"] = message["seller"] = 0
            message["begin"] = len(prices)
            message["asks"] = sum(level[1] for level in changes)
            message["bids"] = len(changes) - int(message["asks"])
            for level in sorted(changes, key=lambda level: level[1]):
                prices.append(level[2])
                sizes.append(self._levels.get(level, 0))
        return Messages(messages, np.array(prices, np.int64), np.array(sizes, np.int64))

    def arrays(self) -> dict[str, Ints]:
        """All of it: the same orders give the same arrays."""
        live = [(*order, offer, *word) for order, (offer, word) in self._live.items()]
        dead = [(*order, *word) for order, word in self._dead.items()]
        return {
            "lifecycles": self.counts, "live_orders": _table(live, _LIVE_COLUMNS),
            "dead_orders": _table(dead, _DEAD_COLUMNS),
        }  # fmt: skip

    @classmethod
    def of(cls, lifecycles: Ints, live: Ints, dead: Ints) -> Orders:
        """What ``arrays`` gave."""
        orders = cls(len(lifecycles))
        orders.counts[:] = lifecycles
        for slot, number, offer, what, price, size, ts_recv in live.tolist():
            orders._live[(slot, number)] = (offer, (what, price, size, ts_recv))
            orders._add((slot, offer, price), size)
        for slot, number, what, price, size, ts_recv in dead.tolist():
            orders._dead[(slot, number)] = (what, price, size, ts_recv)
        return orders

    def _apply(self, order: _Order, offer: int, word: _Word) -> list[_Level]:
        """Levels that changed."""
        counts, (what, price, size, _) = self.counts[order[0]], word
        if (before := self._dead.get(order)) is not None:
            counts[_AFTER_DELETION] += 1
            counts[_DELETED_TWICE] += what == DELETED
            counts[_REPEATED] += word == before
            self._dead[order] = word
            return []
        known = self._live.pop(order, None)
        changed: list[_Level] = []
        if known is None:
            counts[_ORDERS] += 1
            counts[_NEVER_CREATED] += what != CREATED
        else:
            side, old = known
            counts[_REPEATED] += word == old
            changed += self._add((order[0], side, old[1]), -old[2])
        if what == DELETED:
            self._dead[order] = word
            if len(self._dead) > DEAD_MAX:
                del self._dead[next(iter(self._dead))]
            return changed
        changed += self._add((order[0], offer, price), size)
        self._live[order] = (offer, word)
        if len(self._live) > LIVE_MAX:
            oldest = next(at for at in self._live if at[0] == order[0])
            side, old = self._live.pop(oldest)
            counts[_FORGOTTEN] += 1
            changed += self._add((oldest[0], side, old[1]), -old[2])
        return list(dict.fromkeys(changed))

    def _add(self, level: _Level, size: int) -> list[_Level]:
        left = self._levels.get(level, 0) + size
        if left:
            self._levels[level] = left
        else:
            self._levels.pop(level, None)
        return [level] if size else []


def _table(rows: Sequence[tuple[int, ...]], columns: int) -> Ints:
    return np.array(rows, np.int64).reshape(-1, columns)
