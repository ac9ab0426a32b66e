"""The kernel's histogram is HdrHistogram's own: whatever is recorded, nobody can tell which of the two counted it."""

from __future__ import annotations

import numpy as np
import pytest
from hdrh.histogram import HdrHistogram
from hypothesis import given, settings
from hypothesis import strategies as st

from replay.hdr import HIGHEST_NS, LOWEST_NS, SIGNIFICANT_FIGURES, Hdr

PERCENTILES = [0.0, 25.0, 50.0, 95.0, 99.0, 99.9, 100.0]

durations = st.integers(0, 5_000) | st.integers(0, HIGHEST_NS) | st.sampled_from(
    [0, 1, 2_047, 2_048, 2_049, 4_095, 4_096, HIGHEST_NS - 1, HIGHEST_NS]
) | st.integers(11, 41).flatmap(lambda bit: st.sampled_from([2**bit - 1, 2**bit, 2**bit + 1]))  # fmt: skip
lawful = settings(deadline=None, max_examples=60)


def by_the_library(values: list[int], weight: int = 1) -> HdrHistogram:
    histogram = HdrHistogram(LOWEST_NS, HIGHEST_NS, SIGNIFICANT_FIGURES)
    for value in values:
        assert histogram.record_value(value, weight)
    return histogram


def by_the_kernel(values: list[int], weight: int = 1) -> Hdr:
    hdr = Hdr()
    hdr.record(np.array(values, dtype=np.int64), weight)
    return hdr


@lawful
@given(st.lists(durations, max_size=50), st.integers(1, 1_000))
def test_counts_extremes_and_encoding_are_the_library_s(values: list[int], weight: int) -> None:
    theirs, ours = by_the_library(values, weight), by_the_kernel(values, weight)
    histogram = ours.histogram()
    assert list(histogram.counts) == list(theirs.counts)
    assert histogram.equals(theirs)
    assert (histogram.total_count, histogram.min_value, histogram.max_value) == (
        theirs.total_count, theirs.min_value, theirs.max_value
    )  # fmt: skip
    assert histogram.encode() == theirs.encode()


@lawful
@given(st.lists(durations, min_size=1, max_size=50))
def test_percentiles_are_the_library_s(values: list[int]) -> None:
    theirs, ours = by_the_library(values), by_the_kernel(values)
    expected = theirs.get_percentile_to_value_dict(PERCENTILES)
    assert ours.percentiles_ns(PERCENTILES) == [expected[p] for p in PERCENTILES]
    assert ours.max_ns == theirs.get_max_value()


@lawful
@given(st.lists(durations, min_size=1, max_size=50))
def test_a_value_is_kept_to_three_significant_figures(values: list[int]) -> None:
    assert by_the_kernel(values).max_ns == pytest.approx(max(values), rel=1e-3)


@lawful
@given(st.lists(durations, min_size=1, max_size=50))
def test_what_is_encoded_is_decoded_equal(values: list[int]) -> None:
    histogram = by_the_kernel(values).histogram()
    assert HdrHistogram.decode(histogram.encode()).equals(histogram)


@lawful
@given(st.lists(durations, max_size=30), st.lists(durations, max_size=30))
def test_merging_is_recording_both(left: list[int], right: list[int]) -> None:
    merged, other = by_the_kernel(left), by_the_kernel(right)
    merged.merge(other)
    assert merged.histogram().encode() == by_the_kernel(left + right).histogram().encode()
    assert merged.histogram().equals(by_the_library(left + right))
    assert other.count == len(right)


@lawful
@given(st.lists(st.integers(-(2**62), 2**62), max_size=30))
def test_what_does_not_fit_is_clamped_and_counted(values: list[int]) -> None:
    ours = by_the_kernel(values, weight=3)
    clamped = by_the_library([min(max(value, 0), HIGHEST_NS) for value in values], 3)
    assert ours.histogram().equals(clamped)
    assert ours.negatives == 3 * sum(value < 0 for value in values)
    assert ours.overflows == 3 * sum(value > HIGHEST_NS for value in values)
