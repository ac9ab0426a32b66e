"""Normalise: raw payloads to ticks. What a venue's messages mean is the adapter's to know (``feeds/``)."""

from __future__ import annotations

from typing import Any

from agents.context import Context
from feeds.binance import BinanceAdapter
from streams.agent import Batch, Out, Reject, Rows, RowsOut

TICKS = "ticks.<source>"


class Normalise:
    """The hop."""

    name = "normalise"
    reads = "raw.<source>"
    sides = ()
    writes = (TICKS,)
    rebuildable = True

    def __init__(self, context: Context) -> None:
        self._adapter = BinanceAdapter(context.instruments)

    def start(self) -> Any:
        """Empty books."""
        return self._adapter.start()

    def step(self, state: Any, batch: Batch) -> Out:
        """Rows for payloads that made any; bad ones refused."""
        payloads: Any = batch.items
        rows, index, rejects = self._adapter.ingest(state, payloads)
        out = Out(consumed=len(batch), rejects=[Reject(i, error) for i, error in rejects])
        if len(rows):
            out.rows.append(RowsOut(TICKS, rows, index))
        return out

    def rewarm(self, state: Any, batch: Batch) -> Out:
        """As a step: books are made of payloads alone. One whose snapshot lies further back waits for the next."""
        return self.step(state, batch)

    def offer(self, state: Any, topic: str, items: Rows | list[Any], *, ended: bool) -> None:
        """No sides."""

    def finish(self, state: Any) -> Out:
        """Differences that still wait for a snapshot stay unapplied: without one there is no book."""
        del state
        return Out(consumed=0)

    def gaps(self, data: bytes) -> int:
        """Holes in the venue's update ids, over all instruments, as counted up to a snapshot."""
        counters = self._adapter.counters(self._adapter.restore(data))
        return sum(c["gaps"] for c in counters.values())

    def snapshot(self, state: Any) -> bytes:
        """Books, buffers and ids, as the adapter gives them."""
        return self._adapter.snapshot(state)

    def restore(self, data: bytes) -> Any:
        """State from a snapshot."""
        return self._adapter.restore(data)
