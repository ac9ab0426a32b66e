"""What a gateway hop remembers: orders that are being worked, those that have ended of late, and reports it has taken.

Ends and reports are remembered as hashes, the newest so many: a report on what lies further back counts as one on an
unknown order. Reports on an order are remembered beside it as long as it works, however many others come between; once
it has ended, a repeat from further back is refused as one on a closed or unknown order. It never fills twice.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from hashlib import blake2b

import numpy as np

from schemas.codec import decode, encode
from schemas.order import Order
from streams.state_bytes import dump, load

KIND = "gateway/1"
ENDED_MAX = 16_384
"""Ids of ended orders that are remembered, the venue's own counted."""
REPORTS_MAX = 16_384
"""Reports on orders that have ended that are remembered, so that a repeat is told from another with its id."""
ORDER_REPORTS_MAX = 65_000
"""Executions made of one order, but for those that end it: they are numbered by 16 bits."""


@dataclass(slots=True)
class Working:
    """An order that has no last report yet.

    Attributes:
        order: As it stands in ``orders``.
        filled: Units of size_increment that have filled.
        paid: What they cost (``reporting.cost_of``).
        reports: Execution documents made on it.
        venue_order_id: The venue's own id, once a report has named it.
        taken: Hash of a report's content by hash of its id, of each that was taken on it, oldest first.
    """

    order: Order
    filled: int = 0
    paid: int = 0
    reports: int = 0
    venue_order_id: str = ""
    taken: dict[int, int] = field(default_factory=dict)

    @property
    def left(self) -> int:
        """Units that may fill yet; a cancel fills nothing."""
        return 0 if self.order.action == "cancel" else self.order.quantity - self.filled


class WorkingOrders:
    """State of the hop.

    Attributes:
        working: By client order id, in the order in which they were approved.
        by_venue_id: Client order ids by the venue's own. A venue may keep its id over a replace: it is the order's that
            works.
        ended: Hashes of ids of orders that have ended, oldest first.
        taken: Hash of a report's content by hash of its id, oldest first.
        repeats: Reports that said what had been said.
        heard_all: Whether ``orders`` was read to its end since the last report: what is not known now is not there.
    """

    def __init__(self) -> None:
        self.working: dict[str, Working] = {}
        self.by_venue_id: dict[str, str] = {}
        self.ended: OrderedDict[int, None] = OrderedDict()
        self.taken: OrderedDict[int, int] = OrderedDict()
        self.repeats = 0
        self.heard_all = False

    def add(self, order: Order) -> None:
        """An order that is to be worked; one that is known, or has ended, is not begun again."""
        if order.client_order_id not in self.working and not self.has_ended(order.client_order_id):
            self.working[order.client_order_id] = Working(order)

    def find(self, client_order_id: str, venue_order_id: str) -> Working | None:
        """The order that a report names, by our id, or by the venue's where ours is not named; None: none works."""
        return self.working.get(client_order_id or self.by_venue_id.get(venue_order_id, ""))

    def has_ended(self, client_order_id: str, venue_order_id: str = "") -> bool:
        """Whether the order that a report names has ended: by our id, or by the venue's where ours is not named."""
        name = client_order_id or venue_order_id
        return bool(name) and hash_of(name) in self.ended

    def named(self, found: Working, venue_order_id: str, leaves: Working | None = None) -> None:
        """The venue's own id of an order, by a report that names it.

        Args:
            found: The order.
            venue_order_id: Empty where it is not named.
            leaves: Order that ends by this report: the id is its no more. Of any other that works it stays.
        """
        if not venue_order_id:
            return
        found.venue_order_id = found.venue_order_id or venue_order_id
        if found.venue_order_id != venue_order_id:
            return
        holder = self.working.get(self.by_venue_id.get(venue_order_id, ""))
        if holder is None or holder is leaves:
            self.by_venue_id[venue_order_id] = found.order.client_order_id

    def end(self, found: Working) -> None:
        """An order has had its last report."""
        name = found.order.client_order_id
        del self.working[name]
        self.ended[hash_of(name)] = None
        if self.by_venue_id.get(found.venue_order_id) == name:
            del self.by_venue_id[found.venue_order_id]
            self.ended[hash_of(found.venue_order_id)] = None
        while len(self.ended) > ENDED_MAX:
            self.ended.popitem(last=False)

    def said(self, execution_id: str, found: Working | None) -> int | None:
        """Hash of what a report with this id said, as far as it is remembered."""
        name = hash_of(execution_id)
        before = self.taken.get(name)
        return found.taken.get(name) if before is None and found is not None else before

    def take(self, found: Working, execution_id: str, content: str) -> None:
        """A report on an order has been taken."""
        name, said = hash_of(execution_id), hash_of(content)
        self.taken[name] = found.taken[name] = said
        if len(self.taken) > REPORTS_MAX:
            self.taken.popitem(last=False)

    def dump(self) -> bytes:
        """The whole state; the same state gives the same bytes."""
        arrays = {
            "ended": np.array(list(self.ended), dtype=np.uint64),
            "taken": np.array(list(self.taken.items()), dtype=np.uint64).reshape(-1, 2),
            "held": np.array(
                [(at, *pair) for at, w in enumerate(self.working.values()) for pair in w.taken.items()], dtype=np.uint64
            ).reshape(-1, 3),
        }
        working = [
            [encode(w.order).decode(), w.filled, str(w.paid), w.reports, w.venue_order_id]
            for w in self.working.values()
        ]
        return dump(KIND, arrays, {"working": working, "repeats": self.repeats, "by_venue_id": self.by_venue_id})

    @classmethod
    def load(cls, data: bytes) -> WorkingOrders:
        """From ``dump``'s bytes; of an older build, what it did not write is made as it made it.

        Raises:
            SnapshotError: Torn, or of another agent or version.
        """
        arrays, values = load(KIND, data)
        state = cls()
        state.ended = OrderedDict.fromkeys(arrays["ended"].tolist())
        state.taken = OrderedDict(arrays["taken"].tolist())
        state.repeats = values["repeats"]
        for text, filled, paid, reports, venue_order_id in values["working"]:
            order = decode(text.encode(), Order)
            state.working[order.client_order_id] = Working(order, filled, int(paid), reports, venue_order_id)
            if venue_order_id:
                state.by_venue_id[venue_order_id] = order.client_order_id
        state.by_venue_id = values.get("by_venue_id", state.by_venue_id)
        found = list(state.working.values())
        for at, name, said in arrays["held"].tolist() if "held" in arrays else ():
            found[at].taken[name] = said
        return state


def hash_of(name: str) -> int:
    """64 bits of a name."""
    return int.from_bytes(blake2b(name.encode(), digest_size=8).digest(), "little")
