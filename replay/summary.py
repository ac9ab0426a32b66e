"""The summary of a run: one JSON-able object, every figure counted from the committed topics after the run."""

from __future__ import annotations

from typing import Any

from agents.context import read_context
from agents.normalise import Normalise
from replay.audit import Audit, Auditor
from replay.session import Session
from schemas.catalog import END
from schemas.errors import BadFrame
from schemas.header import HOP_NUMBER, unpack
from schemas.topics import TOPICS
from streams.clock import monotonic_s, sleep_s
from streams.snapshot import newest

SETTLE_S_MAX = 5.0
"""Longest wait for the last commit's markers; a run that was ended by force has none to wait for."""
SETTLE_PAUSE_S = 0.02
SETTLE_OFFSETS = 16
"""Offsets before a topic's end among which its end record lies: behind it come markers only."""


def summarise(session: Session) -> tuple[dict[str, Any], Audit]:
    """Read the run's topics back and sum up.

    Returns:
        The summary as ``tapedeck demo --json`` prints it, and the audit behind it (histograms, denials by reason).
    """
    plan = session.plan
    _settle(session)
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
        "pnl": audit.pnl.by_currency(plan.definitions),
        "elapsed_s": round(elapsed_s, 3),
        "ticks_per_s": round(audit.ticks / elapsed_s, 1) if elapsed_s else 0.0,
        "hops": audit.hops.summary(),
        "order_hash": audit.order_hash,
        "restarts": session.restarts,
    }
    return summary, audit


def _settle(session: Session) -> None:
    """Wait until committed readers see each topic's end record: Kafka writes commit markers after it acknowledges."""
    until = monotonic_s() + SETTLE_S_MAX
    for topic in TOPICS:
        if END not in topic.schemas or not topic.transactional:
            continue
        name = session.plan.topic(topic.name)
        while not _ended(session, name) and monotonic_s() < until:
            sleep_s(SETTLE_PAUSE_S)


def _ended(session: Session, topic: str) -> bool:
    low, high = session.log.bounds(topic, 0)
    last = session.log.scan(topic, 0, max(low, high - SETTLE_OFFSETS), committed=True)
    return any(r.header is not None and _schema_of(r.header) == END.number for r in last)


def _schema_of(header: bytes) -> int | None:
    try:
        return unpack(header).schema
    except BadFrame:
        return None


def _gaps(session: Session) -> int:
    """Holes in the venue's update ids, as normalise counted them, from its last committed snapshot."""
    plan = session.plan
    snapshot = newest(session.log, plan.topic("state"), HOP_NUMBER["normalise"], "normalise")
    if snapshot is None:
        return 0
    return Normalise(read_context(session.log, plan.namespace)).gaps(snapshot.agents[0])
