"""Decimal strings become int64 exactly, or say what is wrong with them."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feeds.decimal import (
    DECIMALS,
    NEGATIVE,
    NOT_A_NUMBER,
    NOT_FINITE,
    OK,
    TOO_FINE,
    TOO_LARGE,
    WHOLE_MAX,
    parse_decimals,
)


def parse(*texts: bytes) -> tuple[list[int], list[int]]:
    offsets = np.cumsum([0, *map(len, texts)])
    values, codes = parse_decimals(np.frombuffer(b"".join(texts), np.uint8), offsets)
    return values.tolist(), codes.tolist()


@given(st.lists(st.decimals(min_value=0, max_value=WHOLE_MAX, places=DECIMALS), min_size=1, max_size=20))
@settings(deadline=None, max_examples=50)
def test_any_decimal_of_nine_places_is_kept_exactly(numbers: list[Decimal]) -> None:
    values, codes = parse(*(f"{number:f}".encode() for number in numbers))
    assert codes == [OK] * len(numbers)
    assert values == [int(number.scaleb(DECIMALS)) for number in numbers]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (b"61804.70000000", 61_804_700_000_000),
        (b"0.00000001", 10),
        (b"0.000000001000000", 1),
        (b"0", 0),
        (b"007", 7_000_000_000),
        (b"1000000000", 10**18),
        (b"1000000000.000000000000", 10**18),
    ],
)
def test_what_venues_write_is_read(text: bytes, value: int) -> None:
    assert parse(text) == ([value], [OK])


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (b"", NOT_A_NUMBER),
        (b".", NOT_A_NUMBER),
        (b"1.", NOT_A_NUMBER),
        (b".5", NOT_A_NUMBER),
        (b"1.2.3", NOT_A_NUMBER),
        (b"1e5", NOT_A_NUMBER),
        (b"+1", NOT_A_NUMBER),
        (b" 1", NOT_A_NUMBER),
        (b"1,000", NOT_A_NUMBER),
        (b"0x10", NOT_A_NUMBER),
        (b"\xff\xfe", NOT_A_NUMBER),
        (b"-", NOT_A_NUMBER),
        (b"-1x", NOT_A_NUMBER),
        (b"NaN", NOT_FINITE),
        (b"nan", NOT_FINITE),
        (b"Infinity", NOT_FINITE),
        (b"-inf", NOT_FINITE),
        (b"-1.5", NEGATIVE),
        (b"-0", NEGATIVE),
        (b"0.0000000001", TOO_FINE),
        (b"1000000000.000000001", TOO_LARGE),
        (b"1000000001", TOO_LARGE),
        (b"9" * 400, TOO_LARGE),
        (b"9" * 400 + b"x", NOT_A_NUMBER),
    ],
)
def test_what_is_no_usable_number_is_told_by_kind(text: bytes, code: int) -> None:
    assert parse(text, b"1.5") == ([0, 1_500_000_000], [code, OK])


@given(st.binary(max_size=30))
@settings(deadline=None, max_examples=200)
def test_no_bytes_are_read_as_another_number(text: bytes) -> None:
    values, codes = parse(text)
    if codes == [OK]:
        assert values == [int(Decimal(text.decode()).scaleb(DECIMALS))]
