"""The demonstration strategy's parameters, as they stand in a run's opening record."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from agents.touch_pressure import STRATEGY
from feeds.simulated_instruments import is_simulated, position_units
from schemas.columns import PRICE_SCALE
from schemas.definition import Definition

REST_MS = 250
"""Log time an instrument rests after an intent."""
VALID_MS = 1_000
"""Log time within which an order must leave."""
POSITION_MAX = {
    "spot:BTCUSDT": "0.4", "spot:ETHUSDT": "8", "linear:BTCUSDT": "0.4", "linear:ETHUSDT": "8",
    "inverse:BTCUSD_PERP": "240", "inverse:ETHUSD_PERP": "2400",
}  # fmt: skip
"""Largest position by instrument, in its own size; one that is neither listed nor made up is not traded."""


def default_parameters(definitions: Iterable[Definition]) -> dict[str, Any]:
    """Parameters with positions in size units."""
    return {
        **STRATEGY.parameters,
        "rest_ms": REST_MS,
        "valid_ms": VALID_MS,
        "position_max": {
            d.instrument: position_units(d)
            if is_simulated(d.instrument)
            else int(Decimal(POSITION_MAX[d.instrument]) * PRICE_SCALE) // d.size_increment
            for d in definitions
            if d.instrument in POSITION_MAX or is_simulated(d.instrument)
        },
    }
