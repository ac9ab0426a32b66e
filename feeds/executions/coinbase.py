"""Coinbase Advanced Trade's fills (``GET /api/v3/brokerage/orders/historical/fills``). It names its own order alone.

Fields: https://docs.cdp.coinbase.com/advanced-trade/reference/retailbrokerageapi_getfills.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from feeds.executions.told import Item, Told, each, iso, number, text, wrong


def claims(item: Mapping[str, Any]) -> bool:
    """Whether it is an answer that lists fills."""
    found = item.get("fills")
    return isinstance(found, list) and any(isinstance(one, Mapping) and "entry_id" in one for one in found)


def told(item: Mapping[str, Any]) -> list[Item]:
    """A report for each fill."""
    return each(item["fills"], _fill)


def _fill(one: Mapping[str, Any]) -> Told:
    if one.get("trade_type") != "FILL":
        raise wrong("trade_type", one.get("trade_type"), "FILL")
    if one.get("size_in_quote"):
        raise wrong("size_in_quote", True, "false: a size in the quote currency is of no order of ours")
    return Told(
        execution_id=text(one, "entry_id"), status="fill", ts=iso(one, "trade_time"),
        venue_order_id=text(one, "order_id"), last=number(one, "size"), price=number(one, "price"),
    )  # fmt: skip
