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
from dataclasses import dataclass

import numpy as np

from feeds.binance_messages import Messages, Reject
from feeds.binance_reader import MessageReader
from feeds.binance_state import COUNTERS, Tables, empty_tables, restore, snapshot
from feeds.binance_sync import Output, apply_messages
from feeds.definitions import DEFINITIONS
from feeds.kernel import Ints, Records
from schemas.definition import Definition
from schemas.tick import TICK
from streams.agent import Payload


@dataclass(slots=True)
class State:
    """What the adapter remembers; made by ``start`` or ``restore``."""

    tables: Tables


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
        return State(empty_tables(self.definitions))

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
        tables = state.tables
        room = len(batch.messages) + int(tables.waiting.counts[:, 0].sum())
        output = Output(np.zeros(room, TICK), np.zeros(room, np.int64), np.zeros(1, np.int64))
        apply_messages(tables, batch.messages, batch.prices, batch.sizes, output)
        count = int(output.filled[0])
        return output.rows[:count], output.causes[:count]

    def counters(self, state: State) -> dict[str, dict[str, int]]:
        """Counters by ``market:symbol`` (``binance_state.COUNTERS``)."""
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
