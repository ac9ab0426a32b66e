"""Control: what people (and the start and end of a run) tell the agents."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import Meta

from schemas.columns import U16, U64, Nanos, Positive
from schemas.document import Document, Text


class RunOpened(Document, frozen=True, kw_only=True, tag="run"):
    """First record of a run's ``control`` topic: all that its agents need to know beside the data."""

    run: Text
    mode: Literal["live", "play"]
    source: Text
    publisher_id: U16
    seed: U64
    venue_latency_ns: Annotated[Positive, Meta(description="log time between an order and its reports")]
    account: Text
    strategy: Text
    parameters: Annotated[dict[str, Any], Meta(description="the strategy's parameters in force")]
    limits: Annotated[dict[str, Any], Meta(description="the risk limits in force, as in limits.toml")]
    model: Annotated[dict[str, Any], Meta(description="the model artefact in force, whole")]


class End(Document, frozen=True, kw_only=True, tag="end"):
    """Last record of a play topic: nothing follows. Each hop forwards it when it has drained."""

    run: Text
    ts: Annotated[Nanos, Meta(description="log time of the last input")]
    inputs: Annotated[U64, Meta(description="inputs that the writer of this record has consumed, this one excluded")]
