"""A payload on its way through a live feed of several connections, and how each of these fares."""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite
from typing import NamedTuple


class Frame(NamedTuple):
    """What a connection received.

    Attributes:
        line: Number of the connection.
        ts_recv: When, wall ns.
        key: ``market:symbol``.
        payload: As it came.
    """

    line: int
    ts_recv: int
    key: bytes
    payload: bytes


@dataclass(slots=True)
class Tally:
    """How a connection fares beside the others.

    Attributes:
        won: Payloads that it brought first: they were published.
        lost: Payloads that another had brought.
        timed: Those of them of which it is known how much later they came.
        lag_ms_mean, lag_ms_max: How much.
    """

    won: int = 0
    lost: int = 0
    timed: int = 0
    lag_ms_mean: float = 0.0
    lag_ms_max: float = 0.0

    def __str__(self) -> str:
        behind = f", {self.lag_ms_mean:.1f} ms behind, {self.lag_ms_max:.1f} at most" if self.timed else ""
        return f"{self.won:,} won, {self.lost:,} lost{behind}"

    def lose(self, lag_s: float) -> None:
        """A payload that came this much after another connection's; infinity: nobody knows."""
        self.lost += 1
        if isfinite(lag_s):
            lag_ms = max(lag_s, 0.0) * 1e3
            self.timed += 1
            self.lag_ms_mean += (lag_ms - self.lag_ms_mean) / self.timed
            self.lag_ms_max = max(self.lag_ms_max, lag_ms)
