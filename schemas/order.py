"""Order: an approved intent, for execution systems."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from schemas.columns import U32, Nanos, Price, Size
from schemas.document import Document, Root, Text


class Order(Document, frozen=True, kw_only=True, tag="order"):
    """An order that has passed every risk check. ``client_order_id`` is idempotent: work it once, whatever you read."""

    client_order_id: Text
    root: Root
    ts: Annotated[Nanos, Meta(description="log time, inherited from the root's tick")]
    account: Text
    strategy: Text
    venue: Text
    instrument_id: U32
    instrument: Text
    symbol: Text
    side: Literal["buy", "sell"]
    quantity: Annotated[Size, Meta(description="units of size_increment, > 0")]
    quantity_decimal: Annotated[Text, Meta(description="the same quantity as the venue writes it, e.g. 0.015")]
    limit_price: Price
    limit_price_decimal: Annotated[Text, Meta(description="the same price as the venue writes it")]
    time_in_force: Literal["ioc"] = "ioc"
    valid_until: Annotated[Nanos, Meta(description="log time after which the order must not be worked")]
    action: Annotated[Literal["new", "cancel"], Meta(description="cancel: take back the order that cancels names")] = (
        "new"
    )
    cancels: Annotated[str, Meta(max_length=512, description="client_order_id to take back; empty for new")] = ""
