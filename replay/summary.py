"""The summary of a run: one JSON-able object, every figure counted from the committed topics after the run."""

from __future__ import annotations

from typing import Any

from agents.context import read_context
from agents.normalise import Normalise
from feeds.definitions import DEFINITIONS
from replay.audit import Audit, Auditor
from replay.session import Session
from schemas.header import HOP_NUMBER
from streams.snapshot import newest


def summarise(session: Session) -> tuple[dict[str, Any], Audit]:
    """Read the run's topics back and sum up.

    Returns:
        The summary as ``tapedeck demo --json`` prints it, and the audit behind it (histograms, denials by reason).
    """
    plan = session.plan
    audit = Auditor(session.log, plan).run(session.acknowledged())
    elapsed_s = session.elapsed_s
    summary = {
        "run": plan.run,
        "ticks": audit.ticks,
        "captured": audit.raw - audit.rejected_payloads,
        "trades": audit.trades,
        "intents": audit.intents,
        "orders": audit.orders,
        "denied": audit.denied,
        "executions": audit.executions,
        "dead_letters": audit.dead_letters,
        "gaps": _gaps(session),
        "lost": audit.lost,
        "duplicated": audit.duplicated,
        "pnl": audit.pnl.by_currency(DEFINITIONS),
        "elapsed_s": round(elapsed_s, 3),
        "ticks_per_s": round(audit.ticks / elapsed_s, 1) if elapsed_s else 0.0,
        "hops": audit.hops.summary(),
        "order_hash": audit.order_hash,
        "restarts": session.restarts,
    }
    return summary, audit


def _gaps(session: Session) -> int:
    """Holes in the venue's update ids, as normalise counted them, from its last committed snapshot."""
    plan = session.plan
    snapshot = newest(session.log, plan.topic("state"), HOP_NUMBER["normalise"], "normalise")
    if snapshot is None:
        return 0
    return Normalise(read_context(session.log, plan.namespace)).gaps(snapshot.agents[0])
