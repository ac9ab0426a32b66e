"""The simulated market is like the recorded one within bands: the same measures over both."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from feeds.captures import open_captures
from feeds.definitions import DEFINITIONS
from feeds.market_statistics import Tape, autocorrelation, measures, return_correlation, tapes
from feeds.simulated_instruments import simulated_definitions
from feeds.simulator import simulate

INSTRUMENTS = ("spot:BTCUSDT", "spot:ETHUSDT", "linear:BTCUSDT", "inverse:BTCUSD_PERP")
SECONDS = 360

WITHIN_FACTOR = {
    "messages a second": 1.7, "quotes a second": 2.0, "differences a second": 1.2, "trades a second": 3.0,
    "gap, 90% (ms)": 2.0, "gap, 99% (ms)": 2.5, "gap, deviation by mean": 1.6, "trades an order": 2.2,
    "spread, mean (ticks)": 2.2, "return over 1 s, deviation (bps)": 1.8, "trade size, median (lots)": 2.0,
    "trade size, 99% by median": 2.0, "touch size, median (lots)": 1.8, "levels a difference, median": 1.7,
}  # fmt: skip
"""Measures that agree up to a factor, for each instrument."""

WITHIN_DISTANCE = {
    "gap, share below 0.1 ms": 0.15, "spread, share at one tick": 0.09, "return over 0.1 s, share of zeros": 0.15,
    "autocorrelation of returns, 1 s": 0.25, "autocorrelation of trade signs, lag 1": 0.2,
    "autocorrelation of trade signs, lag 20": 0.35,
}  # fmt: skip
"""Shares and correlations that agree up to a distance."""


@pytest.fixture(scope="module")
def recorded(data_dir: Path) -> dict[str, Tape]:
    found: dict[str, Tape] = {}
    for path in sorted((data_dir / "binance").glob("*.gz")):
        found.update(tapes(open_captures([path]), DEFINITIONS))
    return found


@pytest.fixture(scope="module")
def simulated() -> dict[str, Tape]:
    return tapes(simulate(SECONDS, 1, instruments=5, activity=100, events=["regime"]), simulated_definitions(5))


@pytest.mark.parametrize("instrument", INSTRUMENTS)
def test_an_instrument_is_like_the_recorded_one(
    recorded: dict[str, Tape], simulated: dict[str, Tape], instrument: str
) -> None:
    real, made = measures(recorded[instrument]), measures(simulated[instrument])
    off = {name: (real[name], made[name]) for name, most in WITHIN_FACTOR.items()
           if not 1 / most < made[name] / real[name] < most}  # fmt: skip
    off |= {name: (real[name], made[name]) for name, most in WITHIN_DISTANCE.items()
            if abs(made[name] - real[name]) > most}  # fmt: skip
    assert not off


@pytest.mark.parametrize("instrument", INSTRUMENTS)
def test_tails_are_heavy_and_arrivals_cluster(
    recorded: dict[str, Tape], simulated: dict[str, Tape], instrument: str
) -> None:
    for side in (recorded, simulated):
        found = measures(side[instrument])
        assert found["return over 1 s, kurtosis"] > 6
        assert found["messages in 1 s, variance by mean"] > 5
        assert found["trade size, 99% by median"] > 30
        assert found["spread, 99% (ticks)"] > 8


def test_coins_move_together_and_spot_and_futures_almost_as_one(
    recorded: dict[str, Tape], simulated: dict[str, Tape]
) -> None:
    for side in (recorded, simulated):
        assert return_correlation(side["spot:BTCUSDT"], side["linear:BTCUSDT"]) > 0.8
        assert 0.35 < return_correlation(side["spot:BTCUSDT"], side["spot:ETHUSDT"]) < 0.8


def test_the_measures_know_independent_draws_from_persistent_ones() -> None:
    draws = np.random.default_rng(1).normal(size=5000)
    assert abs(autocorrelation(draws, 1)) < 0.05
    assert autocorrelation(np.cumsum(draws), 1) > 0.99
    assert autocorrelation(np.ones(10), 1) == 0
