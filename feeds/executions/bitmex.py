"""BitMEX's executions (``GET /execution``, and the stream of that name). Quantities are contracts.

Fields: https://www.bitmex.com/api/explorer/#!/Execution/Execution_get.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from feeds.executions.told import NOTHING, Told, iso, number, text, wrong

_STATUS: dict[str, Any] = {
    "New": "acknowledged", "Replaced": "replaced", "Trade": "fill", "Canceled": "cancelled",
    "Rejected": "rejected",
}  # fmt: skip
PASSED_OVER = frozenset({"Funding", "Settlement"})
"""Rows of positions, which are of no order."""


def claims(item: Mapping[str, Any]) -> bool:
    """Whether it is one of them."""
    return "execID" in item and "ordStatus" in item


def told(item: Mapping[str, Any]) -> list[Told]:
    """One report; none of a row that is of no order."""
    kind = text(item, "execType")
    if kind in PASSED_OVER:
        return []
    if kind not in _STATUS:
        raise wrong("execType", kind, ", ".join(_STATUS))
    fills = _STATUS[kind] == "fill"
    note = text(item, "text", may_lack=True)
    return [Told(
        execution_id=text(item, "execID"), status=_STATUS[kind], ts=iso(item, "transactTime"),
        client_order_id=text(item, "clOrdID", may_lack=True), venue_order_id=text(item, "orderID"),
        last=number(item, "lastQty") if fills else NOTHING, price=number(item, "lastPx") if fills else NOTHING,
        cumulative=None if kind == "Replaced" else number(item, "cumQty"),  # it counts the order that was replaced
        reason=text(item, "ordRejReason", may_lack=True) or note,
        forced="liquidation" if note.startswith("Liquidation") else "",
    )]  # fmt: skip
