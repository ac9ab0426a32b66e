"""Execution report: what an execution system writes to ``raw.<gateway>``, as plain JSON, one report a record.

Quantities and prices are decimals in strings, as venues write them: no client turns them into binary fractions.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from schemas.columns import Nanos
from schemas.document import Text

ID_CHARS_MAX = 200
"""Longest id that a gateway or a venue gives."""

DecimalText = Annotated[str, Meta(pattern=r"^[0-9]{1,9}(\.[0-9]{1,9})?$", description="decimal, e.g. 0.015")]

ReportStatus = Literal["acknowledged", "partially_filled", "filled", "cancelled", "rejected", "replaced"]
"""acknowledged: it works. cancelled, rejected, replaced, or filled to the last: nothing follows."""


class ExecutionReport(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="execution_report"):
    """One report on one order. Unknown fields are ignored.

    ``client_order_id`` is that of the order answered, as it stands in ``orders``. Every order there is answered, a
    cancel and a replace under its own id: ``cancelled`` on a cancel closes it and the order that it names;
    ``replaced`` on a replace closes the order that it names, and the replace works on; ``rejected`` on either leaves
    the order that it names as it was. ``cancelled`` on a new order is the venue's own doing, or what is left of an
    immediate-or-cancel order.
    """

    execution_id: Annotated[
        str,
        Meta(
            min_length=1,
            max_length=ID_CHARS_MAX,
            description="unique for ever per gateway. Sent twice with one content it counts once",
        ),
    ]
    client_order_id: Text
    status: ReportStatus
    ts: Annotated[Nanos, Meta(description="the venue's time of the report, ns since 1970 UTC")]
    last_quantity: Annotated[DecimalText, Meta(description="filled by this report; above 0 for fills alone")] = "0"
    last_price: Annotated[DecimalText, Meta(description="price of this fill; 0 where there is none")] = "0"
    cumulative_quantity: Annotated[
        DecimalText | None,
        Meta(description="filled so far, this report included. Where given it is checked: a fill that was lost shows"),
    ] = None
    venue_order_id: Annotated[str, Meta(max_length=ID_CHARS_MAX, description="the venue's own id of the order")] = ""
    reason: Annotated[str, Meta(max_length=512, description="why: for people")] = ""
    author: Annotated[str, Meta(max_length=512, description="person who says so in a gateway's stead; else empty")] = ""
