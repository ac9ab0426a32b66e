"""Compiles (or loads from the cache) every kernel of a task before its first record, on scratch state."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from agents.context import Context
from schemas.columns import PRICE_UNDEFINED
from schemas.feature import feature_dtype
from schemas.score import SCORE
from schemas.tick import TICK
from streams.agent import Agent, Batch, Payload


def warm(stages: Sequence[Agent], context: Context) -> None:
    """Step each stage once over a row that changes nothing, in a state that is thrown away."""
    for stage in stages:
        state = stage.start()
        if stage.reads == "raw.<source>" and context.instruments:
            stage.step(state, Batch.of(_payloads(context)))
        if stage.reads in ("ticks.<source>", "features", "scores"):
            stage.step(state, Batch.of(_rows(stage, context)))
        for side in stage.sides:
            if side == "ticks.<source>":
                stage.offer(state, side, _rows(stage, context), ended=False)
        stage.snapshot(state)


def _payloads(context: Context) -> list[Payload]:
    """A snapshot and a trade of the first instrument, in the wire format of its venue."""
    instrument = context.instruments[0]
    key = instrument.instrument.encode()
    trade = b'{"stream":"x@trade","data":{"e":"trade","E":1,"s":"%s","t":1,"p":"1.0","q":"1.0","T":1,"m":true}}'
    values = (
        b'{"lastUpdateId":1,"bids":[["1.0","1.0"]],"asks":[["2.0","1.0"]]}',
        trade % instrument.symbol.encode(),
    )
    return [Payload(context.run.source, i, 1, key, value) for i, value in enumerate(values)]


def _rows(stage: Agent, context: Context) -> Any:
    width = 8 if stage.reads != "features" else len(context.run.model.get("weights", [])) or 8
    dtype = {"features": feature_dtype(width), "scores": SCORE}.get(stage.reads, TICK)
    rows = np.zeros(2, dtype=dtype)  # one row would be contiguous in every column: another kernel
    rows["ts_log"] = 1
    rows["bid_price"] = rows["ask_price"] = PRICE_UNDEFINED
    if context.instruments:
        rows["instrument_id"] = context.instruments[0].instrument_id
    return rows
