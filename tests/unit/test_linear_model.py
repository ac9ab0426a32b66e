"""A model is used only when it is exactly what its hash and its view say; then its score is a plain, clipped sum."""

from __future__ import annotations

import hashlib
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from features.view import DEFAULT_VIEW
from models.artefact import ARTEFACT_BYTES_MAX, KEYS, NUMBER_ABS_MAX, canonical, sign
from models.linear import DEFAULT_MODEL, LinearModel, load, load_file
from schemas.errors import ConfigError

VIEW = "ab" * 32
COLUMNS = ["a", "b", "c"]


def artefact(**changes: Any) -> dict[str, Any]:
    """A good artefact with changes, signed after them."""
    plain = {
        "kind": "linear", "version": 1, "name": "test", "view": VIEW, "features": COLUMNS, "weights": [1.0, -2.0, 0.5],
        "intercept": 0.25, "clip": 10.0,
    }  # fmt: skip
    return sign({**plain, **changes})


def loaded(**changes: Any) -> LinearModel:
    return load(artefact(**changes), view=VIEW, features=COLUMNS)


def refusal(found: dict[str, Any], view: str = VIEW, features: list[str] = COLUMNS) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        load(found, view=view, features=features, where="models/x.json")
    assert caught.value.where == "models/x.json"
    return caught.value


def test_the_shipped_model_is_signed_for_the_default_view() -> None:
    model = load_file(DEFAULT_MODEL, view=DEFAULT_VIEW.hash, features=DEFAULT_VIEW.names)
    assert model.name == "default"
    assert model.tag.to_bytes(4, "little").hex() == model.sha256[:8]
    price_weights = dict(zip(model.features, model.weights.tolist(), strict=True))
    assert price_weights["mid"] == -price_weights["weighted_mid"]  # prices matter by their difference only


def test_a_stock_tool_can_check_the_hash() -> None:
    found = json.loads(DEFAULT_MODEL.read_text())
    claimed = found.pop("sha256")
    assert hashlib.sha256(json.dumps(found, sort_keys=True, separators=(",", ":")).encode()).hexdigest() == claimed


def test_a_score_is_the_intercept_and_the_weighted_sum() -> None:
    assert loaded().score(np.array([[1.0, 2.0, 4.0], [0.0, 0.0, 0.0]])).tolist() == [-0.75, 0.25]


def test_a_score_is_clipped_both_ways() -> None:
    assert loaded().score(np.array([[100.0, 0.0, 0.0], [-100.0, 0.0, 0.0]])).tolist() == [10.0, -10.0]


def test_a_score_is_written_where_the_caller_says() -> None:
    records = np.zeros(2, dtype=[("x", "<u2"), ("score", "<f8")])
    loaded().score(np.ones((2, 3)), records["score"])
    assert records["score"].tolist() == [-0.25, -0.25]


def test_the_sum_is_made_in_the_view_s_order() -> None:
    model = loaded(weights=[1.0, 1.0, 1.0], intercept=0.0, clip=NUMBER_ABS_MAX)
    assert model.score(np.array([[1e30, -1e30, 1.0], [1.0, 1e30, -1e30]])).tolist() == [1.0, 0.0]


@settings(deadline=None)
@given(arrays(np.float64, (4, 3), elements=st.floats(-1e40, 1e40)), st.lists(st.floats(-1e12, 1e12), min_size=3,
                                                                             max_size=3))  # fmt: skip
def test_finite_features_and_any_allowed_weights_give_scores_within_the_clip(values: Any, weights: list[float]) -> None:
    scores = loaded(weights=weights, clip=5.0).score(values)
    assert (np.abs(scores) <= 5.0).all()


def test_overflow_is_clipped_and_nan_is_no_opinion() -> None:
    model = loaded(weights=[1e12, 1e12, 1e12])
    assert model.score(np.array([[1e300, 1e300, 0.0], [math.nan, 0.0, 0.0], [-math.inf, 0, 0]])).tolist() == [
        10,
        0,
        -10,
    ]


def test_shapes_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="3 features"):
        loaded().score(np.zeros((2, 4)))
    with pytest.raises(ValueError, match="3 scores"):
        loaded().score(np.zeros((2, 3)), np.zeros(3))


