"""What a shadow came to so far, and what it cost the live desk: read from the log at any time, while both go on.

Candidate and champion are counted over the same log time: from the first tick that the shadow took. What the champion
held before that is left out, since the candidate began flat.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from replay.economics import Economics
from replay.hops import HopLatencies, HopSummary
from replay.items import records, rows_of
from replay.lookup import Lookup
from replay.recording import TICKS_TOPIC, header_of
from replay.shadow_plan import ShadowPlan
from replay.shape import Shape
from schemas.catalog import END
from schemas.codec import decode_any
from schemas.errors import BadInput
from schemas.execution import Execution
from schemas.header import HOP_NUMBER, Header
from streams.log import Log

RISK_OUT = "orders"
PAUSE_NS = 10_000_000_000
"""A shadow that scores nothing for so long was not at work; then live is without it."""
BEFORE_NS = 3_600_000_000_000
"""Live without the shadow is measured over its last hour before."""
LAST_TICKS_OFFSETS = 512
"""So far from the end of each partition the last mid of an instrument is looked for."""
COUNTED = ("scores", "orders.intent", "orders.decision", RISK_OUT, "executions")


@dataclass(slots=True)
class _Seen:
    """What a shadow's own topics tell.

    Attributes:
        since: Log time of its first score, ns; None before any.
        spans: Wall times between which it was at work, ns, ascending.
    """

    hops: HopLatencies = field(default_factory=HopLatencies)
    counts: dict[str, int] = field(default_factory=dict)
    fills: int = 0
    since: int | None = None
    spans: list[tuple[int, int]] = field(default_factory=list)


def shadow_report(log: Log, plan: ShadowPlan) -> dict[str, Any]:
    """The report.

    Args:
        log: The cluster.
        plan: The shadow.

    Raises:
        BrokerError: A topic cannot be read.
    """
    candidate = Economics(log, plan.shape)
    seen = _own(log, plan, candidate)
    for rows in _last_ticks(log, plan):
        candidate.ticks(rows)
    summary = seen.hops.summary()
    return {
        "run": plan.name, "model": plan.model.get("sha256", ""), "partitions": plan.partitions,
        "ticks": seen.counts.get("scores", 0), "intents": seen.counts.get("orders.intent", 0),
        "decisions": seen.counts.get("orders.decision", 0), "orders": seen.counts.get(RISK_OUT, 0),
        "fills": seen.fills, "executions": "simulated: no market impact", "since": seen.since,
        "economics": {"candidate": candidate.figures(), "champion": _champion(log, plan, seen.since)},
        "hops": summary, "tick_to_order": summary["tick_to_order"], "live_tick_to_order": _live(log, plan, seen.spans),
    }  # fmt: skip


def _own(log: Log, plan: ShadowPlan, economics: Economics) -> _Seen:
    seen, spans = _Seen(), list[tuple[int, int]]()
    for name, partition in ((name, p) for name in COUNTED for p in range(plan.partitions)):
        for record, head in records(log, plan.shape, name, partition):
            header = header_of(record)
            if header is None or head.schema == END.number:
                continue
            seen.counts[name] = seen.counts.get(name, 0) + head.items
            said = decode_any(record.value) if name == "executions" else None
            if isinstance(said, Execution):
                seen.fills += said.last_quantity > 0
                economics.execution(said, partition)
            elif name == "scores":
                seen.since = head.time if seen.since is None else min(seen.since, head.time)
                _at_work(spans, int(header.stamps[-1, -1]))
            seen.hops.record(name, header, repeat=isinstance(said, Execution) and said.report_index > 0)
    seen.spans = _together(spans)
    return seen


def _at_work(spans: list[tuple[int, int]], at: int) -> None:
    """Lengthen the last span to a wall time, or begin another behind a pause."""
    if spans and 0 <= at - spans[-1][1] < PAUSE_NS:
        spans[-1] = (spans[-1][0], at)
    elif not spans or not spans[-1][0] <= at <= spans[-1][1]:
        spans.append((at, at))


def _together(spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Spans of all partitions as one list: those that overlap, or all but meet, are one."""
    joined: list[tuple[int, int]] = []
    for first, last in sorted(spans):
        if joined and first < joined[-1][1] + PAUSE_NS:
            joined[-1] = (joined[-1][0], max(last, joined[-1][1]))
        else:
            joined.append((first, last))
    return joined


def _champion(log: Log, plan: ShadowPlan, since: int | None) -> dict[str, dict[str, float]] | None:
    """What the live desk came to meanwhile; None before the shadow has taken a tick."""
    if since is None:
        return None
    live = Shape(replace(plan.shape.watched, namespace="", opened=plan.live.opening, tasks=plan.live.tasks))
    lookup = Lookup(log, live)
    names = ("orders.intent", "executions")
    live = replace(live, ranges={(name, 0): (lookup.offset_at(name, 0, since), 1 << 62) for name in names})
    economics = Economics(log, live)
    for record, head in records(log, live, "executions", 0):
        if head.time < since or head.writer not in live.writers("executions", 0):
            continue
        said = decode_any(record.value)
        if isinstance(said, Execution):
            economics.execution(said)
    for rows in _last_ticks(log, plan):
        economics.ticks(rows)
    return economics.figures()


def _last_ticks(log: Log, plan: ShadowPlan) -> Iterator[Any]:
    for partition in range(plan.partitions):
        high = log.bounds(plan.live.topic(TICKS_TOPIC), partition)[1]
        live = Shape(replace(plan.shape.watched, namespace=""))
        for record, head in records(log, live, TICKS_TOPIC, partition, max(0, high - LAST_TICKS_OFFSETS)):
            try:
                rows = rows_of(record, head)
            except BadInput:  # a stranger's: normalise's readers have refused it
                continue
            if rows is not None:
                yield rows


def _live(log: Log, plan: ShadowPlan, spans: list[tuple[int, int]]) -> dict[str, HopSummary] | None:
    """The live desk's latency without the shadow and with it, by when its orders left; None where it never worked."""
    if not spans:
        return None
    without, beside = HopLatencies(), HopLatencies()
    begin = spans[0][0] - BEFORE_NS
    live = Shape(replace(plan.shape.watched, namespace=""))
    for record, head in records(log, live, RISK_OUT, 0, Lookup(log, live).offset_at(RISK_OUT, 0, begin)):
        header = header_of(record)
        if header is None or head.schema == END.number or (left := _left_ns(header)) < begin:
            continue
        (beside if any(first <= left <= last for first, last in spans) else without).record(RISK_OUT, header)
    return {"without": without.summary()["tick_to_order"], "with": beside.summary()["tick_to_order"]}


def _left_ns(header: Header) -> int:
    at = header.hops.index(HOP_NUMBER["risk"]) if HOP_NUMBER["risk"] in header.hops else -1
    return 0 if at < 0 else int(header.stamps[-1, 2 + 2 * at])
