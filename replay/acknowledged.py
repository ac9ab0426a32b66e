"""From an order to the word of the execution system that works it: two records, joined by the order's id.

An execution's header tells when the report was read and judged, the order's when it left. Between them lies a program
that stamps nothing but the report's own time, by its own clock. So the first execution of an order is measured as if it
had passed a venue at that time: ``risk_to_venue`` is the way there, ``venue_to_gateway`` the way back.
"""

from __future__ import annotations

from collections import OrderedDict

import msgspec
import numpy as np

from schemas.header import HOP_NUMBER, Header

ORDERS_MAX = 10_000
"""Orders that are remembered until their first execution."""


class _Named(msgspec.Struct):
    client_order_id: str
    ts_event: int = 0
    gateway: str = ""


_DECODER = msgspec.json.Decoder(_Named)


class Acknowledged:
    """Orders that wait for their first word."""

    def __init__(self) -> None:
        self._orders: OrderedDict[str, Header] = OrderedDict()

    def joined(self, topic: str, header: Header, value: bytes) -> Header:
        """The header to measure by: of an order's first execution the whole way, of all others their own."""
        if topic not in ("orders", "executions") or header.stamps is None:
            return header
        try:
            said = _DECODER.decode(value)
        except msgspec.DecodeError:
            return header
        if topic == "orders":
            if said.gateway:
                self._orders[said.client_order_id] = header
                if len(self._orders) > ORDERS_MAX:
                    self._orders.popitem(last=False)
            return header
        order = self._orders.pop(said.client_order_id, None)
        if order is None or not said.ts_event:
            return header
        way = (*order.hops, HOP_NUMBER["venue"], *header.hops)
        stamps = [*order.stamps[0], said.ts_event, said.ts_event, *header.stamps[0, 1:]]
        return msgspec.structs.replace(header, hops=way, stamps=np.array([stamps], dtype=np.int64))
