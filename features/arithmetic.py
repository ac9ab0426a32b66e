"""exp from additions, multiplications and one division, so that every machine gives the same bits.

A C library's exp differs in the last bit between CPUs and library versions. IEEE 754 fixes + - * / and the square root
exactly, and this file uses nothing else.

>>> exp(0.0), exp(-1.0) == 0.36787944117144233
(1.0, True)
>>> decay(5.0, LN2 / 5.0)
0.5
>>> fade(8.0, 0.25), fade(1e-90, 1e-20)
(2.0, 0.0)
"""

from __future__ import annotations

import math

import numpy as np

from features.kernel import kernel

LN2 = 0.6931471805599453
"""Natural logarithm of 2, rounded to nearest."""

EXP_MIN = -708.0
"""Below it exp is 0: the result would leave the normal range of float64."""

EXP_MAX = 709.0
"""Above it exp is infinite: the result would leave the range of float64."""

FADED = 1e-100
"""A remainder below this counts as none: a quiet spell ends at an exact 0, not in slow subnormal numbers."""

# Reduction and coefficients of fdlibm's __ieee754_exp (Sun Microsystems, 1993): x = k ln 2 + r, |r| <= ln 2 / 2, and
# exp(r) by a rational function whose error is below 2**-59. LN2_HI has its last 32 bits zero, so k * LN2_HI is exact.
_INVERSE_LN2 = 1.44269504088896338700e00
_LN2_HI = 6.93147180369123816490e-01
_LN2_LO = 1.90821492927058770002e-10
_P1 = 1.66666666666666019037e-01
_P2 = -2.77777777770155933842e-03
_P3 = 6.61375632143793436117e-05
_P4 = -1.65339022054652515390e-06
_P5 = 4.13813679705723846039e-08

_EXPONENT_BIAS = 1023
_MANTISSA_BITS = 52


@kernel
def exp(x: float) -> float:
    """e**x, within one unit in the last place of the true value; NaN for NaN."""
    if x < EXP_MIN:
        return 0.0
    if x > EXP_MAX:
        return math.inf
    if x != x:
        return x
    k = math.floor(x * _INVERSE_LN2 + 0.5)
    high = x - k * _LN2_HI
    low = k * _LN2_LO
    r = high - low
    t = r * r
    c = r - t * (_P1 + t * (_P2 + t * (_P3 + t * (_P4 + t * _P5))))
    fraction = 1.0 - ((low - (r * c) / (2.0 - c)) - high)
    return fraction * np.int64((np.int64(k) + _EXPONENT_BIAS) << _MANTISSA_BITS).view(np.float64)


@kernel
def decay(step_s: float, rate: float) -> float:
    """What is left of 1 after ``step_s`` seconds at ``rate`` per second (ln 2 over the half-life)."""
    return exp(-(step_s * rate))


@kernel
def fade(value: float, keep: float) -> float:
    """The part ``keep`` of a decaying value; exactly 0 below ``FADED``."""
    rest = value * keep
    if -FADED < rest < FADED:
        return 0.0
    return rest
