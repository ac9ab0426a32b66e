"""Size-weighted mid (microprice): ``(bid * ask_size + ask * bid_size) / (bid_size + ask_size)``, in the quote currency.

The heavier side pushes the price towards the other. Source: Gatheral, Oomen, Zero-intelligence realized variance
estimation, Finance and Stochastics 14 (2010); Stoikov, The micro-price, Quantitative Finance 18 (2018), who calls it
the weighted mid.

Computed as ``bid + (ask - bid) * bid_size / (bid_size + ask_size)``, which is the same value and keeps its digits: the
products of the textbook form need more than the 53 bits of float64.

>>> weighted_mid(100_000_000_000, 101_000_000_000, 30, 10)
100.75
"""

from __future__ import annotations

from features.family import Family
from features.kernel import kernel
from features.mid import PRICE_SCALE

WEIGHTED_MID = Family(number=1, name="weighted_mid", version=1, unit="quote currency", decays=False)


@kernel
def weighted_mid(bid: int, ask: int, bid_size: int, ask_size: int) -> float:
    """Size-weighted mid of a touch whose prices are int64 in 1e-9 and whose sizes are positive."""
    share = float(bid_size) / (float(bid_size) + float(ask_size))
    return (float(bid) + (float(ask) - float(bid)) * share) / PRICE_SCALE
