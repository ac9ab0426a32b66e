"""Laws that every feature keeps. A new family joins by being listed in ``features.fused.FAMILIES``."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.fused import FAMILIES, PRICE_UNDEFINED
from features.view import DEFAULT_VIEW, Feature, View
from schemas.tick import TICK
from streams.state_bytes import dump, load

Rows = npt.NDArray[Any]
Values = npt.NDArray[np.float64]

SECOND_NS = 1_000_000_000
INSTRUMENTS = 3
ROWS_MAX = 16
HALF_LIFE_NS = 2 * SECOND_NS
FIELDS = ("ts_log", "bid_price", "ask_price", "bid_size", "ask_size", "size", "action", "side")

VIEWS = {family.name: View(family.name, (Feature(family.name, HALF_LIFE_NS if family.decays else 0),))
         for family in FAMILIES}  # fmt: skip
VIEWS["all eight"] = DEFAULT_VIEW
VIEWS["two half-lives"] = View(
    "two half-lives",
    (Feature("volatility", SECOND_NS, "fast"), Feature("mid"), Feature("volatility", 9 * SECOND_NS, "slow")),
)

every_view = pytest.mark.parametrize("view", VIEWS.values(), ids=VIEWS.keys())
every_decaying_family = pytest.mark.parametrize("family", [f.name for f in FAMILIES if f.decays])
lawful = settings(deadline=None, max_examples=20)


event = st.tuples(
    st.integers(-SECOND_NS, 5 * SECOND_NS), st.integers(1_000, 1_020), st.sampled_from([1, 1, 2, 5, 0, -1]),
    st.sampled_from(["none"] * 6 + ["bid", "ask"]), st.integers(0, 1_000), st.integers(0, 1_000),
    st.integers(0, 1_000), st.sampled_from("MMT"), st.sampled_from("ABN"),
)  # fmt: skip


@st.composite
def ticks(draw: st.DrawFn) -> tuple[Rows, npt.NDArray[np.int32]]:
    """Rows of three instruments: plausible prices and sizes, now and then a side missing or crossed."""
    events = draw(st.lists(event, min_size=1, max_size=ROWS_MAX))
    rows = np.zeros(len(events), dtype=TICK)
    columns = rows[list(FIELDS)]
    now = 1_700_000_000 * SECOND_NS
    for i, (step, bid, spread, missing, bid_size, ask_size, size, action, side) in enumerate(events):
        now += step
        bid_price = PRICE_UNDEFINED if missing == "bid" else bid * 10**9
        ask_price = PRICE_UNDEFINED if missing == "ask" else (bid + spread) * 10**9
        columns[i] = (now, bid_price, ask_price, bid_size, ask_size, size, ord(action), ord(side))
    slots = draw(st.lists(st.integers(0, INSTRUMENTS - 1), min_size=len(events), max_size=len(events)))
    return rows, np.array(slots, dtype=np.int32)


hostile_integers = st.sampled_from([-(2**63), -1, 0, 1, 2, 10**9, 2**53, 2**62, 2**63 - 2, 2**63 - 1]) | st.integers(
    -(2**63), 2**63 - 1
)


@st.composite
def hostile_ticks(draw: st.DrawFn) -> tuple[Rows, npt.NDArray[np.int32]]:
    """Rows whose columns are any integers at all."""
    n = draw(st.integers(1, 12))
    rows = np.zeros(n, dtype=TICK)
    for row in rows:
        for name in FIELDS[:-2]:
            row[name] = draw(hostile_integers)
        row["action"] = draw(st.sampled_from([ord("T"), 0, 255]))
        row["side"] = draw(st.sampled_from([ord("A"), ord("B"), 0, 255]))
    return rows, np.zeros(n, dtype=np.int32)


def values_of(view: View, rows: Rows, slots: npt.NDArray[np.int32]) -> Values:
    out = np.full((len(rows), len(view.features)), np.nan)
    view.start(INSTRUMENTS).compute(rows, slots, out)
    return out


@every_view
@lawful
@given(ticks(), st.data())
def test_any_batching_gives_the_same_bits(
    view: View, batch: tuple[Rows, npt.NDArray[np.int32]], data: st.DataObject
) -> None:
    rows, slots = batch
    cuts = sorted(data.draw(st.lists(st.integers(0, len(rows)), max_size=6)))
    state, out = view.start(INSTRUMENTS), np.full((len(rows), len(view.features)), np.nan)
    for begin, end in zip([0, *cuts], [*cuts, len(rows)], strict=True):
        state.compute(rows[begin:end], slots[begin:end], out[begin:end])
    assert out.tobytes() == values_of(view, rows, slots).tobytes()


@every_view
@lawful
@given(ticks(), st.integers(0, ROWS_MAX))
def test_a_restored_snapshot_goes_on_with_the_same_bits(
    view: View, batch: tuple[Rows, npt.NDArray[np.int32]], cut: int
) -> None:
    rows, slots = batch
    before, after = view.start(INSTRUMENTS), np.full((len(rows), len(view.features)), np.nan)
    before.compute(rows[:cut], slots[:cut], after[:cut])
    snapshot = dump("features/1", before.arrays(), {"view": view.hash})
    restored = view.restore(load("features/1", snapshot)[0])
    restored.compute(rows[cut:], slots[cut:], after[cut:])
    before.compute(rows[cut:], slots[cut:], np.empty((len(rows[cut:]), len(view.features))))
    assert after.tobytes() == values_of(view, rows, slots).tobytes()
    assert dump("", restored.arrays(), {}) == dump("", before.arrays(), {})


@every_view
@settings(deadline=None, max_examples=100)
@given(hostile_ticks())
def test_whatever_comes_every_value_and_all_memory_stay_finite(
    view: View, batch: tuple[Rows, npt.NDArray[np.int32]]
) -> None:
    rows, slots = batch
    state, out = view.start(1), np.full((len(rows), len(view.features)), np.nan)
    state.compute(rows, slots, out)
    assert np.isfinite(out).all()
    assert np.isfinite(state.memory).all()


@every_view
@lawful
@given(ticks())
def test_instruments_do_not_hear_each_other(view: View, batch: tuple[Rows, npt.NDArray[np.int32]]) -> None:
    rows, slots = batch
    together = values_of(view, rows, slots)
    for slot in range(INSTRUMENTS):
        alone = values_of(view, rows[slots == slot], slots[slots == slot])
        assert together[slots == slot].tobytes() == alone.tobytes()


@lawful
@given(ticks())
def test_a_feature_is_the_same_in_every_view(batch: tuple[Rows, npt.NDArray[np.int32]]) -> None:
    rows, slots = batch
    together = values_of(DEFAULT_VIEW, rows, slots)
    for j, feature in enumerate(DEFAULT_VIEW.features):
        alone = values_of(View("alone", (feature,)), rows, slots)
        assert together[:, j].tobytes() == alone[:, 0].tobytes()


@every_decaying_family
@lawful
@given(ticks())
def test_four_times_slower_with_four_times_the_half_life_is_the_same(
    family: str, batch: tuple[Rows, npt.NDArray[np.int32]]
) -> None:
    rows, slots = batch
    slow = rows.copy()
    slow["ts_log"] = rows["ts_log"][0] + 4 * (rows["ts_log"] - rows["ts_log"][0])
    expected = values_of(View("", (Feature(family, HALF_LIFE_NS),)), rows, slots)
    if family == "volatility":  # per square root of a second
        expected /= 2.0
    assert values_of(View("", (Feature(family, 4 * HALF_LIFE_NS),)), slow, slots).tobytes() == expected.tobytes()


@lawful
@given(ticks())
def test_doubled_prices_double_mids_and_change_nothing_relative(batch: tuple[Rows, npt.NDArray[np.int32]]) -> None:
    rows, slots = batch
    doubled = rows.copy()
    for name in ("bid_price", "ask_price"):
        there = rows[name] != PRICE_UNDEFINED
        doubled[name][there] = 2 * rows[name][there]
    expected = values_of(DEFAULT_VIEW, rows, slots)
    expected[:, [DEFAULT_VIEW.names.index("mid"), DEFAULT_VIEW.names.index("weighted_mid")]] *= 2.0
    assert values_of(DEFAULT_VIEW, doubled, slots).tobytes() == expected.tobytes()


@lawful
@given(ticks())
def test_doubled_sizes_change_nothing(batch: tuple[Rows, npt.NDArray[np.int32]]) -> None:
    rows, slots = batch
    doubled = rows.copy()
    for name in ("bid_size", "ask_size", "size"):
        doubled[name] = 2 * rows[name]
    assert values_of(DEFAULT_VIEW, doubled, slots).tobytes() == values_of(DEFAULT_VIEW, rows, slots).tobytes()


@every_view
@lawful
@given(ticks())
def test_read_only_rows_and_strided_outputs_give_the_same_bits(
    view: View, batch: tuple[Rows, npt.NDArray[np.int32]]
) -> None:
    rows, slots = batch
    received = np.frombuffer(rows.tobytes(), dtype=TICK)
    records = np.zeros(len(rows), dtype=[("ts", "<i8"), ("flags", "<u2"), ("values", "<f8", (len(view.features),))])
    view.start(INSTRUMENTS).compute(received, slots, records["values"])
    assert records["values"].tobytes() == values_of(view, rows, slots).tobytes()


@lawful
@given(ticks())
def test_values_keep_their_bounds(batch: tuple[Rows, npt.NDArray[np.int32]]) -> None:
    rows, slots = batch
    column = dict(zip(DEFAULT_VIEW.names, values_of(DEFAULT_VIEW, rows, slots).T, strict=True))
    for name in ("touch_imbalance", "trade_imbalance"):
        assert (np.abs(column[name]) <= 1.0).all()
    assert (column["spread"] >= 0.0).all()
    assert (column["volatility"] >= 0.0).all()
    half_spread = column["spread"] / 20_000.0 * column["mid"]
    assert (np.abs(column["weighted_mid"] - column["mid"]) <= half_spread * (1 + 1e-9) + 1e-9).all()
