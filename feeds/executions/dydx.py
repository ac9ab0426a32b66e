"""dYdX's fills (``GET /v4/fills``). It names its own order alone.

Fields: https://docs.dydx.xyz/indexer-client/http, fills.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from feeds.executions.told import Item, Told, each, iso, number, text, wrong

_OURS = ("LIMIT", "MARKET")
_FORCED = {"LIQUIDATED": "liquidation", "DELEVERAGED": "auto-deleveraging"}


def claims(item: Mapping[str, Any]) -> bool:
    """Whether it is an answer that lists fills."""
    return any(isinstance(one, Mapping) and "createdAtHeight" in one for one in _listed(item))


def told(item: Mapping[str, Any]) -> list[Item]:
    """A report for each fill."""
    return each(_listed(item), _fill)


def _listed(item: Mapping[str, Any]) -> list[Any]:
    result = item.get("result", item)
    found = result.get("fills") if isinstance(result, Mapping) else None
    return found if isinstance(found, list) else []


def _fill(one: Mapping[str, Any]) -> Told:
    kind = text(one, "type")
    if kind not in (*_OURS, *_FORCED):
        raise wrong("type", kind, ", ".join((*_OURS, *_FORCED)))
    return Told(
        execution_id=text(one, "id"), status="fill", ts=iso(one, "createdAt"),
        venue_order_id=text(one, "orderId", may_lack=True), last=number(one, "size"), price=number(one, "price"),
        forced=_FORCED.get(kind, ""),
    )  # fmt: skip
