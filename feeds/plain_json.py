"""Kernels that read plain JSON tokens from bytes: each takes a token of the plainest form, or nothing.

*Plain* is what a JSON parser is bound to read the same way: strings of printable ASCII without escapes, whole numbers
of at most 18 digits, decimals of at most nine places, no white space. A kernel gives the place after the token, or
``NOT_PLAIN``; then somebody more patient must look at the text.

**Bounds**: a text ends with a byte that no token takes (``END``), and a kernel looks at a byte only when it has taken
the one before. So none of them can run out of its text, and none asks where the text ends.
"""

from __future__ import annotations

import numpy as np

from feeds.arrays import Bytes, Ints
from feeds.decimal import DECIMALS
from feeds.kernel import byte, kernel

NOT_PLAIN = -1

END = b"\n"
"""What must follow each text."""

DIGITS_MAX = 18
"""Any whole number of so many digits fits into int64."""

WHOLE_DIGITS_MAX = 9
"""Digits before the point: more may be above ``decimal.WHOLE_MAX``."""

QUOTE_MARK = ord('"')
_POINT = ord(".")
_ZERO = ord("0")

_POWERS: Ints = 10 ** np.arange(DECIMALS + 1, dtype=np.int64)

PLAIN = np.zeros(256, np.bool_)
"""Bytes that stand for themselves in a JSON string and do not end it."""
PLAIN[0x20:0x7F] = True
PLAIN[[QUOTE_MARK, ord("\\")]] = False


@kernel
def matches(text: Bytes, at: int, wanted: Bytes) -> int:
    """The place after ``wanted``, which must stand at ``at``."""
    for i in range(len(wanted)):
        if byte(text, at + i) != wanted[i]:
            return NOT_PLAIN
    return at + len(wanted)


@kernel
def string(text: Bytes, at: int) -> int:
    """The place after the string whose first character stands at ``at``, after its quotation mark."""
    while PLAIN[byte(text, at)]:
        at += 1
    return at + 1 if byte(text, at) == QUOTE_MARK else NOT_PLAIN


@kernel
def integer(text: Bytes, at: int) -> tuple[int, int]:
    """A whole number without a sign, and the place after it."""
    first = at
    value = 0
    while _ZERO <= byte(text, at) <= _ZERO + 9:
        value = value * 10 + byte(text, at) - _ZERO
        at += 1
    digits = at - first
    if digits == 0 or digits > DIGITS_MAX or (digits > 1 and byte(text, first) == _ZERO):
        return 0, NOT_PLAIN
    return value, at


@kernel
def decimal(text: Bytes, at: int) -> tuple[int, int]:
    """A decimal in a string, in 1e-9, and the place after the string; ``at`` is after its quotation mark."""
    first = at
    value = 0
    while _ZERO <= byte(text, at) <= _ZERO + 9:
        value = value * 10 + byte(text, at) - _ZERO
        at += 1
    if at == first or at - first > WHOLE_DIGITS_MAX:
        return 0, NOT_PLAIN
    places = 0
    if byte(text, at) == _POINT:
        at += 1
        first = at
        while _ZERO <= byte(text, at) <= _ZERO + 9:
            value = value * 10 + byte(text, at) - _ZERO
            at += 1
        places = at - first
        if places == 0 or places > DECIMALS:
            return 0, NOT_PLAIN
    if byte(text, at) != QUOTE_MARK:
        return 0, NOT_PLAIN
    return value * _POWERS[DECIMALS - places], at + 1
