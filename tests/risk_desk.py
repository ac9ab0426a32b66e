"""A desk with a risk agent of its own: what tests of risk share."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import msgspec

from agents.context import context_of
from agents.risk import Risk
from feeds.definitions import BY_INSTRUMENT, DEFINITIONS
from replay.plan import PlayPlan
from schemas.clock import Clock
from schemas.columns import PRICE_SCALE
from schemas.decision import Check, Decision
from schemas.definition import Definition
from schemas.document import Document, Root
from schemas.execution import Execution
from schemas.intent import Intent, Touch
from schemas.order import Order
from streams.agent import Batch, Out

SECOND = 1_000_000_000
LATENCY = 50_000_000
START = 1_723_161_254 * SECOND
SPOT, INVERSE = "spot:BTCUSDT", "inverse:BTCUSD_PERP"
"""Sizes below are in units: 100,000 to one BTC on spot, one to a contract of 100 USD on inverse."""

WIDE: dict[str, Any] = {
    "account": {"message_rate_max": 1_000, "clock_age_max_ms": 1_000},
    "default": {"price_collar_bps": 10.0, "touch_age_max_ms": 2_000, "notional_max": 25_000},
    "instrument": {i: {"quantity_max": "1000", "position_max": "1000"} for i in (SPOT, INVERSE)},
}
"""Limits in which only what a test narrows can fail."""


def limits_with(**keys: Any) -> dict[str, Any]:
    """WIDE with these keys of its instruments replaced; a None removes one."""
    limits = copy.deepcopy(WIDE)
    for table in limits["instrument"].values():
        table.update(keys)
        for name in [k for k, v in table.items() if v is None]:
            del table[name]
            limits["default"].pop(name, None)
    return limits


def intent(number: int = 0, *, ts: int = START, instrument: str = SPOT, side: Any = "buy", quantity: int = 1_000,
           price: float = 60_000.0, touch_age: int = 0, valid: int = SECOND, touch: Any = None,
           flags: int = 0) -> Intent:  # fmt: skip
    """An intent that WIDE approves, but for what a test spoils."""
    definition = BY_INSTRUMENT[instrument]
    nanos = round(price * PRICE_SCALE)
    return Intent(
        client_order_id=f"id{number}", root=Root(source="test", seq=number), ts=ts, account="a", strategy="s",
        instrument_id=definition.instrument_id, instrument=instrument, side=side, quantity=quantity, limit_price=nanos,
        valid_until=ts + valid, score=0.5, position=0, target=0, model="m", view="v",
        touch=touch or touch_of(side, nanos, ts - touch_age), flags=flags,
    )  # fmt: skip


def touch_of(side: str, price: int, ts: int = START) -> Touch:
    """A touch whose opposite side stands at the price, a hair from the near side."""
    bid, ask = (price - 1, price) if side == "buy" else (price, price + 1)
    return Touch(bid_price=bid, ask_price=ask, bid_size=1, ask_size=1, ts=ts)


class Desk:
    """Risk with its state, asked for one intent after the other."""

    def __init__(
        self, limits: dict[str, Any] | None = None, mode: Any = "play", definitions: Sequence[Definition] = DEFINITIONS
    ) -> None:
        plan = PlayPlan(run="r", limits=WIDE if limits is None else limits, venue_latency_ns=LATENCY)
        self.context = context_of(msgspec.structs.replace(plan.opening(), mode=mode), definitions)
        self.risk = Risk(self.context)
        self.state = self.risk.start()

    def tell(self, topic: str, *documents: Document) -> None:
        """Offer documents of a side topic."""
        self.risk.offer(self.state, topic, list(documents), ended=False)

    def step(self, *items: Any) -> Out:
        return self.risk.step(self.state, Batch.of(list(items)))

    def decide(self, asked: Intent) -> tuple[Decision, Order | None]:
        out = self.step(asked)
        assert out.consumed == 1
        (decision,) = [d.document for d in out.documents if isinstance(d.document, Decision)]
        orders = [d.document for d in out.documents if isinstance(d.document, Order)]
        assert len(orders) == (decision.verdict == "approved")
        assert decision.reasons == [c.name for c in decision.checks if not c.passed]
        return decision, orders[0] if orders else None

    def relimit(self, limits: dict[str, Any]) -> None:
        """Put other limits in force."""
        opening = msgspec.structs.replace(PlayPlan(run="r").opening(), limits=limits)
        assert self.state.standing.apply(opening)
        self.state.relimit(self.context)

    def check(self, name: str, asked: Intent) -> Check:
        decision, _ = self.decide(asked)
        (check,) = [c for c in decision.checks if c.name == name]
        others = [c.name for c in decision.checks if not c.passed and c.name != name]
        assert not others, "only the check under test may fail"
        assert (decision.verdict == "approved") == check.passed
        return check

    def report(self, order: Order, filled: int, index: int = 0, *, final: bool = True) -> None:
        self.risk.offer(self.state, "executions", [
            Execution(
                execution_id=f"{order.client_order_id}-{index}", client_order_id=order.client_order_id,
                root=order.root, ts=order.ts + LATENCY, account="a", strategy="s", instrument_id=order.instrument_id,
                instrument=order.instrument, side=order.side, status="filled", last_quantity=filled,
                last_price=order.limit_price, cumulative_quantity=filled, leaves_quantity=0, report_index=index,
                final=final,
            )
        ], ended=False)  # fmt: skip

    def hold(self, units: int, ts: int = START - SECOND, number: int = 900, instrument: str = SPOT) -> None:
        """Fill an order of so many units (a sale where negative)."""
        side = "buy" if units > 0 else "sell"
        decision, order = self.decide(
            intent(number, ts=ts, side=side, quantity=abs(units), instrument=instrument, price=1.0)
        )
        assert order is not None, decision.reasons
        self.report(order, abs(units))


def live_desk(limits: dict[str, Any] | None = WIDE, definitions: Sequence[Definition] = DEFINITIONS) -> Desk:
    """A live desk that has read a clock and, unless ``limits`` is None, its opening."""
    desk = Desk(limits, mode="live", definitions=definitions)
    desk.tell("clock", Clock(ts=START))
    if limits is not None:
        desk.tell("control", desk.context.run)
    return desk
