"""Normalise: raw payloads to ticks. What a venue's messages mean is the adapter's to know (``feeds/``).

A tick whose mid lies outside the band of its peers is flagged (``agents/peers.py``), where the run says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from agents.context import Context
from agents.peers import PeersState, peers_of
from feeds.venues import adapter_of
from schemas.errors import BadInput, BadPayload
from schemas.partitions import partition_of
from streams.admission import RETRY
from streams.agent import Batch, Out, Payload, Reject, Rows, RowsOut

TICKS = "ticks.<source>"
OWNERS_MAX = 65_536
"""Keys whose partition is remembered; anybody can write others, which are worked out each time."""


class NormaliseState:
    """What the adapter remembers, and what is remembered of peers."""

    def __init__(self, books: Any, peers: PeersState | None) -> None:
        self.books = books
        self.peers = peers


class Normalise:
    """The hop."""

    name = "normalise"
    reads = "raw.<source>"
    sides = ()
    writes = (TICKS,)
    rebuildable = True

    def __init__(self, context: Context) -> None:
        self._adapter = adapter_of(context.run.source, context.instruments)
        self._context = context
        self._peers = peers_of(context)
        self._owners: dict[bytes, int] = {}

    def start(self) -> NormaliseState:
        """Empty books."""
        return NormaliseState(self._adapter.start(), None if self._peers is None else self._peers.start())

    def step(self, state: NormaliseState, batch: Batch) -> Out:
        """Rows for payloads that made any; bad ones refused."""
        payloads: Any = self._named(batch.items)
        strays = self._strays(payloads)
        if strays:
            own = [i for i in range(len(payloads)) if i not in strays]
            rows, at, rejects = self._adapter.ingest(state.books, [payloads[i] for i in own])
            index = np.array(own, dtype=np.int64)[at]
            rejects = sorted([*((own[i], error) for i, error in rejects), *strays.items()], key=lambda found: found[0])
        else:
            rows, index, rejects = self._adapter.ingest(state.books, payloads)
        out = Out(consumed=len(batch), rejects=[Reject(i, error) for i, error in rejects])
        if len(rows):
            if self._peers is not None and state.peers is not None:
                self._peers.flag(state.peers, rows)
            out.rows.append(RowsOut(TICKS, rows, index))
        return out

    def rewarm(self, state: NormaliseState, batch: Batch) -> Out:
        """As a step: books are made of payloads alone. One whose snapshot lies further back waits for the next."""
        return self.step(state, batch)

    def _named(self, payloads: Any) -> Any:
        """Payloads that were refused once and put back are the source's own, whoever put them there."""
        if not any(payload.source == RETRY for payload in payloads):
            return payloads
        source = self._context.run.source
        return [replace(p, source=source) if p.source == RETRY else p for p in payloads]

    def _strays(self, payloads: Sequence[Payload]) -> dict[int, BadInput]:
        """Payloads whose key belongs to another partition: the tasks there keep that instrument's book and position."""
        if self._context.run.partitions == 1:
            return {}
        strays: dict[int, BadInput] = {}
        for i, payload in enumerate(payloads):
            owner = self._owners.get(payload.key)
            if owner is None:
                owner = partition_of(payload.key, self._context.run.partitions)
                if len(self._owners) < OWNERS_MAX:
                    self._owners[payload.key] = owner
            if owner != self._context.partition:
                strays[i] = BadPayload(
                    "a payload on another partition than its key's", kind="misplaced",
                    got=f"partition {self._context.partition}", allowed=f"partition {owner}: crc32(key) % partitions",
                )  # fmt: skip
        return strays

    def offer(self, state: NormaliseState, topic: str, items: Rows | list[Any], *, ended: bool) -> None:
        """No sides."""

    def finish(self, state: NormaliseState) -> Out:
        """Differences that still wait for a snapshot stay unapplied: without one there is no book."""
        del state
        return Out(consumed=0)

    def gaps(self, data: bytes) -> int:
        """Holes in the venue's update ids, over all instruments, as counted up to a snapshot."""
        counters = self._adapter.counters(self._adapter.restore(data))
        return sum(c["gaps"] for c in counters.values())

    def snapshot(self, state: NormaliseState) -> bytes:
        """Books, buffers and ids, as the adapter gives them; and peers."""
        if self._peers is None or state.peers is None:
            return self._adapter.snapshot(state.books)
        return self._adapter.snapshot(state.books, self._peers.arrays(state.peers))

    def restore(self, data: bytes) -> NormaliseState:
        """State from a snapshot. Of peers it may tell nothing: then nothing has been seen of them."""
        books = self._adapter.restore(data)
        return NormaliseState(books, None if self._peers is None else self._peers.restore(self._adapter.further(data)))