@pytest.mark.parametrize("key", KEYS)
def test_an_artefact_without_a_key_is_refused_by_its_name(key: str) -> None:
    found = artefact()
    del found[key]
    assert f"for its {key}" in str(refusal(found))


@pytest.mark.parametrize("key", [key for key in KEYS if key not in ("sha256", "kind", "version")])
def test_any_change_after_signing_is_refused(key: str) -> None:
    other = {"name": "x", "view": "cd" * 32, "features": ["a", "b", "d"], "weights": [1.0, -2.0, 0.5000000001],
             "intercept": 0.0, "clip": 9.0}  # fmt: skip
    found = {**artefact(), key: other[key]}
    assert "for its sha256" in str(refusal(found))


@pytest.mark.parametrize(
    ("changes", "key", "got"),
    [
        ({"kind": "pickle"}, "kind", "pickle"),
        ({"kind": ["linear"]}, "kind", "['linear']"),
        ({"version": 2}, "version", "2"),
        ({"version": True}, "version", "True"),
        ({"name": ""}, "name", ""),
        ({"features": "abc"}, "features", "abc"),
        ({"features": ["a", "b", 3]}, "features", "['a', 'b', 3]"),
        ({"weights": [1.0, 2.0]}, "weights", "2"),
        ({"weights": [1.0, 2.0, 3.0, 4.0]}, "weights", "4"),
        ({"clip": -1.0}, "clip", "-1.0"),
        ({"intercept": 1e13}, "intercept", "10000000000000.0"),
        ({"note": "hello"}, "note", "an unknown key"),
    ],
)
def test_a_signed_artefact_that_breaks_a_rule_is_refused_by_key(changes: dict[str, Any], key: str, got: str) -> None:
    error = refusal({**sign({**artefact(), **changes})})
    assert error.message.endswith(f"for its {key}")
    assert error.got == got


@pytest.mark.parametrize("weight", [math.nan, math.inf, -math.inf, 1e300, 10**400, "1.0", None, True, [1.0]])
def test_a_weight_that_is_no_finite_number_is_refused_by_its_place(weight: Any) -> None:
    found = {**artefact(), "weights": [1.0, weight, 2.0]}
    assert "for its weights[1]" in str(refusal(found))


def test_a_model_of_another_view_is_refused() -> None:
    error = refusal(artefact(), view="cd" * 32)
    assert "for its view" in str(error)
    assert VIEW in error.got
    assert "cd" * 32 in error.allowed


def test_a_model_of_other_columns_is_refused() -> None:
    assert "for its features" in str(refusal(artefact(), features=["a", "c", "b"]))


def test_the_hash_survives_a_writer_that_drops_the_point_of_whole_numbers() -> None:
    found = artefact()
    found["weights"] = [1, -2, 0.5]
    found["clip"] = 10
    assert canonical(found) == canonical(artefact())
    assert load(found, view=VIEW, features=COLUMNS).weights.dtype == np.float64


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no JSON"), ("{", "no JSON"), ("[1]", "no JSON object"), ('{"clip": NaN}', "NaN is no number"),
        ('{"clip": 1, "clip": 2}', "a key stands twice"), ("[" * 20_000, "no JSON"), ('{"a": "\x80"}', "required"),
        ("[" + "1" * 5_000 + "]", "no JSON"), (" " * (ARTEFACT_BYTES_MAX + 1), "too large"),
    ],
)  # fmt: skip
def test_a_file_that_is_no_artefact_is_refused_by_name(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "model.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match="model") as caught:
        load_file(path, view=VIEW, features=COLUMNS)
    assert caught.value.where == str(path)
    assert said in str(caught.value)


def test_a_file_that_is_not_there_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"nowhere\.json"):
        load_file(tmp_path / "nowhere.json", view=VIEW, features=COLUMNS)


def test_a_file_that_is_not_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.json"
    path.write_bytes(b"\x80\x04\x95pickle")
    with pytest.raises(ConfigError, match="no JSON"):
        load_file(path, view=VIEW, features=COLUMNS)
