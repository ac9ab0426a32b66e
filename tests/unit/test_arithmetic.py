"""exp from arithmetic only: how close it is, where it ends, and that the compiler leaves its roundings alone."""

from __future__ import annotations

import math
from decimal import Decimal, localcontext
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numba import njit

from features.arithmetic import EXP_MAX, EXP_MIN, LN2, decay, exp, fade
from features.fused import compute_rows
from features.kernel import kernel
from features.view import DEFAULT_VIEW
from schemas.tick import TICK

FUSED_INSTRUCTIONS = ("vfmadd", "vfmsub", "vfnmadd", "vfnmsub", "fmadd", "fmsub", "fnmadd", "fnmsub", "fmla", "fmls")
"""x86 and ARM instructions that round a product and a sum once."""

unhurried = settings(deadline=None)
"""The first example compiles."""


@unhurried
@given(st.floats(EXP_MIN, EXP_MAX))
def test_exp_is_within_two_units_in_the_last_place_of_the_library(x: float) -> None:
    assert abs(exp(x) - math.exp(x)) <= 2 * math.ulp(math.exp(x))


@unhurried
@given(st.floats(EXP_MIN, EXP_MAX))
def test_exp_is_within_one_unit_in_the_last_place_of_the_true_value(x: float) -> None:
    with localcontext() as context:
        context.prec = 50
        true = Decimal(x).exp()
        assert abs(Decimal(exp(x)) - true) <= Decimal(math.ulp(float(true)))


@pytest.mark.parametrize(
    ("x", "bits"),
    [
        (-1.0, "0x1.78b56362cef38p-2"),
        (-1e-9, "0x1.fffffff768fa1p-1"),
        (-0.6931471805599453, "0x1.0000000000000p-1"),
        (-700.25, "0x1.af5fe9a485c8ep-1011"),
        (1.0, "0x1.5bf0a8b14576ap+1"),
        (708.5, "0x1.1bf058bc994adp+1022"),
    ],
)
def test_exp_gives_the_same_bits_on_every_machine(x: float, bits: str) -> None:
    assert exp(x).hex() == bits


def test_exp_ends_in_zero_and_infinity_and_keeps_nan() -> None:
    assert exp(math.nextafter(EXP_MIN, -math.inf)) == 0.0
    assert exp(-math.inf) == 0.0
    assert exp(math.nextafter(EXP_MAX, math.inf)) == math.inf
    assert exp(math.inf) == math.inf
    assert math.isnan(exp(math.nan))
    assert exp(0.0) == exp(-0.0) == exp(-1e-300) == 1.0


@unhurried
@given(st.floats(0, 1e12), st.floats(1e-12, 1e12))
def test_decay_stays_between_nothing_and_all(step_s: float, rate: float) -> None:
    assert 0.0 <= decay(step_s, rate) <= 1.0


def test_decay_halves_in_a_half_life() -> None:
    assert decay(7.0, LN2 / 7.0) == pytest.approx(0.5, rel=1e-15)
    assert decay(21.0, LN2 / 7.0) == pytest.approx(0.125, rel=1e-15)


def test_fading_ends_at_an_exact_zero() -> None:
    value = -1.0
    for _ in range(400):
        value = fade(value, 0.5)
    assert value == 0.0


@kernel
def product_plus(a: float, b: float, c: float) -> float:
    return a * b + c


@kernel
def products_plus(a: npt.NDArray[Any], b: npt.NDArray[Any], c: npt.NDArray[Any], out: npt.NDArray[Any]) -> None:
    for i in range(a.size):
        out[i] = a[i] * b[i] + c[i]


def test_a_product_and_a_sum_stay_two_roundings() -> None:
    a, b, c = 1.0 + 2.0**-30, 1.0 - 2.0**-30, -1.0
    assert product_plus(a, b, c) == 0.0  # rounded once, it would be -2**-60
    out = np.full(64, np.nan)
    products_plus(np.full(64, a), np.full(64, b), np.full(64, c), out)
    assert not out.any()


def test_the_compiled_features_hold_no_fused_multiply_and_add() -> None:
    fresh: Any = njit(error_model="numpy")(compute_rows.py_func)  # type: ignore[attr-defined]
    rows, slots, state = np.zeros(0, dtype=TICK), np.zeros(0, dtype=np.int32), DEFAULT_VIEW.start(1)
    kinds, rates = np.zeros(8, dtype=np.int64), np.zeros(8)
    fresh(rows, slots, kinds, rates, state.times, state.touches, state.memory.reshape(-1), np.zeros((0, 8)))
    assembly = "".join(fresh.inspect_asm().values())
    assert "div" in assembly
    assert not [name for name in FUSED_INSTRUCTIONS if name in assembly]
