"""Decimal strings to int64 in units of 1e-9, exactly: no float on the way.

Accepted are digits, and a point with digits on both sides: what venues write. Everything else has a code of its own, so
that a refusal can say what was wrong.

>>> text = b"61804.70000000NaN-10.0000000001"
>>> values, codes = parse_decimals(np.frombuffer(text, np.uint8), np.array([0, 14, 17, 19, len(text)]))
>>> values.tolist(), [REASONS[c] for c in codes if c]
([61804700000000, 0, 0, 0], ['is not finite', 'is negative', 'has more than 9 decimals'])
"""

from __future__ import annotations

import numpy as np

from feeds.arrays import Bytes, Ints
from feeds.kernel import kernel

DECIMALS = 9
"""Decimal places that an int64 in units of 1e-9 keeps; further ones must be zeros."""

WHOLE_MAX = 1_000_000_000
"""Prices and sizes above a billion are absurd; at 1e-9 they would near the end of int64."""

OK = 0
NOT_A_NUMBER = 1
NOT_FINITE = 2
NEGATIVE = 3
TOO_FINE = 4
TOO_LARGE = 5

REASONS: dict[int, str] = {
    NOT_A_NUMBER: "is not a decimal number",
    NOT_FINITE: "is not finite",
    NEGATIVE: "is negative",
    TOO_FINE: f"has more than {DECIMALS} decimals",
    TOO_LARGE: f"is absurd (above {WHOLE_MAX})",
}

_MINUS = ord("-")
_POINT = ord(".")
_ZERO = ord("0")
_LOWER = 32
"""Bit that makes an ASCII letter lower-case."""
_I = ord("i")
_N = ord("n")


@kernel
def parse_decimal(buffer: Bytes, begin: int, end: int) -> tuple[int, int]:
    """One decimal in ``buffer[begin:end]``.

    Returns:
        (value in 1e-9, OK), or (0, what is wrong).
    """
    negative = begin < end and buffer[begin] == _MINUS
    at = begin + 1 if negative else begin
    if at >= end:
        return 0, NOT_A_NUMBER
    first = buffer[at] | _LOWER
    if first in (_I, _N):
        return 0, NOT_FINITE
    whole = 0
    digits_from = at
    while at < end and _ZERO <= buffer[at] <= _ZERO + 9:
        # Held at the bound instead of overflowing, so that what follows the digits is still looked at.
        whole = min(whole * 10 + buffer[at] - _ZERO, WHOLE_MAX + 1)
        at += 1
    if at == digits_from:
        return 0, NOT_A_NUMBER
    part, code = _decimals(buffer, at, end)
    if code == NOT_A_NUMBER:
        return 0, code
    if negative:
        return 0, NEGATIVE
    if whole > WHOLE_MAX or (whole == WHOLE_MAX and part > 0):
        return 0, TOO_LARGE
    if code != OK:
        return 0, code
    return whole * 1_000_000_000 + part, OK


@kernel
def _decimals(buffer: Bytes, at: int, end: int) -> tuple[int, int]:
    """What follows the whole digits: nothing, or a point and at least one digit."""
    if at == end:
        return 0, OK
    if buffer[at] != _POINT or at + 1 == end:
        return 0, NOT_A_NUMBER
    part = 0
    places = 0
    fine = False
    for i in range(at + 1, end):
        digit = buffer[i] - _ZERO
        if digit < 0 or digit > 9:
            return 0, NOT_A_NUMBER
        if places < DECIMALS:
            part = part * 10 + digit
            places += 1
        elif digit != 0:
            fine = True
    for _ in range(DECIMALS - places):
        part *= 10
    return part, TOO_FINE if fine else OK


@kernel
def parse_decimals(buffer: Bytes, offsets: Ints) -> tuple[Ints, Bytes]:
    """Many decimals that stand in one buffer.

    Args:
        buffer: Their bytes.
        offsets: Shape (n + 1,): number i stands in ``buffer[offsets[i]:offsets[i + 1]]``.

    Returns:
        Values in 1e-9 and codes, shape (n,); a value is 0 where its code is not OK.
    """
    count = len(offsets) - 1
    values = np.zeros(count, np.int64)
    codes = np.zeros(count, np.uint8)
    for i in range(count):
        value, code = parse_decimal(buffer, offsets[i], offsets[i + 1])
        values[i] = value
        codes[i] = code
    return values, codes
