"""Seeded draws in integers: the same seed gives the same numbers on any machine and with any numpy.

numpy promises the raw stream of a bit generator for ever, but not what its distributions make of it, and those call the
C library's log. So only the raw stream is used, and shapes come from tables of quantiles.
"""

from __future__ import annotations

from numpy.random import PCG64

_BLOCK = 4096

EXPONENTIAL = (32, 98, 170, 247, 330, 421, 521, 633, 758, 901, 1068, 1269, 1520, 1856, 2367, 3466)
"""Quantiles of the exponential distribution, in thousandths of its mean."""

LOGNORMAL = (
    75, 134, 182, 229, 274, 321, 369, 419, 472, 527, 586, 649, 717, 789, 868, 954, 1048, 1152, 1267, 1395, 1541, 1706,
    1897, 2120, 2386, 2709, 3115, 3644, 4375, 5481, 7472, 13_259,
)  # fmt: skip
"""Quantiles of a lognormal distribution (sigma 1.2), in thousandths of its median: many small sizes, a few large."""


class Draws:
    """A stream of draws."""

    def __init__(self, seed: int) -> None:
        self._raw = PCG64(seed)
        self._block: list[int] = []

    def below(self, bound: int) -> int:
        """An integer from 0 to ``bound - 1``, for bounds up to 2**32."""
        if not self._block:
            self._block = self._raw.random_raw(_BLOCK).tolist()
        return (self._block.pop() >> 11) * bound >> 53

    def spread(self, size: int) -> int:
        """An integer from ``-size`` to ``size``, the middle likelier: the sum of two even draws."""
        return self.below(size + 1) - self.below(size + 1)

    def exponential(self, mean: int) -> int:
        """An exponential waiting time."""
        return EXPONENTIAL[self.below(len(EXPONENTIAL))] * mean // 1000

    def lognormal(self, median: int) -> int:
        """A lognormal size, at least 1."""
        return max(1, LOGNORMAL[self.below(len(LOGNORMAL))] * median // 1000)
