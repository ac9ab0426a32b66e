"""Order intent: what a strategy wants, and the touch it saw."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from schemas.columns import F64, U16, U32, Nanos, Price, Size
from schemas.document import Document, Root, Text

Action = Annotated[
    Literal["new", "cancel", "replace"],
    Meta(description="cancel: take back the order that cancels names. replace: the same, and this takes its place"),
]
Cancels = Annotated[str, Meta(max_length=512, description="client_order_id to take back or replace; empty for new")]
"""What an intent or order asks for."""


class Touch(Document, frozen=True, kw_only=True):
    """Best bid and offer as a strategy saw them, and since when."""

    bid_price: Price
    ask_price: Price
    bid_size: Size
    ask_size: Size
    ts: Annotated[Nanos, Meta(description="log time of the message that set the touch")]


class Intent(Document, frozen=True, kw_only=True, tag="intent"):
    """An order a strategy would like to send. Nothing has been checked yet."""

    client_order_id: Annotated[Text, Meta(description="derived from root: the same in every replay; idempotency key")]
    root: Root
    ts: Annotated[Nanos, Meta(description="log time: inherited from the root's tick")]
    account: Text
    strategy: Text
    instrument_id: U32
    instrument: Text
    side: Literal["buy", "sell"]
    quantity: Annotated[Size, Meta(description="units of size_increment, > 0; of a cancel 0")]
    limit_price: Price
    time_in_force: Annotated[
        Literal["ioc", "gtc"], Meta(description="ioc: what does not fill at once is cancelled; gtc: it rests")
    ] = "ioc"
    valid_until: Annotated[Nanos, Meta(description="log time after which the order must not leave")]
    touch: Touch
    score: Annotated[F64, Meta(description="the score that led here, basis points")]
    position: Annotated[Size, Meta(description="signed position the strategy held")]
    target: Annotated[Size, Meta(description="signed position it wants")]
    model: Annotated[Text, Meta(description="sha256 of the model artefact")]
    view: Annotated[Text, Meta(description="sha256 of the feature view")]
    action: Action = "new"
    cancels: Cancels = ""
    flags: Annotated[U16, Meta(description="flags of the tick it was formed at: gapped book, crossed touch")] = 0
