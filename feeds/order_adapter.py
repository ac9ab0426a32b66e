"""The adapter of a venue whose feed tells single orders: they add up to levels, and levels go on as any venue's do."""

from __future__ import annotations

from feeds.adapter import NOTHING_FURTHER, Adapter, Arrays, State
from feeds.arrays import Ints, Records
from feeds.book_state import KIND, restore, snapshot
from feeds.book_tables import empty_memory
from feeds.messages import Messages, Reject
from feeds.orders import LIFECYCLES, Orders
from streams.state_bytes import load


class OrderState(State):
    """What the adapter remembers: levels, and the orders that they are of."""

    def __init__(self, memory: Ints, orders: Orders) -> None:
        super().__init__(memory)
        self.orders = orders


class OrderAdapter(Adapter):
    """Normalises the payloads of one partition, order by order."""

    def start(self) -> OrderState:
        """A fresh state."""
        memory = empty_memory(self.definitions, [self.venue.rule(d) for d in self.definitions])
        return OrderState(memory, Orders(len(self.definitions)))

    def apply(self, state: State, batch: Messages) -> tuple[Records, Ints, list[Reject]]:
        """As any adapter's: a row for each order that changed the book, and for each trade."""
        assert isinstance(state, OrderState)
        return super().apply(state, state.orders.take(batch))

    def lifecycles(self, state: State) -> dict[str, dict[str, int]]:
        """How clean the lives of orders are, by ``market:symbol`` (``orders.LIFECYCLES``)."""
        assert isinstance(state, OrderState)
        counted = zip(self.definitions, state.orders.counts.tolist(), strict=True)
        return {d.instrument: dict(zip(LIFECYCLES, row, strict=True)) for d, row in counted}

    def snapshot(self, state: State, further: Arrays = NOTHING_FURTHER) -> bytes:
        """The whole state as bytes, the same for the same state; and arrays that whoever gave them reads back."""
        assert isinstance(state, OrderState)
        return snapshot(state.tables, {**state.orders.arrays(), **further})

    def restore(self, data: bytes) -> OrderState:
        """State from ``snapshot``'s bytes.

        Raises:
            SnapshotError: Torn, of another version, or of other instruments.
        """
        memory = restore(data, self.definitions)
        arrays, _ = load(KIND, data)
        orders = Orders.of(arrays["lifecycles"], arrays["live_orders"], arrays["dead_orders"])
        return OrderState(memory, orders)
