"""Seeded draws in integers: the same seed gives the same numbers on any machine and with any library.

The stream is splitmix64 (Steele, Lea, Flood: "Fast splittable pseudorandom number generators", OOPSLA 2014), one word
of state. Shapes come from tables of quantiles, read between the knots by straight lines: no logarithm, no float.

>>> draws = Draws(1)
>>> [draws.below(6) for _ in range(8)]
[4, 3, 4, 2, 0, 5, 1, 1]
"""

from __future__ import annotations

BOUND_MAX = 2**31
"""Largest bound of a draw."""

LEVELS = (
    0, 10_486, 52_429, 104_858, 209_715, 314_573, 419_430, 524_288, 629_146, 734_003, 838_861, 943_718, 996_147,
     1_027_604, 1_038_090, 1_043_333, 1_047_527, 1_048_576
)  # fmt: skip
"""Where the knots of a quantile table lie, in 2**-20: 0, 1, 5, 10, 20 ... 90, 95, 98, 99, 99.5, 99.9 and 100%."""

EXPONENTIAL = (
    0, 2081, 4230, 6451, 8751, 11_135, 13_608, 16_178, 18_854, 21_643, 24_556, 27_605, 30_802, 34_164, 37_707, 41_453,
     45_426, 49_656, 54_177, 59_034, 64_280, 69_982, 76_228, 83_133, 90_852, 99_603, 109_706, 121_654, 136_278,
     155_132, 181_704, 227_130
)  # fmt: skip
"""Quantiles of the exponential distribution at 0, 1/32 ... 31/32, in 2**-16 of its mean."""

LOGNORMAL = (
    37, 69, 151, 229, 380, 547, 747, 1000, 1338, 1828, 2632, 4366, 6630, 10_610, 14_517, 19_341, 34_945, 51_746,
)  # fmt: skip
"""Quantiles of a lognormal distribution (sigma 1.15) at ``LEVELS``, in thousandths of its median; bounded."""

_MASK = 2**64 - 1
_STEP, _FIRST, _SECOND = 0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB


class Draws:
    """A stream for what is drawn seldom, outside the kernels."""

    def __init__(self, seed: int, stream: int = 0) -> None:
        self._state = (seed * 0x2545F4914F6CDD1D + stream * 0xD6E8FEB86659FD93) & _MASK

    def word(self) -> int:
        """64 bits."""
        self._state = (self._state + _STEP) & _MASK
        z = self._state
        z = ((z ^ (z >> 30)) * _FIRST) & _MASK
        z = ((z ^ (z >> 27)) * _SECOND) & _MASK
        return z ^ (z >> 31)

    def below(self, bound: int) -> int:
        """An integer from 0 to ``bound - 1``, for bounds up to ``BOUND_MAX``."""
        return (self.word() >> 32) * bound >> 32

    def exponential(self, mean: int) -> int:
        """An exponential waiting time of any mean."""
        at = self.below(BOUND_MAX)
        whole = 0
        while at >> 26 == 31:  # without memory: beyond the last knot it begins anew
            whole += EXPONENTIAL[31]
            at = self.below(BOUND_MAX)
        low, high = EXPONENTIAL[at >> 26 : (at >> 26) + 2]
        return (whole + low + ((high - low) * (at & 0x3FFFFFF) >> 26)) * mean >> 16
