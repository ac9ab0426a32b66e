"""The instruments of a simulated session: the shipped ones first, then made-up ones with definitions of their own.

What an instrument is like (rates, sizes, spacing of levels) was measured on minutes of the recorded captures of
2024-08-08; the quantile tables hold what was found there. Made-up instruments are drawn by their number alone: the
same number is the same instrument in every session.

>>> [d.instrument for d in simulated_definitions(8)][2:]  # doctest: +NORMALIZE_WHITESPACE
['linear:BTCUSDT', 'linear:ETHUSDT', 'inverse:BTCUSD_PERP', 'inverse:ETHUSD_PERP', 'spot:SIM0001USDT',
 'linear:SIM0002USDT']
>>> is_simulated("spot:SIM0001USDT"), is_simulated("spot:BTCUSDT")
(True, False)
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache

from feeds.definitions import BY_INSTRUMENT, VENUE
from feeds.draws import Draws
from schemas.definition import Definition
from schemas.errors import ConfigError

INSTRUMENTS = 3
"""Instruments of a session unless said otherwise."""

INSTRUMENTS_MAX = 5_000
"""Most instruments of a session."""

SYNTHETIC_ID_FIRST = 1_000
"""Instrument ids of made-up instruments begin here: below lie the shipped ones."""

POSITION_NOTIONAL = 20_000
"""Worth of a made-up instrument's largest position at its first price, in its quote currency."""

_NAME = re.compile(r"(?:spot|linear):SIM\d{4}USDT")
_STREAM = 77
_PRICE_SCALE = 10**9


@dataclass(frozen=True, slots=True)
class Habits:
    """Quantile tables and shares that instruments of one kind have in common; sizes in lots.

    Attributes:
        touch: Sizes at the touch.
        orders: Sizes of trades and of single resting orders.
        fills: Trades that one aggressive order makes where the price does not move.
        level_gap: Mean distance between price levels behind the touch, ticks.
        depth_ns: Time between differences, and how far it scatters.
        trades_permille: Episodes that are an aggressive order, of a thousand.
        batch_permille: How likely each further quote in an episode is.
        id_step: Update ids that a change takes, at most: other symbols share them on futures.
    """

    touch: tuple[int, ...]
    orders: tuple[int, ...]
    fills: tuple[int, ...]
    level_gap: int
    depth_ns: tuple[int, int]
    trades_permille: int
    batch_permille: int
    id_step: int


_FILLS = (1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 2, 3, 6, 12, 19, 30, 130, 500)

SWEEPS = (1, 1, 1, 2, 2, 3, 4, 6, 9, 13, 20, 36, 60, 100, 150, 210, 380, 600)
"""Quantiles of the trades that one aggressive order makes where the price moves."""

HABITS: tuple[Habits, ...] = (
    Habits(
        touch=(1, 9, 30, 1597, 10_048, 29_583, 55_453, 119_584, 183_783, 254_540, 328_842, 421_614, 489_927, 573_762,
               620_932, 667_795, 727_943, 839_146),
        orders=(1, 3, 9, 9, 10, 15, 27, 60, 206, 900, 2000, 5562, 10_000, 25_676, 32_413, 38_933, 76_310, 98_261),
        fills=_FILLS, level_gap=34, depth_ns=(100_000_000, 900_000), trades_permille=190, batch_permille=310, id_step=1,
    ),
    Habits(
        touch=(1, 20, 38, 1150, 15_291, 26_803, 45_788, 68_853, 100_661, 135_924, 178_552, 242_119, 294_534, 355_526,
               404_794, 443_221, 556_932, 648_364),
        orders=(1, 3, 10, 20, 20, 20, 39, 88, 334, 1400, 4000, 10_000, 19_404, 28_160, 51_626, 73_200, 113_359,
                522_222),
        fills=_FILLS, level_gap=3, depth_ns=(100_000_000, 800_000), trades_permille=140, batch_permille=310, id_step=1,
    ),
    Habits(
        touch=(1, 2, 14, 80, 362, 996, 1837, 2677, 3432, 4299, 5714, 8467, 11_157, 16_280, 23_459, 87_916, 130_398,
               472_849),
        orders=(1, 1, 2, 2, 2, 4, 8, 16, 30, 56, 110, 265, 486, 800, 1146, 1965, 5900, 46_000),
        fills=_FILLS, level_gap=3, depth_ns=(52_300_000, 1_800_000), trades_permille=190, batch_permille=460,
        id_step=90,
    ),
    Habits(
        touch=(1, 1, 2, 11, 90, 306, 694, 997, 1327, 1658, 2017, 2613, 3166, 3712, 4271, 5004, 5943, 8246),
        orders=(1, 1, 1, 1, 1, 2, 3, 4, 7, 18, 33, 91, 189, 396, 475, 607, 1260, 1279),
        fills=_FILLS, level_gap=4, depth_ns=(11_700_000, 3_500_000), trades_permille=30, batch_permille=120, id_step=30,
    ),
)  # fmt: skip
"""By kind: as spot BTC, spot ETH, linear BTC and inverse BTC."""

