"""A gateway hop and what it reads, in one thread: what tests of execution reports share."""

from __future__ import annotations

import json
from typing import Any

import msgspec

from agents.context import context_of
from agents.gateway import Gateway
from feeds.definitions import BY_INSTRUMENT, DEFINITIONS
from replay.plan import PlayPlan
from schemas.definition import Definition
from schemas.document import Root
from schemas.errors import BadInput
from schemas.execution import Execution
from schemas.order import Order
from streams.agent import Batch, Out, Payload

GATEWAY = "toy"
BTC = BY_INSTRUMENT["spot:BTCUSDT"]
PRICE = "61000.5"
TS = 1_723_161_254_000_000_000


def order(name: str = "o1", quantity: int = 10, *, of: Definition = BTC, **more: Any) -> Order:
    fields: dict[str, Any] = {
        "client_order_id": name, "root": Root(source="test", seq=1), "ts": TS, "account": "a", "strategy": "s",
        "venue": of.venue, "instrument_id": of.instrument_id, "instrument": of.instrument, "symbol": of.symbol,
        "side": "buy", "quantity": quantity, "quantity_decimal": "1", "limit_price": 1, "limit_price_decimal": "1",
        "valid_until": TS, "gateway": GATEWAY,
    }  # fmt: skip
    return Order(**{**fields, **more})


def units(count: int, of: Definition = BTC) -> str:
    """So many units of size_increment, as a decimal."""
    return f"{count * of.size_increment / 1e9:.9f}"


def report(name: str = "o1", status: str = "acknowledged", last: int = 0, **more: Any) -> bytes:
    """A plain report; its id is made of order, status and quantity."""
    said = {
        "type": "execution_report", "execution_id": f"{name}-{status}-{last}", "client_order_id": name,
        "status": status, "ts": TS, "last_quantity": units(last), "last_price": PRICE if last else "0", **more,
    }  # fmt: skip
    return json.dumps(said).encode()


REFUSED = {
    "not_a_report": b'{"type":"execution_report","status":"filled"}',
    "unknown_order": report("nobody"),
    "beyond_quantity": report(status="partially_filled", last=11),
    "off_grid": report(status="filled", last_quantity="0.000000001", last_price="5"),
    "quantity_differs": report(status="partially_filled", last=4, cumulative_quantity=units(5)),
    "bad_fill": report(status="filled", last=10, last_price="0"),
    "wrong_status": report(status="replaced"),
}
"""By kind: what no open order ``o1`` of 10 units can have."""


class Hop:
    """The hop with its state. What is not known is not there: ``orders`` is always read to its end."""

    def __init__(self, *orders: Order, definitions: tuple[Definition, ...] = DEFINITIONS) -> None:
        opening = msgspec.structs.replace(PlayPlan(run="r").opening(), mode="live", gateway=GATEWAY)
        self.hop = Gateway(context_of(opening, definitions))
        self.state = self.hop.start()
        self.hop.offer(self.state, "orders", list(orders), ended=False)

    def step(self, *payloads: bytes) -> Out:
        """All of it; asked for more orders, it says that there are none."""
        whole = Out(consumed=0)
        batch = Batch.of([Payload(GATEWAY, i, TS + 5, b"k", p) for i, p in enumerate(payloads)])
        while whole.consumed < len(payloads):
            out = self.hop.step(self.state, batch.tail(whole.consumed))
            whole.documents += out.documents
            whole.rejects += out.rejects
            whole.consumed += out.consumed
            if out.waits:
                self.hop.offer(self.state, "orders", [], ended=True)
        return whole

    def said(self, *payloads: bytes) -> list[tuple[str, str, int, bool]]:
        """Order, status, quantity and whether it is the last, of the executions made; nothing may be refused."""
        out = self.step(*payloads)
        assert not out.rejects, out.rejects
        return [told(d.document) for d in out.documents]

    def refused(self, *payloads: bytes) -> BadInput:
        """The one refusal; nothing may come of it."""
        before = self.hop.snapshot(self.state)
        out = self.step(*payloads)
        assert len(out.rejects) == 1
        assert not out.documents
        assert self.hop.snapshot(self.state) == before
        return out.rejects[0].error


def told(execution: Any) -> tuple[str, str, int, bool]:
    assert isinstance(execution, Execution)
    return execution.client_order_id, execution.status, execution.last_quantity, execution.final
