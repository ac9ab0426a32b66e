"""Compiles (or loads from the cache) every kernel of a task before its first record, on scratch state."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from agents.context import Context
from schemas.columns import PRICE_UNDEFINED
from schemas.document import Root
from schemas.feature import feature_dtype
from schemas.order import Order
from schemas.score import SCORE
from schemas.tick import TICK
from streams.agent import Agent, Batch, Payload, frozen

_SNAPSHOT_LEVELS = 32


def warm(stages: Sequence[Agent], context: Context) -> None:
    """Step the chain of stages over rows that change nothing, in states that are thrown away.

    Over one row and over two: one row is contiguous in every column, which makes another kernel. The first stage gets
    read-only rows, as they come from a frame; the others get what the stage before made.
    """
    for count in (1, 2):
        made: Any = None
        for stage in stages:
            state = stage.start()
            for side in stage.sides:
                if side == "ticks.<source>":
                    stage.offer(state, side, _rows(stage, context, count), ended=False)
            items = _items(stage, context, count) if made is None else made
            if len(items):
                rows = stage.step(state, Batch.of(items)).rows
                made = rows[0].rows if rows else None
            stage.snapshot(state)


def _items(stage: Agent, context: Context, count: int) -> Any:
    """What the stage reads: nothing where no instrument is defined, or where no kernel is behind it."""
    if stage.reads in ("ticks.<source>", "features", "scores"):
        return _rows(stage, context, count)
    if not context.instruments:
        return []
    return {"raw.<source>": _payloads, "orders": _orders}.get(stage.reads, lambda _context: [])(context)


def _orders(context: Context) -> list[Order]:
    instrument = context.instruments[0]
    return [
        Order(
            client_order_id="warm", root=Root(source=context.run.source, seq=0, part=0), ts=0,
            account=context.run.account, strategy=context.run.strategy, venue=instrument.venue,
            instrument_id=instrument.instrument_id, instrument=instrument.instrument, symbol=instrument.symbol,
            side="buy", quantity=1, quantity_decimal="1", limit_price=1, limit_price_decimal="1", valid_until=0,
        )
    ]  # fmt: skip


def _payloads(context: Context) -> list[Payload]:
    """A snapshot and a trade of the first instrument, in the wire format of its venue.

    Each takes a way of its own through the adapter, and the snapshot is long enough that its nesting is looked at.
    """
    instrument = context.instruments[0]
    key = instrument.instrument.encode()
    trade = b'{"stream":"x@trade","data":{"e":"trade","E":1,"s":"%s","t":1,"p":"1.0","q":"1.0","T":1,"m":true}}'
    bids = b",".join([b'["1.0","1.0"]'] * _SNAPSHOT_LEVELS)
    values = (
        b'{"lastUpdateId":1,"bids":[%s],"asks":[["2.0","1.0"]]}' % bids,
        trade % instrument.symbol.encode(),
    )
    return [Payload(context.run.source, i, 1, key, value) for i, value in enumerate(values)]


def _rows(stage: Agent, context: Context, count: int) -> Any:
    width = 8 if stage.reads != "features" else len(context.run.model.get("weights", [])) or 8
    dtype = {"features": feature_dtype(width), "scores": SCORE}.get(stage.reads, TICK)
    rows = np.zeros(count, dtype=dtype)
    rows["ts_log"] = 1
    rows["bid_price"] = rows["ask_price"] = PRICE_UNDEFINED
    if context.instruments:
        rows["instrument_id"] = context.instruments[0].instrument_id
    return frozen(rows)
