"""The Binance adapter: raw payloads in, tick rows out. Pure: no clock, no I/O; any batching gives the same rows.

>>> adapter = BinanceAdapter()
>>> state = adapter.start()
>>> text = b'{"stream":"btcusdt@bookTicker","data":{"u":7,"s":"BTCUSDT","b":"9.01","B":"2","a":"9.02","A":"1"}}'
>>> payload = Payload(source="binance", seq=0, ts_recv=1_723_161_254_000_000_000, key=b"spot:BTCUSDT", value=text)
>>> rows, index, rejects = adapter.ingest(state, [payload, payload])
>>> len(rows), int(rows["bid_price"][0]), index.tolist(), rejects
(1, 9010000000, [0], [])
>>> adapter.counters(state)["spot:BTCUSDT"]["duplicates"]
1
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from feeds.binance_messages import Messages, Reject
from feeds.binance_reader import MessageReader
from feeds.binance_state import restore, snapshot
from feeds.binance_sync import apply_messages
from feeds.binance_tables import COUNTERS, Tables, empty_memory, tables_of
from feeds.definitions import DEFINITIONS
from feeds.kernel import Ints, Records
from schemas.definition import Definition
from schemas.tick import TICK
from streams.agent import Payload


class State:
    """What the adapter remembers; made by ``start`` or ``restore``.

    Attributes:
        memory: All of it (``binance_tables.py``).
        tables: Views of it.
    """

    def __init__(self, memory: Ints) -> None:
        self.memory = memory
        self.tables: Tables = tables_of(memory)


class BinanceAdapter:
    """Normalises the payloads of one partition.

    Attributes:
        definitions: The instruments it knows; a message's ``slot`` counts them.
    """

    def __init__(self, definitions: Sequence[Definition] = DEFINITIONS) -> None:
        self.definitions = tuple(definitions)
        self._reader = MessageReader(self.definitions)

    def start(self) -> State:
        """A fresh state."""
        return State(empty_memory(self.definitions))

    def ingest(self, state: State, payloads: Sequence[Payload]) -> tuple[Records, Ints, list[Reject]]:
        """Take payloads in, in order.

        Returns:
            TICK rows in the order they come out; for each the index of the payload that made it come out (of a
            difference that waited: the snapshot's); and (index, error) of each payload that cannot be used.
        """
        messages, rejects = self.read(payloads)
        rows, index = self.apply(state, messages)
        return rows, index, rejects

    def read(self, payloads: Sequence[Payload]) -> tuple[Messages, list[Reject]]:
        """The memoryless half of ``ingest``: payloads to valid messages."""
        return self._reader.read(payloads)

    def apply(self, state: State, batch: Messages) -> tuple[Records, Ints]:
        """The remembering half of ``ingest``: messages to rows and their causes."""
        messages, prices, sizes = batch
        room = len(messages) + sum(state.tables.waiting.counts[:, 0].tolist())
        rows, causes = np.zeros(room, TICK), np.empty(room, np.int64)
        count = apply_messages(state.memory, messages, prices, sizes, rows, causes)
        return rows[:count], causes[:count]

    def counters(self, state: State) -> dict[str, dict[str, int]]:
        """Counters by ``market:symbol`` (``binance_tables.COUNTERS``)."""
        return {
            definition.instrument: {name: int(row[name]) for name in COUNTERS}
            for definition, row in zip(self.definitions, state.tables.instruments, strict=True)
        }

    def synchronised(self, state: State) -> dict[str, bool]:
        """By ``market:symbol``: whether the order book is known now."""
        synced = state.tables.instruments["synced"].tolist()
        return {d.instrument: bool(s) for d, s in zip(self.definitions, synced, strict=True)}

    def snapshot(self, state: State) -> bytes:
        """The whole state as bytes: the same state gives the same bytes."""
        return snapshot(state.tables)

    def restore(self, data: bytes) -> State:
        """State from ``snapshot``'s bytes.

        Raises:
            SnapshotError: Torn, of another version, or of other instruments.
        """
        return State(restore(data, self.definitions))
