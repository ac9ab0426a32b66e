"""Profit and loss from executions: realised plus unrealised at the last mid, without fees, by settlement currency.

Linear and spot: cash paid and received in the quote currency plus the position at the mid. Inverse contracts of fixed
worth W in the quote currency settle in coin: buying n contracts at p is worth n W / p coin, so the profit of a round
trip is n W (1/p_buy - 1/p_sell).

What is still open was entered at the average price of the fills that opened it. The unrealised part is the position at
the mid against that price; the rest of the total is realised.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from schemas.columns import PRICE_SCALE, PRICE_UNDEFINED
from schemas.definition import Definition
from schemas.execution import Execution

COIN_SCALE = 10**40
"""Worth of inverse fills is added up in units of 1e-40 contracts per price: fractions would grow with each fill."""
COIN_DECIMALS = 24
"""Decimals to which a result in coin is kept: far above those units, far below any coin's own."""


@dataclass(frozen=True, slots=True)
class Money:
    """Profit and loss in one currency."""

    realised: float
    unrealised: float
    total: float


@dataclass(slots=True)
class _Worth:
    """What fills were worth: of all of them, and of those that opened what is held (at their average)."""

    paid: int = 0
    held: int = 0

    def fill(self, before: int, signed: int, worth: int) -> None:
        """Take a fill of ``signed`` units, worth ``worth`` (signed alike), into a position of ``before``."""
        self.paid += worth
        if before * signed >= 0:
            self.held += worth
        elif abs(signed) <= abs(before):
            self.held -= _share(self.held, abs(signed), abs(before))
        else:  # what is beyond the position opens the other way
            self.held = worth - _share(worth, abs(before), abs(signed))


@dataclass(slots=True)
class _Holding:
    """Of one instrument: which of the two worths counts is its definition's to say."""

    position: int
    last_price: int
    linear: _Worth
    inverse: _Worth


class ProfitAndLoss:
    """Adds up fills in integers, values what is left at the last two-sided touch.

    An instrument that never had one is valued at its last fill.
    """

    def __init__(self) -> None:
        self._twice_mids: dict[int, int] = {}
        self._holdings: dict[int, _Holding] = {}

    def ticks(self, rows: Any) -> None:
        """Take the last two-sided touch of each instrument from ticks in their order."""
        bids, asks = rows["bid_price"], rows["ask_price"]
        two_sided = np.flatnonzero((bids > 0) & (asks > 0) & (bids != PRICE_UNDEFINED) & (asks != PRICE_UNDEFINED))
        newest_first = two_sided[::-1]
        ids, at = np.unique(rows["instrument_id"][newest_first], return_index=True)
        for instrument_id, row in zip(ids.tolist(), rows[newest_first[at]], strict=True):
            self._twice_mids[instrument_id] = int(row["bid_price"]) + int(row["ask_price"])

    def touch(self, instrument_id: int, bid_price: int, ask_price: int) -> None:
        """Take one two-sided touch, 1e-9, known from elsewhere."""
        self._twice_mids[instrument_id] = bid_price + ask_price

    def execution(self, execution: Execution) -> None:
        """Take a fill; other reports change nothing."""
        quantity, price = execution.last_quantity, execution.last_price
        if quantity <= 0 or price <= 0:
            return
        sign = 1 if execution.side == "buy" else -1
        holding = self._holdings.get(execution.instrument_id)
        if holding is None:
            holding = self._holdings[execution.instrument_id] = _Holding(0, 0, _Worth(), _Worth())
        holding.linear.fill(holding.position, sign * quantity, sign * quantity * price)
        holding.inverse.fill(holding.position, sign * quantity, sign * (quantity * COIN_SCALE // price))
        holding.position += sign * quantity
        holding.last_price = price

    def positions(self) -> dict[int, int]:
        """Signed position in size units, by instrument id."""
        return {number: holding.position for number, holding in self._holdings.items()}

    def by_currency(self, definitions: Iterable[Definition]) -> dict[str, float]:
        """Profit and loss by settlement currency, for every instrument that was traded."""
        return {currency: money.total for currency, money in self.money(definitions).items()}

    def money(self, definitions: Iterable[Definition]) -> dict[str, Money]:
        """The same, told apart into what is realised and what is not."""
        sums: dict[str, list[Fraction]] = defaultdict(lambda: [Fraction(0), Fraction(0)])
        for definition in definitions:
            if definition.instrument_id in self._holdings:
                total, unrealised = self._of(definition)
                sums[definition.settlement][0] += total
                sums[definition.settlement][1] += unrealised
        return {
            currency: Money(float(total - unrealised), float(unrealised), float(total))
            for currency, (total, unrealised) in sorted(sums.items())
        }

    def _of(self, definition: Definition) -> tuple[Fraction, Fraction]:
        """(total, unrealised) of an instrument that was traded."""
        number = definition.instrument_id
        holding = self._holdings[number]
        unit = Fraction(definition.size_increment * definition.multiplier, PRICE_SCALE * PRICE_SCALE)
        twice_mid = self._twice_mids.get(number, 2 * holding.last_price)
        if definition.inverse:
            now = Fraction(2 * holding.position * COIN_SCALE, twice_mid)
            per_coin = unit * Fraction(PRICE_SCALE, COIN_SCALE)
            total, unrealised = ((worth - now) * per_coin for worth in (holding.inverse.paid, holding.inverse.held))
            return round(total, COIN_DECIMALS), round(unrealised, COIN_DECIMALS)
        now = Fraction(holding.position * twice_mid, 2)
        total, unrealised = ((now - worth) * unit / PRICE_SCALE for worth in (holding.linear.paid, holding.linear.held))
        return total, unrealised


def _share(worth: int, part: int, whole: int) -> int:
    """``worth * part / whole``, towards zero, so that buying and selling round alike."""
    share = abs(worth) * part // whole
    return share if worth >= 0 else -share
