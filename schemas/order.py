"""Order: an approved intent, for execution systems."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import UNSET, Meta, UnsetType

from schemas.columns import U32, Nanos, Price, Size
from schemas.document import Document, Root, Text
from schemas.intent import Action, Cancels


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
    quantity: Annotated[Size, Meta(description="units of size_increment, > 0; of a cancel 0")]
    quantity_decimal: Annotated[Text, Meta(description="the same quantity as the venue writes it, e.g. 0.015")]
    limit_price: Price
    limit_price_decimal: Annotated[Text, Meta(description="the same price as the venue writes it")]
    time_in_force: Annotated[
        Literal["ioc", "gtc"], Meta(description="ioc: what does not fill at once is cancelled; gtc: it rests")
    ] = "ioc"
    valid_until: Annotated[Nanos, Meta(description="log time after which the order must not be worked")]
    action: Action = "new"
    cancels: Cancels = ""
    gateway: Annotated[
        Text | UnsetType, Meta(description="execution system that is to work it; left out: the paper venue")
    ] = UNSET
