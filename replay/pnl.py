"""Profit and loss from executions: realised plus unrealised at the last mid, without fees, by settlement currency.

Linear and spot: cash paid and received in the quote currency plus the position at the mid. Inverse contracts of fixed
worth W in the quote currency settle in coin: buying n contracts at p is worth n W / p coin, so the profit of a round
trip is n W (1/p_buy - 1/p_sell).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from fractions import Fraction
from typing import Any

import numpy as np

from schemas.columns import PRICE_SCALE, PRICE_UNDEFINED
from schemas.definition import Definition
from schemas.execution import Execution


class ProfitAndLoss:
    """Adds up fills exactly (fractions), values what is left at the last two-sided touch.

    An instrument that never had one is valued at its last fill.
    """

    def __init__(self) -> None:
        self._mids: dict[int, Fraction] = {}
        self._positions: dict[int, int] = defaultdict(int)
        self._cash: dict[int, Fraction] = defaultdict(Fraction)
        self._inverse_sums: dict[int, Fraction] = defaultdict(Fraction)
        self._last_prices: dict[int, Fraction] = {}

    def ticks(self, rows: Any) -> None:
        """Take the last two-sided touch of each instrument from a frame of ticks."""
        bids, asks = rows["bid_price"], rows["ask_price"]
        two_sided = (bids > 0) & (asks > 0) & (bids != PRICE_UNDEFINED) & (asks != PRICE_UNDEFINED)
        ids = rows["instrument_id"]
        for instrument_id in np.unique(ids[two_sided]).tolist():
            last = rows[np.flatnonzero(two_sided & (ids == instrument_id))[-1]]
            self._mids[instrument_id] = Fraction(int(last["bid_price"]) + int(last["ask_price"]), 2 * PRICE_SCALE)

    def execution(self, execution: Execution) -> None:
        """Take a fill; other reports change nothing."""
        if execution.last_quantity <= 0 or execution.last_price <= 0:
            return
        signed = execution.last_quantity if execution.side == "buy" else -execution.last_quantity
        price = Fraction(execution.last_price, PRICE_SCALE)
        self._positions[execution.instrument_id] += signed
        self._cash[execution.instrument_id] -= signed * price
        self._inverse_sums[execution.instrument_id] += Fraction(signed) / price
        self._last_prices[execution.instrument_id] = price

    def positions(self) -> dict[int, int]:
        """Signed position in size units, by instrument id."""
        return dict(self._positions)

    def by_currency(self, definitions: Iterable[Definition]) -> dict[str, float]:
        """Profit and loss by settlement currency, for every instrument that was traded."""
        total: dict[str, Fraction] = defaultdict(Fraction)
        for definition in definitions:
            if definition.instrument_id in self._positions:
                total[definition.settlement] += self._of(definition)
        return {currency: float(total[currency]) for currency in sorted(total)}

    def _of(self, definition: Definition) -> Fraction:
        number = definition.instrument_id
        unit = Fraction(definition.size_increment * definition.multiplier, PRICE_SCALE * PRICE_SCALE)
        mid = self._mids.get(number, self._last_prices[number])
        if definition.inverse:
            return unit * (self._inverse_sums[number] - Fraction(self._positions[number]) / mid)
        return unit * (self._cash[number] + self._positions[number] * mid)
