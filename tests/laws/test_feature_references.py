"""Every feature against its definition, computed anew from the whole history at each row, in plain Python.

The kernels are incremental; these are not: they sum over everything that has happened, with weights of two to the power
of minus age over half-life. A new family joins with a reference of its own.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.family import Family
from features.fused import FAMILIES, PRICE_UNDEFINED
from features.view import Feature, View
from schemas.tick import TICK

HALF_LIFE_NS = 3_000_000_000
HALF_LIFE_S = 3.0
ROWS_MAX = 24
RELATIVE_ERROR_MAX = 1e-9

Prices = int | None
Event = tuple[int, Prices, Prices, int, int, int, str, str]


@dataclass(frozen=True)
class Moment:
    """One row as the references see it: ``t`` in seconds never falls, ``touch`` is the last usable one."""

    t: float
    touch: tuple[int, int, int, int] | None
    trade: int


def weight(age_s: float) -> float:
    return float(2.0 ** (-age_s / HALF_LIFE_S))


def mid_of(moment: Moment) -> float:
    assert moment.touch is not None
    bid, ask, _, _ = moment.touch
    return float(Fraction(bid + ask, 2 * 10**9))


def touched(history: list[Moment]) -> list[Moment]:
    return [moment for moment in history if moment.touch is not None]


def stood(past: list[Moment]) -> list[tuple[Moment, float]]:
    """Each moment's touch and its share of the weight since the first: how long it stood, faded; the first's before."""
    end = past[-1].t
    shares = [(past[0], weight(end - past[0].t))]
    for before, after in pairwise(past):
        shares.append((before, weight(end - after.t) - weight(end - before.t)))
    return shares


def mid(history: list[Moment]) -> float:
    return mid_of(history[-1])


def weighted_mid(history: list[Moment]) -> float:
    assert history[-1].touch is not None
    bid, ask, bid_size, ask_size = history[-1].touch
    return float(Fraction(bid * ask_size + ask * bid_size, (bid_size + ask_size) * 10**9))


def spread(history: list[Moment]) -> float:
    assert history[-1].touch is not None
    bid, ask, _, _ = history[-1].touch
    return float(Fraction(10_000 * 2 * (ask - bid), ask + bid))


def touch_imbalance(history: list[Moment]) -> float:
    assert history[-1].touch is not None
    _, _, bid_size, ask_size = history[-1].touch
    return float(Fraction(bid_size - ask_size, bid_size + ask_size))


def order_flow_imbalance(history: list[Moment]) -> float:
    past = touched(history)
    flow = 0.0
    for before, after in pairwise(past):
        assert before.touch is not None
        assert after.touch is not None
        (pb0, pa0, qb0, qa0), (pb1, pa1, qb1, qa1) = before.touch, after.touch
        e = (pb1 >= pb0) * qb1 - (pb1 <= pb0) * qb0 - (pa1 <= pa0) * qa1 + (pa1 >= pa0) * qa0
        flow += e * weight(past[-1].t - after.t)
    depth = sum(share * (m.touch[2] + m.touch[3]) / 2 for m, share in stood(past) if m.touch is not None)
    return flow / depth


def volatility(history: list[Moment]) -> float:
    past = touched(history)
    squares = [
        (mid_of(after) / mid_of(before) - 1.0) ** 2 * weight(past[-1].t - after.t) for before, after in pairwise(past)
    ]
    return 10_000.0 * math.sqrt(math.fsum(squares) * math.log(2.0) / HALF_LIFE_S)


def trade_imbalance(history: list[Moment]) -> float:
    weights = [weight(history[-1].t - m.t) for m in history]
    volume = sum(abs(m.trade) * w for m, w in zip(history, weights, strict=True))
    return sum(m.trade * w for m, w in zip(history, weights, strict=True)) / volume if volume else 0.0


def decayed_return(history: list[Moment]) -> float:
    past = touched(history)
    average = math.fsum(share * mid_of(m) for m, share in stood(past))
    return 10_000.0 * (mid_of(past[-1]) - average) / average


REFERENCES: dict[str, Callable[[list[Moment]], float]] = {
    f.__name__: f
    for f in (mid, weighted_mid, spread, touch_imbalance, order_flow_imbalance, volatility, trade_imbalance,
              decayed_return)
}  # fmt: skip


def prices(*levels: int) -> st.SearchStrategy[Prices]:
    return st.sampled_from([*(level * 10**9 for level in levels), None])


events = st.lists(
    st.tuples(
        st.integers(-(10**9), 4 * 10**9), prices(100, 101, 102, 103), prices(102, 103, 104, 105), st.integers(0, 50),
        st.integers(0, 50), st.integers(0, 50), st.sampled_from("MT"), st.sampled_from("AB"),
    ),
    min_size=1, max_size=ROWS_MAX,
)  # fmt: skip


def history_of(taken: list[Event]) -> list[Moment]:
    """What the rows mean, by the rules in words: time never falls; only a usable touch replaces the last."""
    moments: list[Moment] = []
    now = newest = 0
    touch: tuple[int, int, int, int] | None = None
    for step, bid, ask, bid_size, ask_size, size, action, side in taken:
        now += step
        newest = max(newest, now) if moments else now
        if bid is not None and ask is not None and bid < ask and bid_size and ask_size:
            touch = (bid, ask, bid_size, ask_size)
        trade = size * (1 if side == "B" else -1) if action == "T" else 0
        moments.append(Moment(newest / 1e9, touch, trade))
    return moments


def test_every_family_has_a_reference() -> None:
    assert sorted(REFERENCES) == sorted(family.name for family in FAMILIES)


@pytest.mark.parametrize("family", FAMILIES, ids=[family.name for family in FAMILIES])
@settings(deadline=None, max_examples=60)
@given(taken=events)
def test_a_feature_is_what_its_definition_says(family: Family, taken: list[Event]) -> None:
    name, decays = family.name, family.decays
    rows, now = np.zeros(len(taken), dtype=TICK), 0
    for i, (step, bid, ask, bid_size, ask_size, size, action, side) in enumerate(taken):
        now += step
        rows["ts_log"][i] = now
        rows["bid_price"][i] = PRICE_UNDEFINED if bid is None else bid
        rows["ask_price"][i] = PRICE_UNDEFINED if ask is None else ask
        rows["bid_size"][i], rows["ask_size"][i], rows["size"][i] = bid_size, ask_size, size
        rows["action"][i], rows["side"][i] = ord(action), ord(side)
    out = np.empty((len(rows), 1))
    view = View(name, (Feature(name, HALF_LIFE_NS if decays else 0),))
    view.start(1).compute(rows, np.zeros(len(rows), dtype=np.int32), out)
    history = history_of(taken)
    for i in range(len(rows)):
        seen = history[: i + 1]
        needs_touch = name != "trade_imbalance"
        expected = 0.0 if needs_touch and not touched(seen) else REFERENCES[name](seen)
        assert out[i, 0] == pytest.approx(expected, rel=RELATIVE_ERROR_MAX, abs=1e-8)
