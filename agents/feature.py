"""Feature: ticks to feature vectors, one row each, by the kernels of ``features/``."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from agents.carried import carry
from agents.context import Context
from agents.plugins import view_of
from agents.slots import put, slots_now
from features.view import View, ViewState
from schemas.errors import BadPayload, SnapshotError, UnknownInstrument
from schemas.feature import feature_dtype
from streams.admission import TS_MAX
from streams.agent import Batch, Out, Reject, Rows, RowsOut, frozen
from streams.state_bytes import dump, load


class Feature:
    """The hop."""

    name = "feature"
    reads = "ticks.<source>"
    sides = ()
    writes = ("features",)
    rebuildable = True

    def __init__(self, context: Context, view: View | None = None) -> None:
        view = view_of(context) if view is None else view
        self._context = context
        self._view = view
        self._dtype = feature_dtype(len(view.features))
        self._kind = f"feature/2/{view.hash}"

    def start(self) -> ViewState:
        """Nothing seen of any instrument."""
        return self._view.start(max(1, len(self._context.instruments)))

    def step(self, state: ViewState, batch: Batch) -> Out:
        """One feature row per tick; ticks of unknown instruments are refused."""
        rows: Any = frozen(batch.items)
        out = Out(consumed=len(rows))
        vectors, slots = self._made(len(rows))
        index = None
        if _prepare(rows, self._context.slots, TS_MAX, self._view.tag, slots, vectors) >= 0:
            index = self._refuse(rows, out)
            rows = frozen(rows[index])
            vectors, slots = self._made(len(rows))
            _prepare(rows, self._context.slots, TS_MAX, self._view.tag, slots, vectors)
        state.compute(rows, slots, vectors["values"])
        out.rows.append(RowsOut("features", vectors, index))
        return out

    def rewarm(self, state: ViewState, batch: Batch) -> Out:
        """As a step: features are made of ticks alone."""
        return self.step(state, batch)

    def offer(self, state: ViewState, topic: str, items: Rows | list[Any], *, ended: bool) -> None:
        """No sides."""

    def finish(self, state: ViewState) -> Out:
        """Nothing is held back."""
        del state
        return Out(consumed=0)

    def snapshot(self, state: ViewState) -> bytes:
        """The view's arrays, under its hash."""
        return dump(self._kind, state.arrays(), {"instruments": [d.instrument_id for d in self._context.instruments]})

    def restore(self, data: bytes) -> ViewState:
        """State from a snapshot of the same view."""
        arrays, values = load(self._kind, data)
        slots = slots_now(values["instruments"], self._context)
        state = self.start()
        for name, array in state.arrays().items():
            if name not in arrays:
                raise SnapshotError("a feature snapshot does not fit", kind="foreign", got=f"no {name}")
            put(arrays[name] if slots else arrays[name][:0], slots, array)
        return state

    def _made(self, count: int) -> tuple[Any, Any]:
        """Room for feature rows, and for the slots of their instruments."""
        return np.empty(count, dtype=self._dtype), np.empty(count, dtype=np.int32)

    def _refuse(self, rows: Any, out: Out) -> Any:
        """Refuse what cannot be used; returns the index of the rest."""
        table = self._context.slots
        ids = rows["instrument_id"]
        unknown = (table[np.minimum(ids, len(table) - 1)] < 0) | (ids >= len(table))
        bad = unknown | _absurd(rows)
        for i in np.flatnonzero(bad):
            error = (
                UnknownInstrument("no definition", kind="not_defined", got=str(ids[i]))
                if unknown[i]
                else _why_absurd(rows[i])
            )
            out.rejects.append(Reject(int(i), error))
        return np.flatnonzero(~bad)


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _prepare(rows: Any, table: Any, ts_max: int, view: int, slots: Any, vectors: Any) -> int:
    """Fill everything of feature rows but their values, and their slots, up to the first row that cannot be used.

    Returns:
        -1; or the first row that :meth:`Feature._refuse` would refuse.
    """
    for i in range(len(rows)):
        row = rows[i]
        slot = table[row.instrument_id] if row.instrument_id < table.size else np.int32(-1)
        if (
            slot < 0
            or row.ts_log <= 0
            or row.ts_log > ts_max
            or row.bid_price <= 0
            or row.ask_price <= 0
            or row.size < 0
            or row.bid_size < 0
            or row.ask_size < 0
        ):
            return i
        slots[i] = slot
        vector = vectors[i]
        carry(row, vector)
        vector["view"] = view
    return -1


def _absurd(rows: Any) -> Any:
    """Rows that no venue could mean: a log time that would stop all others, prices of nothing, negative sizes."""
    return (
        (rows["ts_log"] <= 0) | (rows["ts_log"] > TS_MAX) | (rows["bid_price"] <= 0) | (rows["ask_price"] <= 0)
        | (rows["size"] < 0) | (rows["bid_size"] < 0) | (rows["ask_size"] < 0)
    )  # fmt: skip


def _why_absurd(row: Any) -> BadPayload:
    names = ("ts_log", "bid_price", "ask_price", "size", "bid_size", "ask_size")
    got = ", ".join(f"{name}={int(row[name])}" for name in names)
    return BadPayload(
        "an absurd tick", kind="absurd_tick", got=got, allowed=f"0 < ts_log <= {TS_MAX}, prices > 0, sizes >= 0"
    )
