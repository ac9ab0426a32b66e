"""Binance futures' user data stream (``ORDER_TRADE_UPDATE``).

Fields: https://developers.binance.com/docs/derivatives/usds-margined-futures/user-data-streams/Event-Order-Update.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from feeds.executions.told import NOTHING, Told, millis, number, text, wrong

_STATUS: dict[str, Any] = {
    "NEW": "acknowledged", "AMENDMENT": "acknowledged", "TRADE": "fill", "CALCULATED": "fill",
    "CANCELED": "cancelled", "EXPIRED": "cancelled", "REJECTED": "rejected",
}  # fmt: skip
_FORCED = {"autoclose-": "liquidation", "adl_autoclose": "auto-deleveraging", "settlement_autoclose-": "settlement"}
"""How client order ids of the venue's own orders begin."""


def claims(item: Mapping[str, Any]) -> bool:
    """Whether it is an order update."""
    return item.get("e") == "ORDER_TRADE_UPDATE"


def told(item: Mapping[str, Any]) -> list[Told]:
    """One report. A trade's id counts per symbol."""
    order = item.get("o")
    kind = order.get("x") if isinstance(order, Mapping) else None
    if not isinstance(order, Mapping) or kind not in _STATUS:
        raise wrong("o.x", kind, ", ".join(_STATUS))
    fills = _STATUS[kind] == "fill"
    ours = text(order, "c")
    mark = text(order, "t") if fills else f"{text(order, 'i')}-{kind}-{text(order, 'T')}"
    return [Told(
        execution_id=f"{text(order, 's')}-{mark}", status=_STATUS[kind], ts=millis(order, "T"), client_order_id=ours,
        venue_order_id=text(order, "i"), last=number(order, "l") if fills else NOTHING,
        price=number(order, "L") if fills else NOTHING, cumulative=number(order, "z"), reason=text(order, "X"),
        forced=next((word for begins, word in _FORCED.items() if ours.startswith(begins)), ""),
    )]  # fmt: skip
