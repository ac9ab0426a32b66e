"""A seeded market session in Binance's wire format: three instruments, bursts, a gap, a repeat, a drifting venue clock.

The same seed gives the same bytes on any machine: integers only, and a log time that begins at a fixed moment. A
session of hours is made as it is read.

What stands in every session: a depth snapshot per instrument first; about 1,000 messages a second, ten times as many
for half a second now and then; prices that follow a common trend with noise around it, so that returns over seconds
mean something; a difference that is lost on the way (then a fresh snapshot a second later); one difference that comes
twice; event times about two seconds ahead of receive times, drifting.

>>> first = next(iter(simulate(seconds=1, seed=1)))
>>> first.ts_recv - SESSION_START_NS < 10_000_000, first.key, first.payload[:16]
(True, b'spot:BTCUSDT', b'{"lastUpdateId":')
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from feeds.definitions import BY_INSTRUMENT
from feeds.draws import Draws
from feeds.simulated_market import Profile, SimulatedMarket

SOURCE = "simulator"

SESSION_START_NS = 1_704_067_200_000_000_000
"""2024-01-01 00:00 UTC."""

PROFILES: dict[str, Profile] = {
    "spot:BTCUSDT": Profile(6_180_000, 160, 40_000, 100, 3, 50_093_239_000, (8, 8)),
    "spot:ETHUSDT": Profile(268_400, 9, 30_000, 100, 2, 35_346_513_000, (8, 8)),
    "linear:BTCUSDT": Profile(618_100, 13, 900, 50, 5, 5_123_107_832_000, (2, 3)),
}
"""Instruments of a session. The median level is worth some 20,000 to 80,000 US dollars."""

_BASES = {"spot:BTCUSDT": 0, "linear:BTCUSDT": 0, "spot:ETHUSDT": 1}
"""Instruments of one base follow one trend."""

EVENT_MEAN_NS = 1_150_000
"""Mean time between events: with differences and trades' quotes, about 1,000 messages a second."""

BURST_FACTOR = 10
BURST_NS = 500_000_000
BURST_EVERY_NS = 10_000_000_000
"""Mean time between bursts, from 2 seconds up."""

GAP_INSTRUMENT = b"linear:BTCUSDT"
GAP_AT_NS_MAX = 20_000_000_000
GAP_EVERY_NS = 600_000_000_000
RESNAPSHOT_NS = 1_000_000_000

REPEAT_INSTRUMENT = b"spot:BTCUSDT"
REPEAT_AT_NS_MAX = 30_000_000_000

SKEW_NS = 2_000_000_000
"""The venue's clock runs so far ahead at the start, and drifts 1 ms a second, to and fro."""
DRIFT_TURN_MS = 600_000
LATENCY_NS = 3_000_000

_SECOND_NS = 1_000_000_000
_ONE = 1_000_000_000
"""A trend factor of 1."""


class SimulatedMessage(NamedTuple):
    """One payload of a session.

    Attributes:
        ts_recv: Receive time, ns UTC.
        key: market:symbol.
        payload: The message in Binance's wire format.
    """

    ts_recv: int
    key: bytes
    payload: bytes


def simulate(seconds: float, seed: int) -> Iterator[SimulatedMessage]:
    """A session of so many seconds of log time, message by message, ``ts_recv`` never decreasing."""
    return _Session(round(seconds * _SECOND_NS), seed).messages()


