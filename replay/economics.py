"""What a run earned and what it cost: profit and loss, slippage, turnover, exposure, by currency, without fees.

* **Slippage**: price of each fill against the mid of the touch that its intent saw, positive where the fill was worse,
  weighted by value, basis points.
* **Turnover**: value of all fills.
* **Exposure**: value of all positions added up whatever their sign, at each fill's price: the largest, and the last.

Values are in the quote currency; of inverse contracts, their fixed worth. Profit and loss is in the settlement one.
"""

from __future__ import annotations

from collections import OrderedDict, defaultdict
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

from replay.items import records
from replay.pnl import ProfitAndLoss
from replay.shape import Shape
from schemas.codec import decode_any
from schemas.columns import PRICE_SCALE
from schemas.definition import Definition
from schemas.errors import BadInput
from schemas.execution import Execution
from schemas.intent import Intent
from streams.log import Log

TOUCHES_MAX = 65_536
"""Intents whose touch is remembered until their fills come; the oldest is forgotten."""
BASIS_POINTS = 10_000


class Economics:
    """Adds up one run.

    Args:
        log: Where its intents are.
        shape: The run.
    """

    def __init__(self, log: Log, shape: Shape) -> None:
        self.pnl = ProfitAndLoss()
        self._definitions = {d.instrument_id: d for d in shape.watched.definitions}
        count = log.partitions(shape.topic("orders.intent"))
        self._intents = [_intents(log, shape, partition) for partition in range(count)]
        self._mids: OrderedDict[str, Fraction] = OrderedDict()
        self._positions: dict[int, int] = defaultdict(int)
        self._values: dict[int, Fraction] = {}
        self._turnover: dict[str, Fraction] = defaultdict(Fraction)
        self._cost: dict[str, Fraction] = defaultdict(Fraction)
        self._peak: dict[str, Fraction] = defaultdict(Fraction)

    def ticks(self, rows: Any) -> None:
        """Take ticks, in their order, for the last mid."""
        self.pnl.ticks(rows)

    def execution(self, execution: Execution, partition: int = 0) -> None:
        """Take a report of a partition, in their order there."""
        self.pnl.execution(execution)
        mid = self._mid_of(execution.client_order_id, partition)
        if execution.final:
            self._mids.pop(execution.client_order_id, None)
        definition = self._definitions.get(execution.instrument_id)
        if definition is None or execution.last_quantity <= 0 or execution.last_price <= 0:
            return
        sign = 1 if execution.side == "buy" else -1
        price = Fraction(execution.last_price, PRICE_SCALE)
        currency, value = definition.quote, _value(definition, execution.last_quantity, price)
        self._turnover[currency] += value
        if mid:
            self._cost[currency] += value * sign * (price - mid) / mid
        number = definition.instrument_id
        self._positions[number] += sign * execution.last_quantity
        self._values[number] = _value(definition, abs(self._positions[number]), price)
        gross = self._gross()
        self._peak[currency] = max(self._peak[currency], gross[currency])

    def figures(self) -> dict[str, dict[str, float]]:
        """All of it: by figure, then by currency."""
        gross = self._gross()
        return {
            "pnl": self.pnl.by_currency(self._definitions.values()),
            "slippage_bp": {c: float(BASIS_POINTS * self._cost[c] / v) for c, v in sorted(self._turnover.items()) if v},
            "turnover": {c: float(v) for c, v in sorted(self._turnover.items())},
            "exposure_max": {c: float(v) for c, v in sorted(self._peak.items())},
            "exposure_end": {c: float(gross[c]) for c in sorted(self._turnover)},
        }

    def _gross(self) -> dict[str, Fraction]:
        gross: dict[str, Fraction] = defaultdict(Fraction)
        for number, value in self._values.items():
            gross[self._definitions[number].quote] += value
        return gross

    def _mid_of(self, order_id: str, partition: int) -> Fraction | None:
        """Mid of the touch that an order's intent saw: intents are read on until it is there."""
        while order_id not in self._mids:
            intent = next(self._intents[partition], None) if self._intents else None
            if intent is None:
                return None
            touch = intent.touch
            self._mids[intent.client_order_id] = Fraction(touch.bid_price + touch.ask_price, 2 * PRICE_SCALE)
            if len(self._mids) > TOUCHES_MAX:
                self._mids.popitem(last=False)
        return self._mids[order_id]


def _value(definition: Definition, quantity: int, price: Fraction) -> Fraction:
    worth = Fraction(quantity * definition.size_increment * definition.multiplier, PRICE_SCALE * PRICE_SCALE)
    return worth if definition.inverse else worth * price


def _intents(log: Log, shape: Shape, partition: int) -> Iterator[Intent]:
    known = shape.writers("orders.intent", partition)
    for record, head in records(log, shape, "orders.intent", partition):
        try:
            document = decode_any(record.value)
        except BadInput:
            continue
        if head.writer in known and isinstance(document, Intent):
            yield document
