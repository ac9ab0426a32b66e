"""A view: what names it, what it refuses, and what its features do at the edges of a market."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

import features.fused
import features.mid
from features.family import MEMORY_WIDTH
from features.fused import FAMILIES, ROW_FIELDS
from features.view import DEFAULT_VIEW, FEATURES_MAX, HALF_LIFE_NS_MAX, Feature, View
from schemas.columns import PRICE_SCALE, PRICE_UNDEFINED
from schemas.feature import feature_dtype
from schemas.tick import (
    ACTION_NONE,
    ACTION_TRADE,
    FLAG_CORRECTION,
    FLAG_RETRACTION,
    FLAGS_AMENDED,
    SIDE_ASK,
    SIDE_BID,
    TICK,
)

SECOND_NS = 1_000_000_000
START_NS = 1_700_000_000 * SECOND_NS


def tick(
    ts_s: float = 0.0, bid: float | None = 99.0, ask: float | None = 101.0, bid_size: int = 3, ask_size: int = 1,
    trade: int = 0,
) -> npt.NDArray[Any]:  # fmt: skip
    """One row; ``trade`` is a size with the aggressor's sign."""
    row = np.zeros(1, dtype=TICK)
    row["ts_log"] = START_NS + int(ts_s * SECOND_NS)
    row["bid_price"] = PRICE_UNDEFINED if bid is None else int(bid * PRICE_SCALE)
    row["ask_price"] = PRICE_UNDEFINED if ask is None else int(ask * PRICE_SCALE)
    row["bid_size"], row["ask_size"], row["size"] = bid_size, ask_size, abs(trade)
    if trade:
        row["action"], row["side"] = ACTION_TRADE, SIDE_BID if trade > 0 else SIDE_ASK
    return row


def after(*rows: npt.NDArray[Any], view: View = DEFAULT_VIEW) -> dict[str, float]:
    """Features by name after the last of the rows."""
    batch = np.concatenate(rows)
    out = np.empty((len(batch), len(view.features)))
    view.start(1).compute(batch, np.zeros(len(batch), dtype=np.int32), out)
    return dict(zip(view.names, out[-1].tolist(), strict=True))


def test_the_kernel_reads_ticks_by_the_schema_s_numbers() -> None:
    assert features.fused.PRICE_UNDEFINED == PRICE_UNDEFINED
    assert features.mid.PRICE_SCALE == PRICE_SCALE
    assert TICK.names is not None
    assert set(ROW_FIELDS) <= set(TICK.names)


@pytest.mark.parametrize("flags", [FLAG_RETRACTION, FLAGS_AMENDED, FLAG_CORRECTION])
def test_a_trade_that_is_amended_stays_as_it_was_folded_in(flags: int) -> None:
    told, amended, beside = tick(0, trade=5), tick(1, trade=3), tick(1)
    amended["action"], amended["flags"] = ACTION_NONE, flags
    assert after(tick(0), told, amended) == after(tick(0), told, beside)
    assert after(tick(0), told, amended)["trade_imbalance"] == 1.0


def test_family_numbers_are_their_places_and_names_are_unique() -> None:
    assert [family.number for family in FAMILIES] == list(range(len(FAMILIES)))
    assert len({family.name for family in FAMILIES}) == len(FAMILIES)


def test_the_default_view_holds_all_eight_families_once() -> None:
    assert [feature.family for feature in DEFAULT_VIEW.features] == [family.name for family in FAMILIES]
    assert len(FAMILIES) == 8


def test_the_hash_names_what_is_computed_and_not_the_label() -> None:
    one = View("one", (Feature("mid"), Feature("volatility", SECOND_NS)))
    assert View("other", one.features).hash == one.hash
    assert len(one.hash) == 64
    others = [
        View("one", one.features[::-1]),
        View("one", one.features[:1]),
        View("one", (Feature("mid"), Feature("volatility", SECOND_NS + 1))),
        View("one", (Feature("mid", name="middle"), Feature("volatility", SECOND_NS))),
        View("one", (Feature("spread", name="mid"), Feature("volatility", SECOND_NS))),
    ]
    assert len({view.hash for view in [one, *others]}) == 1 + len(others)


def test_a_formula_s_version_renames_every_view_that_uses_it(monkeypatch: pytest.MonkeyPatch) -> None:
    before = View("", (Feature("mid"),)).hash
    newer = {f.name: f.__class__(f.number, f.name, f.version + 1, f.unit, f.decays) for f in FAMILIES}
    monkeypatch.setattr("features.view._FAMILY_BY_NAME", newer)
    assert View("", (Feature("mid"),)).hash != before


def test_the_tag_is_the_first_four_bytes_little_endian() -> None:
    assert DEFAULT_VIEW.tag.to_bytes(4, "little").hex() == DEFAULT_VIEW.hash[:8]


