"""Execution report: what became of an order at the venue."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from schemas.columns import U16, U32, Nanos, Price, Size
from schemas.document import Document, Root, Text


class Execution(Document, frozen=True, kw_only=True, tag="execution"):
    """One report. The last report of an order is marked ``final``: nothing follows it."""

    execution_id: Annotated[Text, Meta(description="client_order_id and report_index: the same in every replay")]
    client_order_id: Text
    root: Root
    ts: Annotated[Nanos, Meta(description="log time at which the report takes effect: the order's plus venue latency")]
    account: Text
    strategy: Text
    instrument_id: U32
    instrument: Text
    side: Literal["buy", "sell"]
    status: Literal["filled", "partially_filled", "cancelled", "rejected"]
    last_quantity: Annotated[Size, Meta(description="quantity of this fill; 0 when none")]
    last_price: Price
    cumulative_quantity: Size
    leaves_quantity: Size
    report_index: U16
    final: bool
    reason: str = ""