SPOT_BTC, SPOT_ETH, LINEAR_BTC, INVERSE_BTC = range(4)


@dataclass(frozen=True, slots=True)
class Profile:
    """One instrument of a session.

    Attributes:
        definition: What it is.
        habits: Index into ``HABITS``.
        start_ticks: Its first price.
        episodes: Bursts of messages in 1,000 seconds of an ordinary market.
        size_permille: Its sizes, in thousandths of the table's.
        places: Decimals of prices and sizes on the wire.
    """

    definition: Definition
    habits: int
    start_ticks: int
    episodes: int
    size_permille: int
    places: tuple[int, int]


_SHIPPED: dict[str, tuple[int, int, int, int, tuple[int, int]]] = {
    "spot:BTCUSDT": (SPOT_BTC, 6_180_000, 20_000, 1000, (8, 8)),
    "spot:ETHUSDT": (SPOT_ETH, 268_400, 20_000, 1000, (8, 8)),
    "linear:BTCUSDT": (LINEAR_BTC, 618_100, 60_000, 1000, (2, 3)),
    "linear:ETHUSDT": (LINEAR_BTC, 268_300, 45_000, 20_000, (2, 3)),
    "inverse:BTCUSD_PERP": (INVERSE_BTC, 617_900, 10_000, 1000, (1, 0)),
    "inverse:ETHUSD_PERP": (INVERSE_BTC, 268_300, 8_000, 4000, (2, 0)),
}

_GRIDS = ((8, 1), (7, 1), (6, 10), (5, 10), (4, 100))
"""Of made-up instruments: decimals of a tick in 1e-9 as a power of ten, and lots a unit."""


def profiles(count: int) -> tuple[Profile, ...]:
    """The first ``count`` instruments.

    Raises:
        ConfigError: Not a count from 1 to ``INSTRUMENTS_MAX``.
    """
    if not 1 <= count <= INSTRUMENTS_MAX:
        raise ConfigError(
            "not a number of instruments", kind="simulation", got=str(count), allowed=f"1 to {INSTRUMENTS_MAX}"
        )
    shipped = [Profile(BY_INSTRUMENT[name], *rest) for name, rest in _SHIPPED.items()]
    return tuple(shipped[:count] + [_synthetic(n) for n in range(1, count - len(shipped) + 1)])


def simulated_definitions(count: int) -> tuple[Definition, ...]:
    """Definitions of the first ``count`` instruments of a session.

    Raises:
        ConfigError: Not a count from 1 to ``INSTRUMENTS_MAX``.
    """
    return tuple(p.definition for p in profiles(count))


def is_simulated(instrument: str) -> bool:
    """Whether a ``market:symbol`` names a made-up instrument."""
    return _NAME.fullmatch(instrument) is not None


def position_units(definition: Definition) -> int:
    """Largest position that a made-up instrument's parameters and limits are made for, in size units."""
    price = _synthetic(definition.instrument_id - SYNTHETIC_ID_FIRST + 1).start_ticks * definition.price_increment
    return POSITION_NOTIONAL * _PRICE_SCALE**2 // (price * definition.size_increment)


@cache
def _synthetic(number: int) -> Profile:
    """The ``number``-th made-up instrument, from 1: quieter the higher its number, a third of them futures."""
    draws = Draws(number, _STREAM)
    power, lots = _GRIDS[draws.below(len(_GRIDS))]
    futures = number % 3 == 2
    symbol = f"SIM{number:04d}USDT"
    price_increment, size_increment = 10**power, lots * (10_000_000 if power >= 7 else 100_000_000)
    definition = Definition(
        instrument_id=SYNTHETIC_ID_FIRST + number - 1, instrument=f"{'linear' if futures else 'spot'}:{symbol}",
        venue=VENUE, market="linear" if futures else "spot", symbol=symbol, base=f"SIM{number:04d}", quote="USDT",
        settlement="USDT", price_increment=price_increment, size_increment=size_increment,
    )  # fmt: skip
    start_ticks = 3_000 + draws.below(47_000)
    # Sizes are worth about what ETH's are: 0.0001 of a coin at 2,684.
    lot_worth = start_ticks * price_increment * size_increment // _PRICE_SCALE
    size_permille = max(1, min(1_000_000, 268_400_000 * 1000 // max(1, lot_worth)))
    places = (9 - power, 3) if futures else (8, 8)
    return Profile(
        definition, LINEAR_BTC if futures else SPOT_ETH, start_ticks, max(60, 10_000 * 25 // (25 + number)),
        size_permille if not futures else max(1, size_permille * 4), places,
    )  # fmt: skip
