"""The draws of ``draws.py`` as kernels: the same stream and the same tables, for what is drawn by the million."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from feeds import draws
from feeds.arrays import Ints
from feeds.kernel import kernel

Words = npt.NDArray[np.uint64]

LEVELS = np.array(draws.LEVELS, np.int64)
EXPONENTIAL = np.array(draws.EXPONENTIAL, np.int64)


@kernel
def word(words: Words) -> np.uint64:
    """64 bits from a stream of one word of state."""
    words[0] += np.uint64(0x9E3779B97F4A7C15)
    z = words[0]
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.uint64(z ^ (z >> np.uint64(31)))


@kernel
def below(words: Words, bound: int) -> int:
    """An integer from 0 to ``bound - 1``, for bounds up to ``BOUND_MAX``."""
    return int(np.int64(((word(words) >> np.uint64(32)) * np.uint64(bound)) >> np.uint64(32)))


@kernel
def spread(words: Words, size: int) -> int:
    """An integer from ``-size`` to ``size``, the middle likelier: the sum of two even draws."""
    return below(words, size + 1) - below(words, size + 1)


@kernel
def exponential(words: Words, mean: int) -> int:
    """An exponential waiting time; ``mean`` up to 2**40."""
    at = below(words, 2**31)
    whole = 0
    while at >> 26 == 31:
        whole += EXPONENTIAL[31]
        at = below(words, 2**31)
    low = EXPONENTIAL[at >> 26]
    high = EXPONENTIAL[(at >> 26) + 1]
    return int((whole + low + ((high - low) * (at & 0x3FFFFFF) >> 26)) * mean >> 16)


@kernel
def picked(words: Words, knots: Ints) -> int:
    """A draw from the distribution whose quantiles at ``LEVELS`` are ``knots``."""
    at = below(words, 1 << 20)
    low = 0
    high = len(LEVELS) - 1
    while high - low > 1:
        middle = (low + high) >> 1
        if LEVELS[middle] <= at:
            low = middle
        else:
            high = middle
    return int(knots[low] + (knots[high] - knots[low]) * (at - LEVELS[low]) // (LEVELS[high] - LEVELS[low]))
