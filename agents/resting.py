"""Orders of a strategy that rest at a venue: since when, and what comes of one that has rested for long enough.

After ``working_ms`` an order is replaced at the touch of that moment, or cancelled where it is wanted no more. A
replace works beside the order that it names until the venue has answered, so there may be several of one instrument:
the newest is the one that is moved. Only an execution system lets orders rest; the paper venue does not.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from agents.answers import NEVER, Answer
from agents.context import NO_SLOT
from agents.slots import put

NANOS_PER_MS = 1_000_000


class Resting:
    """What rests, by slot.

    Attributes:
        working_ns: How long an order rests; 0: none does, but those of a run that this one succeeds.
        overdue: int64 by slot: log time from which the newest has rested for long enough; ``NEVER`` where nothing is
            to be moved.
    """

    def __init__(self, slots: int, working_ms: float) -> None:
        self.working_ns = int(working_ms) * NANOS_PER_MS
        self.overdue = np.full(slots, NEVER, dtype=np.int64)
        self._orders: dict[int, list[tuple[str, str]]] = {}

    def begin(self, slot: int, client_order_id: str, side: str, now: int) -> None:
        """An order leaves, or one that takes another's place."""
        if self.working_ns or slot in self._orders:
            self._orders.setdefault(slot, []).append((client_order_id, side))
            self.overdue[slot] = now + self.working_ns if self.working_ns else NEVER

    def newest(self, slot: int) -> tuple[str, str]:
        """Client order id and side of the one that is to be moved."""
        return self._orders[slot][-1]

    def leave(self, slot: int) -> None:
        """A cancel is under way: nothing is moved until it is answered."""
        self.overdue[slot] = NEVER

    def settle(self, slot: int, answer: Answer) -> None:
        """The last answer to an intent of this slot: what it named rests no more, what is left may be moved later."""
        before = self._orders.pop(slot, [])
        orders = [order for order in before if order[0] != answer.client_order_id]
        self.overdue[slot] = NEVER
        if orders:
            self._orders[slot] = orders
            # Where none is to rest, the newest is immediate-or-cancel: it ends by itself. One from before does not.
            if self.working_ns or orders[-1] != before[-1] or orders == before:
                self.overdue[slot] = answer.ts + self.working_ns

    def dump(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """Arrays and values for a snapshot; none where nothing rests."""
        if not self.working_ns and not self._orders:
            return {}, {}
        return {"overdue": self.overdue}, {"resting": [[s, *o] for s, found in self._orders.items() for o in found]}

    def restore(self, arrays: dict[str, Any], values: dict[str, Any], slots: Sequence[int]) -> None:
        """From ``dump``'s parts; ``slots``: those of now by those of then."""
        if "overdue" in arrays:
            put(arrays["overdue"], slots, self.overdue)
        for old, client_order_id, side in values.get("resting", ()):
            if slots[old] != NO_SLOT:
                self._orders.setdefault(slots[old], []).append((client_order_id, side))
