"""What a shadow came to so far, and what it cost the live desk: read from the log at any time, while both go on."""

from __future__ import annotations

from typing import Any

from replay.hops import HopLatencies, HopSummary
from replay.recording import Recording
from replay.shadow import ShadowPlan
from schemas.catalog import END
from schemas.codec import decode_any
from schemas.execution import Execution
from schemas.header import HOP_NUMBER, Header
from streams.log import Log

RISK_OUT = "orders"


def shadow_report(log: Log, plan: ShadowPlan, began_ns: int | None) -> dict[str, Any]:
    """The report.

    Args:
        log: The cluster.
        plan: The shadow.
        began_ns: Wall time at which its tasks were at work; None where they are not now: live is not measured then.

    Raises:
        BrokerError: A topic cannot be read.
    """
    run = Recording(log, plan.namespace, plan.opening, (), {}, {}, {})
    hops = HopLatencies()
    counts: dict[str, int] = {}
    filled = 0
    for name in ("scores", "orders.intent", "orders.decision", "orders", "executions"):
        for record, header in run.scan(name):
            if header is None or header.schema == END.number:
                continue
            counts[name] = counts.get(name, 0) + header.count
            said = decode_any(record.value) if name == "executions" else None
            filled += isinstance(said, Execution) and said.last_quantity > 0
            hops.record(name, header, repeat=isinstance(said, Execution) and said.report_index > 0)
    summary = hops.summary()
    return {
        "run": plan.name, "model": plan.model.get("sha256", ""), "ticks": counts.get("scores", 0),
        "intents": counts.get("orders.intent", 0), "orders": counts.get("orders", 0), "fills": filled,
        "executions": "simulated: no market impact", "hops": summary, "tick_to_order": summary["tick_to_order"],
        "live_tick_to_order": None if began_ns is None else _live(plan, began_ns),
    }  # fmt: skip


def _live(plan: ShadowPlan, began_ns: int) -> dict[str, HopSummary]:
    """The live desk's latency without the shadow and with it, by when its orders left."""
    without, beside = HopLatencies(), HopLatencies()
    for _, header in plan.live.scan(RISK_OUT):
        if header is not None and header.schema != END.number:
            (beside if _left_ns(header) >= began_ns else without).record(RISK_OUT, header)
    return {"without": without.summary()["tick_to_order"], "with": beside.summary()["tick_to_order"]}


def _left_ns(header: Header) -> int:
    at = header.hops.index(HOP_NUMBER["risk"]) if HOP_NUMBER["risk"] in header.hops else -1
    return 0 if at < 0 else int(header.stamps[-1, 2 + 2 * at])
