"""Bybit: executions asked for (``GET /v5/execution/list``), and the stream of orders (topic ``order``).

Fields: https://bybit-exchange.github.io/docs/v5/order/execution and .../v5/websocket/private/order. The stream says how
much is filled so far; both may be sent: what one has told, the other does not add again.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from feeds.executions.told import NOTHING, Item, Told, each, millis, number, text, wrong

_FORCED = {"BustTrade": "liquidation", "AdlTrade": "auto-deleveraging", "Settle": "settlement"}
PASSED_OVER = frozenset({"Funding", "SessionSettlePnL"})
"""Rows of positions, which are of no order."""
_STATUS: dict[str, Any] = {
    "New": "acknowledged", "PartiallyFilled": "fill", "Filled": "filled", "Rejected": "rejected",
    "Cancelled": "cancelled", "PartiallyFilledCanceled": "cancelled", "Deactivated": "cancelled",
}  # fmt: skip


def claims_list(item: Mapping[str, Any]) -> bool:
    """Whether it is an answer that lists executions."""
    return "retCode" in item and any(isinstance(one, Mapping) and "execId" in one for one in _listed(item))


def told_list(item: Mapping[str, Any]) -> list[Item]:
    """A report for each execution; none of a row that is of no order."""
    return each(_listed(item), _execution)


def claims_order(item: Mapping[str, Any]) -> bool:
    """Whether it is of the stream of orders."""
    return item.get("topic") == "order" and isinstance(item.get("data"), list)


def told_order(item: Mapping[str, Any]) -> list[Item]:
    """A report for each order; the id is made of order, status and what is filled, as there is no other."""
    return each(item["data"], _order)


def _listed(item: Mapping[str, Any]) -> list[Any]:
    result = item.get("result")
    found = result.get("list") if isinstance(result, Mapping) else None
    return found if isinstance(found, list) else []


def _execution(one: Mapping[str, Any]) -> Told | None:
    kind = text(one, "execType")
    if kind in PASSED_OVER:
        return None
    if kind != "Trade" and kind not in _FORCED:
        raise wrong("execType", kind, ", ".join(("Trade", *_FORCED)))
    return Told(
        execution_id=text(one, "execId"), status="fill", ts=millis(one, "execTime"),
        client_order_id=text(one, "orderLinkId", may_lack=True), venue_order_id=text(one, "orderId"),
        last=number(one, "execQty"), price=number(one, "execPrice"),
        cumulative=number(one, "orderQty") - number(one, "leavesQty"), forced=_FORCED.get(kind, ""),
    )  # fmt: skip


def _order(one: Mapping[str, Any]) -> Told:
    state = text(one, "orderStatus")
    if state not in _STATUS:
        raise wrong("orderStatus", state, ", ".join(_STATUS))
    filled, why = number(one, "cumExecQty"), text(one, "rejectReason", may_lack=True)
    return Told(
        execution_id=f"{text(one, 'orderId')}-{state}-{filled.normalize():f}", status=_STATUS[state],
        ts=millis(one, "updatedTime"), client_order_id=text(one, "orderLinkId", may_lack=True),
        venue_order_id=text(one, "orderId"), last=None, cumulative=filled,
        average=number(one, "avgPrice") if filled else NOTHING, reason="" if why == "EC_NoError" else why,
    )  # fmt: skip