@pytest.mark.parametrize(
    ("family", "half_life_ns"),
    [("mid", 1), ("volatility", 0), ("volatility", -1), ("volatility", HALF_LIFE_NS_MAX + 1), ("moon phase", 0)],
)
def test_a_feature_refuses_what_its_family_does_not_take(family: str, half_life_ns: int) -> None:
    with pytest.raises(ValueError, match=family):
        Feature(family, half_life_ns)


def test_a_view_refuses_none_too_many_and_twins() -> None:
    with pytest.raises(ValueError, match="got 0"):
        View("empty", ())
    with pytest.raises(ValueError, match=f"got {FEATURES_MAX + 1}"):
        View("many", tuple(Feature("mid", name=f"mid{i}") for i in range(FEATURES_MAX + 1)))
    with pytest.raises(ValueError, match="twice"):
        View("twins", (Feature("mid"), Feature("mid")))


def test_a_slot_out_of_range_is_refused_and_changes_nothing() -> None:
    state = DEFAULT_VIEW.start(2)
    before = {name: array.copy() for name, array in state.arrays().items()}
    for slot in (-1, 2):
        with pytest.raises(IndexError, match="row 1"):
            state.compute(np.concatenate([tick(), tick()]), np.array([0, slot], dtype=np.int32), np.empty((2, 8)))
    assert all((array == before[name]).all() for name, array in state.arrays().items())


def test_shapes_that_do_not_fit_are_refused() -> None:
    state = DEFAULT_VIEW.start(1)
    with pytest.raises(ValueError, match="slots"):
        state.compute(tick(), np.zeros(2, dtype=np.int32), np.empty((1, 8)))
    with pytest.raises(ValueError, match="out"):
        state.compute(tick(), np.zeros(1, dtype=np.int32), np.empty((1, 7)))


def test_a_state_of_another_view_is_not_restored() -> None:
    narrow = View("", (Feature("mid"),)).start(2)
    with pytest.raises(ValueError, match="memory"):
        DEFAULT_VIEW.restore(narrow.arrays())
    with pytest.raises(ValueError, match="no state"):
        DEFAULT_VIEW.restore({})
    assert narrow.memory.shape == (2, 1, MEMORY_WIDTH)


def test_features_fit_the_feature_row() -> None:
    records = np.zeros(1, dtype=feature_dtype(len(DEFAULT_VIEW.features)))
    DEFAULT_VIEW.start(1).compute(tick(), np.zeros(1, dtype=np.int32), records["values"])
    assert records["values"][0].tolist() == [100.0, 100.5, 200.0, 0.5, 0.0, 0.0, 0.0, 0.0]


def test_before_the_first_usable_touch_only_trades_are_heard() -> None:
    values = after(tick(bid=None), tick(bid=None, trade=-5))
    assert values.pop("trade_imbalance") == -1.0
    assert set(values.values()) == {0.0}


@pytest.mark.parametrize(
    "broken",
    [
        {"bid": None}, {"ask": None}, {"bid": 101.0}, {"bid": 102.0}, {"bid_size": 0}, {"ask_size": 0},
        {"bid": 0.0}, {"bid": -5.0}, {"bid_size": -1},
    ],
    ids=str,
)  # fmt: skip
def test_an_unusable_touch_leaves_the_last_one_standing(broken: dict[str, Any]) -> None:
    assert after(tick(), tick(**broken)) == after(tick())


def test_after_an_unusable_touch_the_next_is_measured_against_the_last_usable() -> None:
    direct = after(tick(), tick(bid=100.0))
    assert after(tick(), tick(bid=None), tick(bid=100.0)) == direct
    assert direct["order_flow_imbalance"] == 1.5
    assert direct["volatility"] > 0.0


def test_time_that_steps_back_counts_as_no_time_at_all() -> None:
    moves = [tick(0.0), tick(1.0, bid=100.0), tick(1.0), tick(2.0)]
    back = [tick(0.0), tick(1.0, bid=100.0), tick(-3.0), tick(2.0)]
    assert after(*back) == after(*moves)


def test_in_a_quiet_market_pressure_and_volatility_fade_and_levels_stay() -> None:
    moved = [tick(0.0), tick(0.0, bid=100.0)]
    soon, late = after(*moved, tick(0.5, bid=100.0)), after(*moved, tick(100_000.0, bid=100.0))
    for name in ("order_flow_imbalance", "volatility", "decayed_return"):
        assert soon[name] > 0.0
        assert late[name] == 0.0
    assert late["mid"] == soon["mid"] == 100.5


def test_a_fill_reported_beside_its_trade_is_not_counted_again() -> None:
    fill = tick(trade=-7)
    fill["action"] = ord("F")
    assert after(tick(trade=5), fill)["trade_imbalance"] == 1.0


def test_a_trade_without_an_aggressor_adds_volume_only() -> None:
    auction = tick(trade=5)
    auction["side"] = ord("N")
    assert after(tick(trade=5), auction)["trade_imbalance"] == 0.5