class _Session:
    def __init__(self, length_ns: int, seed: int) -> None:
        self._draws = Draws(seed)
        self._length = length_ns
        self._markets = [SimulatedMarket(BY_INSTRUMENT[name], p, self._draws) for name, p in PROFILES.items()]
        self._bases = [_BASES[name] for name in PROFILES]
        self._turns = [i for i, p in enumerate(PROFILES.values()) for _ in range(p.share)]
        self._factors = [_ONE, _ONE]
        self._trends = [0, 0]
        self._difference_due = [p.depth_ms * 1_000_000 for p in PROFILES.values()]
        self._gap_due = min(self._length * 4 // 10, GAP_AT_NS_MAX)
        self._resnapshot_due = -1
        self._repeat_due = min(self._length * 6 // 10, REPEAT_AT_NS_MAX)
        self._repeat: bytes | None = None

    def messages(self) -> Iterator[SimulatedMessage]:
        now = 0
        for market in self._markets:
            market.difference((0, 0))  # Changes of the opening are in the snapshot: this one is not sent.
            market.resize()
            market.resize()
            now += self._draws.below(1_000_000)
            yield SimulatedMessage(SESSION_START_NS + now, market.key, market.snapshot(self._stamps(now)))
        burst_at = _SECOND_NS // 2 + self._draws.below(_SECOND_NS)
        while True:
            in_burst = 0 <= now - burst_at < BURST_NS
            if now - burst_at >= BURST_NS:
                burst_at = now + BURST_EVERY_NS // 5 + self._draws.below(BURST_EVERY_NS * 8 // 5)
            now += self._draws.exponential(EVENT_MEAN_NS // BURST_FACTOR if in_burst else EVENT_MEAN_NS)
            if now >= self._length:
                return
            which = self._turns[self._draws.below(len(self._turns))]
            for text in self._event(which, now):
                yield SimulatedMessage(SESSION_START_NS + now, self._markets[which].key, text)

    def _event(self, which: int, now: int) -> Iterator[bytes]:
        """What one instrument does next."""
        market = self._markets[which]
        self._drift(self._bases[which])
        stamps = self._stamps(now)
        kind = self._draws.below(100)
        if kind < 70:
            market.resize()
        elif kind < 85:
            market.move(market.profile.start_ticks * self._factors[self._bases[which]] // _ONE)
        else:
            yield market.trade(self._draws.below(10) < 5 + 2 * self._trends[self._bases[which]], stamps)
        quote = market.book_ticker(stamps)
        if quote is not None:
            yield quote
        if market.key == GAP_INSTRUMENT and 0 <= self._resnapshot_due <= now and market.pending:
            self._resnapshot_due = -1
            yield market.snapshot(stamps)
        if self._repeat is not None and market.key == REPEAT_INSTRUMENT:
            yield self._repeat
            self._repeat = None
        if now >= self._difference_due[which] and market.pending:
            self._difference_due[which] = now + market.profile.depth_ms * 1_000_000
            yield from self._difference(market, now, stamps)

    def _difference(self, market: SimulatedMarket, now: int, stamps: tuple[int, int]) -> Iterator[bytes]:
        text = market.difference(stamps)
        if market.key == GAP_INSTRUMENT and now >= self._gap_due:
            self._gap_due += GAP_EVERY_NS
            self._resnapshot_due = now + min(RESNAPSHOT_NS, self._length * 3 // 10)
            return  # Lost on the way.
        yield text
        if market.key == REPEAT_INSTRUMENT and 0 <= self._repeat_due <= now:
            self._repeat_due = -1
            self._repeat = text

    def _drift(self, base: int) -> None:
        """The common price of a base: a trend that turns now and then, noise, and a weak pull back to the start."""
        if self._draws.below(8):
            return
        if self._draws.below(250) == 0:
            self._trends[base] = self._draws.below(3) - 1
        pull = (_ONE - self._factors[base]) >> 14
        self._factors[base] += self._trends[base] * 2_000 + self._draws.spread(10_000) + pull

    def _stamps(self, now: int) -> tuple[int, int]:
        """(event, transaction) time in ms, by the venue's clock."""
        turn = now // 1_000_000 % (2 * DRIFT_TURN_MS)
        drift = min(turn, 2 * DRIFT_TURN_MS - turn) * 1000
        event = (SESSION_START_NS + now + SKEW_NS + drift - LATENCY_NS - self._draws.below(LATENCY_NS)) // 1_000_000
        return event, event - self._draws.below(3)
