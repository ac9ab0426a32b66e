"""The definitions that ship: BTC and ETH on Binance's spot, linear (USDT-margined) and inverse (coin-margined) market.

Increments are the venue's price and quantity filters. Instrument ids stand in every row: never reused, never
renumbered. An inverse contract is worth a fixed amount of US dollars and settles in the coin.
"""

from __future__ import annotations

from schemas.columns import PRICE_SCALE
from schemas.definition import Definition

VENUE = "binance"


def _spot(instrument_id: int, base: str, price_increment: int, size_increment: int) -> Definition:
    return Definition(
        instrument_id=instrument_id, instrument=f"spot:{base}USDT", venue=VENUE, market="spot", symbol=f"{base}USDT",
        base=base, quote="USDT", settlement="USDT", price_increment=price_increment, size_increment=size_increment,
    )  # fmt: skip


def _linear(instrument_id: int, base: str, price_increment: int, size_increment: int) -> Definition:
    return Definition(
        instrument_id=instrument_id, instrument=f"linear:{base}USDT", venue=VENUE, market="linear",
        symbol=f"{base}USDT", base=base, quote="USDT", settlement="USDT", price_increment=price_increment,
        size_increment=size_increment,
    )  # fmt: skip


def _inverse(instrument_id: int, base: str, price_increment: int, contract_usd: int) -> Definition:
    return Definition(
        instrument_id=instrument_id, instrument=f"inverse:{base}USD_PERP", venue=VENUE, market="inverse",
        symbol=f"{base}USD_PERP", base=base, quote="USD", settlement=base, price_increment=price_increment,
        size_increment=PRICE_SCALE, multiplier=contract_usd * PRICE_SCALE, inverse=True,
    )  # fmt: skip


DEFINITIONS: tuple[Definition, ...] = (
    _spot(1, "BTC", price_increment=10_000_000, size_increment=10_000),
    _spot(2, "ETH", price_increment=10_000_000, size_increment=100_000),
    _linear(3, "BTC", price_increment=100_000_000, size_increment=1_000_000),
    _linear(4, "ETH", price_increment=10_000_000, size_increment=1_000_000),
    _inverse(5, "BTC", price_increment=100_000_000, contract_usd=100),
    _inverse(6, "ETH", price_increment=10_000_000, contract_usd=10),
)

BY_INSTRUMENT: dict[str, Definition] = {d.instrument: d for d in DEFINITIONS}
"""Shipped definitions by ``market:symbol``."""
