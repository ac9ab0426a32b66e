"""Top-of-book imbalance: ``(bid_size - ask_size) / (bid_size + ask_size)``, between -1 and 1.

Source: Gould, Bonart, Queue imbalance as a one-tick-ahead price predictor in a limit order book, Market Microstructure
and Liquidity 2 (2016).

>>> touch_imbalance(30, 10)
0.5
"""

from __future__ import annotations

from features.family import Family
from features.kernel import kernel

TOUCH_IMBALANCE = Family(number=3, name="touch_imbalance", version=1, unit="1, from -1 to 1", decays=False)


@kernel
def touch_imbalance(bid_size: int, ask_size: int) -> float:
    """Imbalance of the sizes displayed at the touch, both positive."""
    return (float(bid_size) - float(ask_size)) / (float(bid_size) + float(ask_size))
