"""Betfair's order stream (``op: ocm``). It says how much is matched so far and at which average price.

Fields: https://docs.developer.betfair.com/display/1smk3cen4v3lu3yomq5qye0ni/Exchange+Stream+API, OrderChangeMessage.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from feeds.executions.told import Item, Told, each, millis, number, text


def claims(item: Mapping[str, Any]) -> bool:
    """Whether it is an order change message."""
    return item.get("op") == "ocm"


def told(item: Mapping[str, Any]) -> list[Item]:
    """A report for each order in it; the id is made of order, status and what is matched, as there is no other."""
    orders = [
        order for market in item.get("oc", ()) for runner in market.get("orc", ()) for order in runner.get("uo", ())
    ]
    return each(orders, lambda order: _of(item, order))


def _of(item: Mapping[str, Any], order: Mapping[str, Any]) -> Told:
    matched, size = number(order, "sm"), number(order, "s")
    status: Any = "fill" if matched else "acknowledged"
    gone = [f"{word} {order[name]}" for name, word in _GONE.items() if order.get(name)]
    if text(order, "status") == "EC" and matched < size:
        status = "cancelled"
    return Told(
        execution_id=f"{text(order, 'id')}-{order['status']}-{matched.normalize():f}", status=status,
        ts=millis(item, "pt"), client_order_id=text(order, "rfo", may_lack=True), venue_order_id=text(order, "id"),
        last=None, cumulative=matched, average=number(order, "avp") if matched else matched, reason=", ".join(gone),
    )  # fmt: skip


_GONE = {"sc": "cancelled", "sl": "lapsed", "sv": "voided"}
