"""Execution report: what became of an order at the venue."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import UNSET, Meta, UnsetType

from schemas.columns import U16, U32, Nanos, Price, Size
from schemas.document import Document, Root, Text
from schemas.execution_report import ReportStatus


class Execution(Document, frozen=True, kw_only=True, tag="execution"):
    """One report. The last report of an order is marked ``final``: nothing follows it."""

    execution_id: Annotated[
        Text,
        Meta(description="the gateway's own, or client_order_id and report_index: the same in every replay"),
    ]
    client_order_id: Text
    root: Root
    ts: Annotated[
        Nanos,
        Meta(description="log time: receipt of the gateway's report, or the order's time plus venue latency"),
    ]
    account: Text
    strategy: Text
    instrument_id: U32
    instrument: Text
    side: Literal["buy", "sell"]
    status: ReportStatus
    last_quantity: Annotated[Size, Meta(description="quantity of this fill; 0 when none")]
    last_price: Price
    cumulative_quantity: Size
    leaves_quantity: Size
    report_index: U16
    final: bool
    reason: str = ""
    ts_event: Annotated[Nanos | UnsetType, Meta(description="a gateway's report: the venue's time of it")] = UNSET
    venue_order_id: Annotated[Text | UnsetType, Meta(description="the venue's own id, where a gateway names it")] = (
        UNSET
    )
    author: Annotated[Text | UnsetType, Meta(description="person who said so in the gateway's stead")] = UNSET
