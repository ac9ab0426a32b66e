"""FeedHealth: how one instrument of one source came in over one window of log time, from one partition of one topic."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, field

from schemas.columns import I64, U16, U32, U64, Nanos, Positive
from schemas.document import Document, Text

REASONS_MAX = 64
"""Reasons told apart in a window; further ones count under their class."""
WINDOW_S_DEFAULT = 10
"""Length of a window unless another is asked for, seconds of log time."""
WINDOW_S_MAX = 3_600


class FeedHealth(Document, frozen=True, kw_only=True, tag="feed_health"):
    """One window. From ``ticks.<source>``: rate, gaps, staleness, skew, suspect ticks; from ``dlq``: what was refused.

    Two partitions have no order between them, so each gives windows of its own; a reader adds them up.
    """

    source: Text
    instrument: Annotated[Text, Meta(description="market:symbol; of a letter whose key is none: unknown")]
    instrument_id: Annotated[U32, Meta(description="the definition's number; 0 in windows of dlq")] = 0
    window_start: Annotated[Nanos, Meta(description="log time at which the window begins, a multiple of window_ns")]
    window_ns: Annotated[Positive, Meta(description="length of the window, ns of log time")]
    topic: Annotated[Text, Meta(description="full name of the topic that was read")]
    partition: Annotated[U16, Meta(description="of that topic")]
    begin_offset: Annotated[I64, Meta(description="offset of the window's first record")]
    begin_row: Annotated[U32, Meta(description="the window's first row within that record")] = 0
    end_offset: Annotated[I64, Meta(description="offset of the first record behind the window; reading goes on there")]
    end_row: Annotated[U32, Meta(description="the first row behind the window within that record")] = 0
    part: Annotated[U32, Meta(description="number of this document among those of the window, from 0")]
    parts: Annotated[U32, Meta(description="documents that the window gave")]
    ticks: Annotated[U64, Meta(description="ticks of the instrument; the rate is ticks by window_ns")] = 0
    trades: Annotated[U64, Meta(description="those of them that are trades")] = 0
    suspect: Annotated[U64, Meta(description="ticks of an unsynchronised or crossed book, or out of order")] = 0
    out_of_order: Annotated[U64, Meta(description="ticks whose venue id is below one already seen")] = 0
    gaps: Annotated[U64, Meta(description="times that the book lost its synchronisation")] = 0
    stale_ns: Annotated[
        I64, Meta(description="longest time without a tick of it, ns of log time, to the end at most")
    ] = 0
    skew_ns_min: Annotated[I64 | None, Meta(description="least ts_recv less ts_event, ns")] = None
    skew_ns_mean: Annotated[I64 | None, Meta(description="mean of ts_recv less ts_event, ns, rounded down")] = None
    skew_ns_max: Annotated[I64 | None, Meta(description="greatest ts_recv less ts_event, ns")] = None
    last_ts: Annotated[
        Nanos, Meta(description="log time of the newest tick of it up to the end; 0 in windows of dlq")
    ] = 0
    synced: Annotated[bool, Meta(description="whether its book was synchronised at its newest tick")] = False
    rejected: Annotated[U64, Meta(description="letters about the instrument")] = 0
    reasons: Annotated[dict[str, U64], Meta(description="letters by kind, docs/errors.md")] = field(
        default_factory=dict
    )
    retracted: Annotated[U64, Meta(description="trades that were taken back, to correct them or for good")] = 0


def key_of(health: FeedHealth) -> bytes:
    """Key of the document's record: the same window of the same input has the same key, whoever works it out."""
    return (
        f"{health.source}/{health.instrument}/{health.window_start}+{health.window_ns}/{health.topic}[{health.partition}]"
        f"@{health.begin_offset}:{health.begin_row}-{health.end_offset}:{health.end_row}"
    ).encode()
