"""Halts and limits that were in force when an order was decided, as what people had said by then comes to."""

from __future__ import annotations

from typing import Any

from agents.standing import SEVERITY, STATES, Standing
from replay.shape import Shape
from schemas.codec import decode_any
from schemas.decision import Decision
from schemas.errors import BadInput
from schemas.header import HOP_NUMBER, unpack
from schemas.intent import Intent
from streams.log import Log, Record


def standing_at(log: Log, shape: Shape, intent: Intent, decision: Record | None) -> dict[str, Any]:
    """What held for an intent: every halt that covers it, the strictest state, and the limits of its instrument.

    Live, what was said by the wall time at which risk took the intent up; else by its log time. ``agrees`` is whether
    the decision's own check of the trading state shows the same; None where there is no decision. (Risk halts by itself
    too, where a limit is missing.)
    """
    as_of = intent.ts
    if decision is not None and decision.header is not None and shape.opened.mode == "live":
        header = unpack(decision.header)
        if HOP_NUMBER["risk"] in header.hops:
            as_of = int(header.stamps[0, 1 + 2 * header.hops.index(HOP_NUMBER["risk"])])
    standing = _said_by(log, shape, as_of)
    covering = {("all", ""), ("account", intent.account), ("strategy", intent.strategy),
                ("instrument", intent.instrument)}  # fmt: skip
    limits = standing.limits
    state = standing.state_of(intent.account, intent.strategy, intent.instrument)
    return {
        "as_of_ns": as_of, "state": state,
        "halts": [
            {"scope": halt.scope, "name": halt.name, "state": halt.state, "author": halt.author, "reason": halt.reason,
             "ts": halt.ts}
            for place, halt in standing.halts.items() if place in covering
        ],
        "limits": {
            **limits.get("account", {}), **limits.get("default", {}),
            **limits.get("instrument", {}).get(intent.instrument, {}),
        },
        "agrees": _agrees(decision, SEVERITY[state]),
    }  # fmt: skip


def _said_by(log: Log, shape: Shape, as_of: int) -> Standing:
    standing = Standing()
    for record in log.scan(shape.watched.people, 0, 0, committed=True):
        try:
            said = decode_any(record.value)
        except BadInput:  # junk that somebody has put there is nobody's order
            continue
        if getattr(said, "ts", as_of) <= as_of:
            standing.apply(said)
    return standing


def _agrees(decision: Record | None, severity: int) -> bool | None:
    decided = None if decision is None else decode_any(decision.value)
    if not isinstance(decided, Decision):
        return None
    shown = next((check.value for check in decided.checks if check.name == "trading_state"), None)
    return None if shown is None else shown == severity or shown == len(STATES) - 1
