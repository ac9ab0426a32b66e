"""What happens in a simulated session beside ordinary trading: a plan, by seed, that anybody can ask for.

In the first minute everything happens once (a shorter session has the same, closer together), except that no trade is
taken back, as a demonstration should end without a dead letter; later each kind comes back at random.

>>> [(e.at_ns, e.kind, e.instrument) for e in session_events(seconds=60, seed=1, kinds=["lost", "halt"])]
[(18000000000, 'lost', 'linear:BTCUSDT'), (33000000000, 'halt', 'spot:ETHUSDT')]
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from feeds.draws import Draws
from feeds.simulated_instruments import profiles
from schemas.errors import ConfigError

NANOS = 1_000_000_000

FIRST_MINUTE_S = 60.0
"""Within so long everything happens once, but for the bust a little later."""


class SessionEvent(NamedTuple):
    """One event of the plan.

    Attributes:
        at_ns: Time since the session's start.
        until_ns: Its end; ``at_ns`` where it has none.
        kind: As in ``KINDS``.
        instrument: market:symbol, empty where all are meant.
        size: By kind. opening: further activity at first, times the ordinary one. regime: place in ``REGIMES``. news,
            halt: jump of the price, 1e-9. skew: step of the venue's clock, ns. Otherwise a draw that the event uses.
    """

    at_ns: int
    until_ns: int
    kind: str
    instrument: str
    size: int


@dataclass(frozen=True, slots=True)
class _Habit:
    """When a kind of event comes, in parts of the first minute, and afterwards on average every so many seconds."""

    first: float
    lasts: float
    mean_s: float
    slot: int
    """Place of the instrument that it happens to the first time, counted around; -1: all of them."""
    says: str


KINDS: dict[str, _Habit] = {
    "opening": _Habit(0.0, 0.10, math.inf, -1, "the session opens with a burst that fades"),
    "regime": _Habit(0.0, 0.0, 25.0, -1, "volatility changes between calm, normal and stressed"),
    "duplicate": _Habit(0.15, 0.0, 120.0, 0, "a message comes twice"),
    "tie": _Habit(0.20, 0.0, 60.0, -1, "six messages have one receive time"),
    "late": _Habit(0.25, 0.0, 90.0, 0, "a trade comes after its successor"),
    "lost": _Habit(0.30, 0.015, 600.0, 2, "a difference is lost; a snapshot comes later"),
    "correction": _Habit(0.38, 0.0, 300.0, 1, "a trade is said again with another price"),
    "bust": _Habit(1.25, 0.0, 400.0, 0, "a trade is taken back"),
    "news": _Habit(0.46, 0.10, 240.0, -1, "all prices jump, spreads widen, everybody trades"),
    "halt": _Habit(0.55, 0.07, 600.0, 1, "one instrument is silent, then reopens at another price"),
    "skew": _Habit(0.70, 0.0, 300.0, -1, "the venue's clock is set"),
    "reconnect": _Habit(0.80, 0.012, 480.0, 2, "one market's connection is lost and made anew"),
}
"""Kinds of events by name, in the order in which they first come."""

REGIMES = ("calm", "normal", "stressed")
_NEXT_REGIME = ((0, 75, 25), (45, 0, 55), (15, 85, 0))
"""Percent: from each regime to each other."""


def session_events(
    seconds: float, seed: int, *, instruments: int = 3, kinds: Collection[str] = tuple(KINDS)
) -> Iterator[SessionEvent]:
    """The plan of a session, by time; endless where ``seconds`` is infinite.

    A halt's end is its auction. What happens to a message happens to the first fitting one at or after the event's
    time; where a session ends before it comes, nothing does.

    Raises:
        ConfigError: An unknown kind, or a number of instruments that cannot be.
    """
    unknown = sorted(set(kinds) - set(KINDS))
    if unknown:
        raise ConfigError("no such kind of event", kind="simulation", got=unknown[0], allowed=", ".join(KINDS))
    names = [p.definition.instrument for p in profiles(instruments)]
    scale = min(seconds, FIRST_MINUTE_S)
    until = seconds * NANOS
    streams = [_kind(kind, Draws(seed, 16 + i), scale, names) for i, kind in enumerate(KINDS) if kind in kinds]
    for event in heapq.merge(*streams):
        if event.at_ns >= until:
            return
        yield event


def _kind(kind: str, draws: Draws, scale: float, names: list[str]) -> Iterator[SessionEvent]:
    habit = KINDS[kind]
    at = round(habit.first * scale * NANOS)
    lasts = round(habit.lasts * scale * NANOS)
    slot = habit.slot % len(names)
    regime = 1
    while True:
        where = "" if habit.slot < 0 else names[slot]
        size = draws.below(1_000)
        if kind == "regime":
            size = regime
            regime = _next_regime(regime, draws)
        elif kind == "opening":
            size = 5
        elif kind in ("news", "halt"):
            size = (2_500_000 + draws.below(4_000_000)) * (1 if draws.below(2) else -1)
        elif kind == "skew":
            size = (20_000_000 + draws.below(60_000_000)) * (1 if draws.below(2) else -1)
        yield SessionEvent(at, at + lasts, kind, where, size)
        if habit.mean_s == math.inf:
            return
        at += lasts + round(habit.mean_s * NANOS) // 4 + draws.exponential(round(habit.mean_s * NANOS) * 3 // 4)
        slot = draws.below(len(names))


def _next_regime(regime: int, draws: Draws) -> int:
    at = draws.below(100)
    for following, percent in enumerate(_NEXT_REGIME[regime]):
        if at < percent:
            return following
        at -= percent
    raise AssertionError("percents that do not add up")
