"""Control: what people (and the start and end of a run) tell the agents."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from schemas.columns import U16, U64, Nanos, Positive
from schemas.definition import Definition
from schemas.document import Document, Text
from schemas.partitions import PARTITIONS_MAX

Scope = Literal["all", "account", "strategy", "instrument"]
"""What a halt covers; every scope but ``all`` names one."""

TradingState = Literal["ACTIVE", "REDUCING", "HALTED"]
"""ACTIVE: limits alone decide. REDUCING: only what brings a position nearer to zero. HALTED: nothing but cancels."""


class TaskStart(msgspec.Struct, frozen=True, kw_only=True):
    """Where a task of a run begins: all that its forerunner had committed when it ended."""

    offset: Annotated[U64, Meta(description="offset of the next record of its primary input")]
    inputs: Annotated[U64, Meta(description="inputs consumed before, over all lives and runs")]
    seqs: Annotated[dict[str, U64], Meta(description="next seq of each output, by table name")]


class PeerBand(msgspec.Struct, frozen=True, kw_only=True):
    """How far a mid may lie from its peers' before its tick is suspect; all times are log time."""

    floor_ppm: Annotated[Positive, Meta(description="the band is never narrower, millionths of the price")]
    dispersions: Annotated[Positive, Meta(description="width of the band in mean absolute deviations from the basis")]
    fresh_ns: Annotated[Positive, Meta(description="a mid that was set longer ago is no peer")]
    calibrate_ns: Annotated[Positive, Meta(description="so long two peers are compared before the pair says anything")]
    half_life_ns: Annotated[Positive, Meta(description="after so long half of what a pair has learned is forgotten")]
    shift_ns: Annotated[Positive, Meta(description="outside for longer: the level has shifted, and is learned anew")]


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
    view: Annotated[
        list[dict[str, Any]],
        Meta(description="columns of the feature view, in order: family, half_life_ns, name; empty: the shipped view"),
    ] = msgspec.field(default_factory=list)
    code: Annotated[
        list[dict[str, str]],
        Meta(description="the desk's own code: kind (strategy, feature), load (path or entry point), sha256"),
    ] = msgspec.field(default_factory=list)
    split: Annotated[bool, Meta(description="a task and a topic for every hop")] = False
    partitions: Annotated[
        int, Meta(ge=1, le=PARTITIONS_MAX, description="partitions by instrument: of raw, ticks, features and scores")
    ] = 1
    gateway: Annotated[
        Text | UnsetType, Meta(description="execution system that works the orders; left out: the paper venue")
    ] = UNSET
    build: Annotated[str, Meta(description="hash of Tapedeck's own code; empty: from before it was named")] = ""
    starts: Annotated[
        dict[str, TaskStart], Meta(description="live: where each task takes over from the run before")
    ] = msgspec.field(default_factory=dict)
    defined: Annotated[
        U64 | UnsetType, Meta(description="definitions with a lower seq are the run's; left out: all there are")
    ] = UNSET
    peers: Annotated[
        PeerBand | UnsetType, Meta(description="how mids are compared with their peers'; left out: they are not")
    ] = UNSET


class ReleaseCut(Document, frozen=True, kw_only=True, tag="release"):
    """A person cuts over to another release: every task of the run before commits, ends, and is succeeded.

    From this record on the successor is certain: its opening stands here whole, and whoever sees that all tasks have
    ended writes it. The first cut after an opening that names that opening's run counts; others of that run are void.
    """

    release: Annotated[Text, Meta(description="hash of code, model, view, strategy and parameters")]
    from_run: Text
    opening: Annotated[RunOpened, Meta(description="the run that succeeds")]
    definitions: Annotated[list[Definition], Meta(description="instruments that are not defined yet, as they shall be")]
    topology: Annotated[str, Meta(max_length=4_096, description="its topology file, where it was given")] = ""
    commit: Annotated[str, Meta(max_length=128, description="the code's commit, where it is known")] = ""
    author: Text
    reason: Text
    ts: Annotated[Nanos, Meta(description="wall time at which it was given")]


class End(Document, frozen=True, kw_only=True, tag="end"):
    """Last record of a play topic: nothing follows. Each hop forwards it when it has drained."""

    run: Text
    ts: Annotated[Nanos, Meta(description="log time of the last input")]
    inputs: Annotated[U64, Meta(description="inputs that the writer of this record has consumed, this one excluded")]


class Halt(Document, frozen=True, kw_only=True, tag="halt"):
    """A person stops trading in a scope. Holds until a resume of the same scope and name."""

    scope: Scope
    name: Annotated[str, Meta(max_length=512, description="account, strategy or instrument; empty for all")] = ""
    state: Literal["REDUCING", "HALTED"] = "HALTED"
    author: Text
    reason: Text
    ts: Annotated[Nanos, Meta(description="wall time at which it was given")]


class Resume(Document, frozen=True, kw_only=True, tag="resume"):
    """A person lets a scope trade again: lifts the halt of the same scope and name, and no other."""

    scope: Scope
    name: Annotated[str, Meta(max_length=512, description="as in the halt")] = ""
    author: Text
    reason: Text
    ts: Annotated[Nanos, Meta(description="wall time at which it was given")]


class LimitChange(Document, frozen=True, kw_only=True):
    """One key of the limits. ``value`` null takes the limit away: what has no limit is denied."""

    table: Literal["account", "default", "instrument"]
    name: Annotated[str, Meta(max_length=512, description="instrument, e.g. spot:BTCUSDT; empty for other tables")] = ""
    key: Text
    was: Annotated[int | float | str | None, Meta(description="value before, as the author saw it")] = None
    value: int | float | str | None


class LimitsChanged(Document, frozen=True, kw_only=True, tag="limits"):
    """A person changes risk limits: all of ``changes`` take effect together, on top of what was in force."""

    changes: Annotated[list[LimitChange], Meta(min_length=1, max_length=1024)]
    author: Text
    reason: Text
    ts: Annotated[Nanos, Meta(description="wall time at which it was given")]
