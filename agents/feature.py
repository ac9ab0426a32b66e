"""Feature: ticks to feature vectors, one row each, by the kernels of ``features/``."""

from __future__ import annotations

from typing import Any

import numpy as np

from agents.context import Context
from agents.plugins import view_of
from features.view import View, ViewState
from schemas.errors import BadPayload, SnapshotError, UnknownInstrument
from schemas.feature import feature_dtype
from schemas.score import CARRIED
from streams.agent import Batch, Out, Reject, Rows, RowsOut
from streams.inputs import TS_MAX
from streams.state_bytes import dump, load


class Feature:
    """The hop."""

    name = "feature"
    reads = "ticks.<source>"
    sides = ()
    writes = ("features",)

    def __init__(self, context: Context, view: View | None = None) -> None:
        view = view_of(context) if view is None else view
        self._context = context
        self._view = view
        self._dtype = feature_dtype(len(view.features))
        self._kind = f"feature/{view.hash}"

    def start(self) -> ViewState:
        """Nothing seen of any instrument."""
        return self._view.start(max(1, len(self._context.instruments)))

    def step(self, state: ViewState, batch: Batch) -> Out:
        """One feature row per tick; ticks of unknown instruments are refused."""
        rows: Any = batch.items
        table = self._context.slots
        ids = rows["instrument_id"]
        slots = table[np.minimum(ids, len(table) - 1)]
        unknown = (slots < 0) | (ids >= len(table))
        bad = unknown | _absurd(rows)
        out = Out(consumed=len(rows))
        index = None
        if bad.any():
            index = np.flatnonzero(~bad)
            for i in np.flatnonzero(bad):
                error = (
                    UnknownInstrument("no definition", kind="not_defined", got=str(ids[i]))
                    if unknown[i]
                    else _why_absurd(rows[i])
                )
                out.rejects.append(Reject(int(i), error))
            rows, slots = rows[index], slots[index]
        out.rows.append(RowsOut("features", self._vectors(state, rows, slots), index))
        return out

    def offer(self, state: ViewState, topic: str, items: Rows | list[Any], *, ended: bool) -> None:
        """No sides."""

    def finish(self, state: ViewState) -> Out:
        """Nothing is held back."""
        del state
        return Out(consumed=0)

    def snapshot(self, state: ViewState) -> bytes:
        """The view's arrays, under its hash."""
        return dump(self._kind, state.arrays(), {})

    def restore(self, data: bytes) -> ViewState:
        """State from a snapshot of the same view."""
        arrays, _ = load(self._kind, data)
        try:
            return self._view.restore(arrays)
        except ValueError as error:
            raise SnapshotError("a feature snapshot does not fit", kind="foreign", got=str(error)) from error

    def _vectors(self, state: ViewState, rows: Any, slots: Any) -> Any:
        vectors = np.empty(len(rows), dtype=self._dtype)
        for name in CARRIED:
            vectors[name] = rows[name]
        vectors["view"] = self._view.tag
        state.compute(rows, slots, vectors["values"])
        return vectors


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
