"""Kraken Futures' fills (``GET /derivatives/api/v3/fills``). Quantities are contracts.

Fields: https://docs.kraken.com/api/docs/futures-api/trading/get-fills.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from feeds.executions.told import Item, Told, each, iso, number, text, wrong

_OURS = ("maker", "taker", "takerAfterEdit")
_FORCED = {
    "liquidation": "liquidation", "assignor": "assignment", "assignee": "assignment",
    "unwindBankrupt": "auto-deleveraging", "unwindCounterparty": "auto-deleveraging",
}  # fmt: skip


def claims(item: Mapping[str, Any]) -> bool:
    """Whether it is an answer that lists fills."""
    found = item.get("fills")
    return isinstance(found, list) and any(isinstance(one, Mapping) and "fill_id" in one for one in found)


def told(item: Mapping[str, Any]) -> list[Item]:
    """A report for each fill."""
    return each(item["fills"], _fill)


def _fill(one: Mapping[str, Any]) -> Told:
    kind = text(one, "fillType")
    if kind not in (*_OURS, *_FORCED):
        raise wrong("fillType", kind, ", ".join((*_OURS, *_FORCED)))
    return Told(
        execution_id=text(one, "fill_id"), status="fill", ts=iso(one, "fillTime"),
        client_order_id=text(one, "cli_ord_id", may_lack=True), venue_order_id=text(one, "order_id"),
        last=number(one, "size"), price=number(one, "price"), forced=_FORCED.get(kind, ""),
    )  # fmt: skip
