"""Draws in kernels follow the stream and the shapes that they promise."""

from __future__ import annotations

import numpy as np

from feeds.draw_kernels import LEVELS, below, exponential, picked, spread, word
from feeds.draws import LOGNORMAL, Draws


def words(state: int = 7) -> np.ndarray[tuple[int], np.dtype[np.uint64]]:
    return np.array([state], np.uint64)


def test_the_stream_is_that_of_the_python_draws() -> None:
    draws, state = Draws(1), words()
    state[0] = np.uint64(draws._state)
    assert [int(word(state)) for _ in range(50)] == [draws.word() for _ in range(50)]


def test_the_stream_is_splitmix64() -> None:
    # First outputs of the reference implementation (https://prng.di.unimi.it/splitmix64.c) for the state 1234567.
    state = words(1234567)
    assert [int(word(state)) for _ in range(3)] == [
        6457827717110365317, 3203168211198807973, 9817491932198370423,
    ]  # fmt: skip


def test_bounds_hold_and_are_reached() -> None:
    state = words()
    assert {below(state, 3) for _ in range(200)} == {0, 1, 2}
    assert {spread(state, 1) for _ in range(200)} == {-1, 0, 1}
    assert max(below(state, 2**31) for _ in range(1000)) > 2**30


def test_waiting_times_are_exponential() -> None:
    state = words()
    waits = np.array([exponential(state, 1_000_000) for _ in range(20_000)]) / 1e6
    assert 0.97 < waits.mean() < 1.03
    assert 0.95 < waits.std() < 1.05
    assert 0.34 < np.mean(waits > 1) < 0.40
    assert 0.013 < np.mean(waits > 4) < 0.024


def test_a_draw_from_a_table_has_the_tables_quantiles() -> None:
    state, knots = words(), np.array(LOGNORMAL, np.int64)
    drawn = np.array([picked(state, knots) for _ in range(20_000)])
    for level in (3, 7, 11):
        share = np.mean(drawn < knots[level])
        assert abs(share - LEVELS[level] / 2**20) < 0.012
    assert knots[0] <= drawn.min()
    assert drawn.max() <= knots[-1]
