"""The adapter of any venue: raw payloads in, tick rows out. Pure: no clock, no I/O; any batching gives the same rows.

A venue's reader says what each payload means; everything that is remembered is the same for all (``book_sync.py``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

from feeds.arrays import Ints, Records
from feeds.book_state import KIND, restore, snapshot
from feeds.book_sync import apply_messages
from feeds.book_tables import COUNTERS, Tables, empty_memory, tables_of
from feeds.messages import Messages, Reject
from feeds.recent_ids import RECENT_IDS_MAX
from feeds.rules import RULE_QUOTES_SERVE
from feeds.venue import Venue
from schemas.definition import Definition
from schemas.errors import BadPayload
from schemas.tick import TICK
from streams.agent import Payload
from streams.state_bytes import load

Arrays = Mapping[str, npt.NDArray[Any]]
NOTHING_FURTHER: Arrays = MappingProxyType({})


class State:
    """What the adapter remembers; made by ``start`` or ``restore``.

    Attributes:
        memory: All of it (``book_tables.py``).
        tables: Views of it.
    """

    def __init__(self, memory: Ints) -> None:
        self.memory = memory
        self.tables: Tables = tables_of(memory)


class Adapter:
    """Normalises the payloads of one partition.

    Attributes:
        venue: Whose they are.
        definitions: The instruments it knows; a message's ``slot`` counts them.
    """

    def __init__(self, venue: Venue, definitions: Sequence[Definition] | None = None) -> None:
        self.venue = venue
        self.definitions = tuple(venue.definitions if definitions is None else definitions)
        self._reader = venue.reader(self.definitions)
        self._rules = [venue.rule(definition) for definition in self.definitions]

    def start(self) -> State:
        """A fresh state."""
        return State(empty_memory(self.definitions, self._rules))

    def ingest(self, state: State, payloads: Sequence[Payload]) -> tuple[Records, Ints, list[Reject]]:
        """Take payloads in, in order.

        Returns:
            TICK rows in the order they come out; for each the index of the payload that made it come out (of a
            difference that waited: the snapshot's); and (index, error) of each payload that cannot be used.
        """
        messages, rejects = self.read(payloads)
        rows, index, unknown = self.apply(state, messages)
        return rows, index, sorted([*rejects, *unknown], key=lambda reject: reject[0]) if unknown else rejects

    def read(self, payloads: Sequence[Payload]) -> tuple[Messages, list[Reject]]:
        """The memoryless half of ``ingest``: payloads to valid messages."""
        return self._reader.read(payloads)

    def apply(self, state: State, batch: Messages) -> tuple[Records, Ints, list[Reject]]:
        """The remembering half of ``ingest``: messages to rows, their causes, and what amends no known trade."""
        messages, prices, sizes = batch
        room = 2 * len(messages) + sum(state.tables.waiting.counts[:, 0].tolist())
        rows, causes = np.zeros(room, TICK), np.empty(room, np.int64)
        count, refused = apply_messages(state.memory, messages, prices, sizes, rows, causes)
        if not refused:
            return rows[:count], causes[:count], []
        return rows[:count], causes[:count], [self._unknown(messages[i]) for i in causes[: -refused - 1 : -1].tolist()]

    def _unknown(self, message: Any) -> Reject:
        """Of a bust or correction of a trade that was not seen, is too old, or was busted before."""
        return int(message["cause"]), BadPayload(
            "a trade that is taken back or corrected is not known", kind="unknown_trade",
            got=f"trade {int(message['last'])} of {self.definitions[int(message['slot'])].instrument}",
            allowed=f"one of the instrument's newest {RECENT_IDS_MAX:,} trades that was not busted before",
        )  # fmt: skip

    def counters(self, state: State) -> dict[str, dict[str, int]]:
        """Counters by ``market:symbol`` (``book_tables.COUNTERS``)."""
        return {
            definition.instrument: {name: int(row[name]) for name in COUNTERS}
            for definition, row in zip(self.definitions, state.tables.instruments, strict=True)
        }

    def synchronised(self, state: State) -> dict[str, bool]:
        """By ``market:symbol``: whether the order book is known now, or none is missing as quotes serve."""
        known = state.tables.instruments
        quoted = (known["rule"] & RULE_QUOTES_SERVE != 0) & (known["chain_id"] < 0)
        synced = ((known["synced"] == 1) | quoted).tolist()
        return dict(zip((d.instrument for d in self.definitions), synced, strict=True))

    def lifecycles(self, state: State) -> dict[str, dict[str, int]]:
        """How clean the lives of orders are, by ``market:symbol``; empty where no single orders are told."""
        del state
        return {}

    def snapshot(self, state: State, further: Arrays = NOTHING_FURTHER) -> bytes:
        """The whole state as bytes, the same for the same state; and arrays that whoever gave them reads back."""
        return snapshot(state.tables, further)

    def further(self, data: bytes) -> Arrays:
        """All arrays of ``snapshot``'s bytes, those among them that it was given."""
        return load(KIND, data)[0]

    def restore(self, data: bytes) -> State:
        """State from ``snapshot``'s bytes.

        Raises:
            SnapshotError: Torn, of another version, or of instruments that are not defined any more.
        """
        return State(restore(data, self.definitions, self._rules))
