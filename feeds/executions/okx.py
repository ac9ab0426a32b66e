"""OKX's stream of orders (channel ``orders``). Quantities are contracts for swaps.

Fields: https://www.okx.com/docs-v5/en/#order-book-trading-trade-ws-order-channel.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from feeds.executions.told import NOTHING, Item, Told, each, millis, number, text, wrong

_STATUS: dict[str, Any] = {
    "live": "acknowledged", "partially_filled": "fill", "filled": "filled", "canceled": "cancelled",
    "mmp_canceled": "cancelled",
}  # fmt: skip
_FORCED = {"full_liquidation": "liquidation", "partial_liquidation": "liquidation", "adl": "auto-deleveraging"}


def claims(item: Mapping[str, Any]) -> bool:
    """Whether it is of the stream of orders."""
    arg = item.get("arg")
    return isinstance(arg, Mapping) and arg.get("channel") == "orders" and isinstance(item.get("data"), list)


def told(item: Mapping[str, Any]) -> list[Item]:
    """A report for each order. A trade's id counts per instrument."""
    return each(item["data"], _order)


def _order(one: Mapping[str, Any]) -> Told:
    state = text(one, "state")
    if state not in _STATUS:
        raise wrong("state", state, ", ".join(_STATUS))
    traded = _STATUS[state] in ("fill", "filled")
    mark = text(one, "tradeId") if traded else f"{text(one, 'ordId')}-{state}-{text(one, 'uTime')}"
    return Told(
        execution_id=f"{text(one, 'instId')}-{mark}", status=_STATUS[state], ts=millis(one, "uTime"),
        client_order_id=text(one, "clOrdId", may_lack=True), venue_order_id=text(one, "ordId"),
        last=number(one, "fillSz") if traded else NOTHING, price=number(one, "fillPx") if traded else NOTHING,
        cumulative=number(one, "accFillSz"), reason=text(one, "cancelSourceReason", may_lack=True),
        forced=_FORCED.get(text(one, "category"), ""),
    )  # fmt: skip
