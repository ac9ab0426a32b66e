"""A seeded market session in Binance's wire format: any number of instruments, any length, made as it is read.

The same seed gives the same bytes on any machine: integers only. What the market does is in ``simulated_market.py``
and ``simulated_clock.py``, what goes wrong on the way in ``simulated_faults.py``, and when, in ``simulated_events.py``.
``docs/simulator.md`` tells it in full and compares it with recorded markets.

>>> first = next(iter(simulate(seconds=1, seed=1)))
>>> first.ts_recv - SESSION_START_NS < 10_000_000, first.key, first.payload[:16]
(True, b'spot:BTCUSDT', b'{"lastUpdateId":')
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Collection, Iterator
from itertools import count
from typing import NamedTuple

from feeds.simulated_clock import end_halt, halt, open_all, run, shock, snapshot
from feeds.simulated_events import KINDS, SessionEvent, session_events
from feeds.simulated_faults import Cut, Fault, Made, of_event
from feeds.simulated_instruments import INSTRUMENTS, profiles
from feeds.simulated_state import (
    BOOST,
    BOOST_AT,
    BOOST_HALF,
    REGIME_ACTIVITY,
    SKEW,
    VOLATILITY,
    WIDE,
    WIDE_UNTIL,
    empty_market,
    empty_output,
)  # fmt: skip
from schemas.errors import ConfigError
from schemas.sources import SIMULATOR

SOURCE = SIMULATOR

SESSION_START_NS = 1_704_067_200_000_000_000
"""2024-01-01 00:00 UTC."""

ACTIVITY = 200
"""Percent of the messages that an ordinary market has: about 1,000 a second for three instruments."""

ACTIVITY_MAX = 10_000

SKEW_NS = 2_000_000_000
"""The venue's clock runs so far ahead at the start."""

REGIMES = ((170, 150), (256, 256), (400, 520))
"""Activity and volatility in calm, normal and stressed times, 1/256 of the ordinary ones."""

WIDE_PPB = 60_000
"""Spread that quoters keep after news, 1e-9 of the price."""

NEWS_BOOST = 6 * 256

SNAPSHOT_AFTER_NS, SNAPSHOT_ROUND_TRIP_NS = 1_000_000_000, 60_000_000
"""After a hole a snapshot is asked for in so long, at most; it arrives a round trip after it was taken."""

LOOK_NS = 10_000_000
"""While a fault waits for its message the market runs no farther ahead: what follows from it must find its time."""

_FAR = 2**62
_MILLION = 1_000_000


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


def simulate(
    seconds: float,
    seed: int,
    *,
    instruments: int = INSTRUMENTS,
    start_ns: int = SESSION_START_NS,
    activity: int = ACTIVITY,
    events: Collection[str] = tuple(KINDS),
) -> Iterator[SimulatedMessage]:
    """A session, message by message, ``ts_recv`` never decreasing.

    Args:
        seconds: Its length in log time; infinite: endless.
        seed: Of everything that is drawn.
        instruments: How many: the shipped ones first, then made-up ones.
        start_ns: When it starts, ns UTC. A later session's update and trade ids lie above an earlier one's.
        activity: Messages in percent of an ordinary market's.
        events: Kinds of events that happen, as in ``simulated_events.KINDS``.

    Raises:
        ConfigError: An argument is out of range.
    """
    if not 1 <= activity <= ACTIVITY_MAX:
        raise ConfigError(
            "not an activity", kind="simulation", got=str(activity), allowed=f"1 to {ACTIVITY_MAX} percent"
        )
    if not 0 <= start_ns < _FAR:
        raise ConfigError("not a start", kind="simulation", got=str(start_ns), allowed="ns UTC since 1970")
    plan = session_events(seconds, seed, instruments=instruments, kinds=events)
    return _Session(seconds, seed, instruments, start_ns, activity, plan).messages()


class _Session:
    def __init__(
        self, seconds: float, seed: int, instruments: int, start_ns: int, activity: int, plan: Iterator[SessionEvent]
    ) -> None:
        chosen = profiles(instruments)
        self._keys = [p.definition.instrument.encode() for p in chosen]
        self._slots = {p.definition.instrument: slot for slot, p in enumerate(chosen)}
        self._markets = [p.definition.market for p in chosen]
        self._market = empty_market(chosen, seed, start_ns, activity)
        self._market.session[SKEW] = SKEW_NS
        self._out = empty_output()
        self._start = start_ns
        self._length = _FAR if seconds == math.inf else round(seconds * 1_000_000_000)
        self._scale = min(seconds, 60.0) / 60.0
        self._plan = plan
        self._faults: list[Fault] = []
        self._order = count()
        self._due: list[tuple[int, int, _Step]] = []

    def messages(self) -> Iterator[SimulatedMessage]:
        self._plan_next()
        first = 0
        while first < len(self._keys):
            first = open_all(self._market, self._out, first, 1 + self._market.session[0])
            yield from self._passed()
        until = 0
        while until < self._length:
            until = min(self._length, self._due[0][0] if self._due else _FAR, until + LOOK_NS if self._faults else _FAR)
            while not run(self._market, until, self._out):
                yield from self._passed()
            yield from self._passed()
            while self._due and self._due[0][0] <= until < self._length:
                _, _, step = heapq.heappop(self._due)
                yield from self._take(step, until)
        for fault in self._faults:
            yield from map(self._sent, fault.end())

    def _passed(self) -> Iterator[SimulatedMessage]:
        """What the last call has made, after what goes wrong on the way."""
        messages, size = self._out.filled.tolist()
        text = self._out.text[:size].tobytes()
        start, keys = self._start, self._keys
        for ts, slot, kind, begin, end in self._out.meta[:messages].tolist():
            if not self._faults:
                yield SimulatedMessage(start + ts, keys[slot], text[begin:end])
            else:
                yield from map(self._sent, self._faulted(Made(ts, slot, kind, text[begin:end])))

    def _faulted(self, message: Made) -> list[Made]:
        messages = [message]
        for fault in self._faults:
            messages = [out for m in messages for out in fault.take(m)]
        self._faults = [fault for fault in self._faults if not fault.done]
        return messages

    def _sent(self, message: Made) -> SimulatedMessage:
        return SimulatedMessage(self._start + message.ts, self._keys[message.slot], message.payload)

    def _plan_next(self) -> None:
        event = next(self._plan, None)
        if event is not None:
            self._at(event.at_ns, _Begin(event))

    def _at(self, when: int, step: _Step) -> None:
        heapq.heappush(self._due, (when, next(self._order), step))

    def _take(self, step: _Step, now: int) -> Iterator[SimulatedMessage]:
        if isinstance(step, _Begin):
            self._plan_next()
            self._begin(step.event, now)
        elif isinstance(step, _Reopen):
            end_halt(self._market, step.slot, now, step.gap, self._out)
            yield from self._passed()
        elif isinstance(step, _Snapshot):
            snapshot(self._market, step.slot, now, self._out)
            end = int(self._out.meta["end"][0])
            payload = self._out.text[:end].tobytes()
            kind = int(self._out.meta["kind"][0])
            self._at(now + SNAPSHOT_ROUND_TRIP_NS, _Deliver(Made(0, step.slot, kind, payload)))
        else:
            self._market.session[0] = now = max(now, int(self._market.session[0]) + 1)
            yield from map(self._sent, self._faulted(step.message._replace(ts=now)))

    def _begin(self, event: SessionEvent, now: int) -> None:
        session = self._market.session
        slot = self._slots.get(event.instrument, 0)
        if event.kind == "opening":
            session[[BOOST, BOOST_AT, BOOST_HALF]] = event.size * 256, now, max(_MILLION, (event.until_ns - now) // 4)
        elif event.kind == "regime":
            session[[REGIME_ACTIVITY, VOLATILITY]] = REGIMES[event.size]
        elif event.kind == "news":
            session[[BOOST, BOOST_AT, BOOST_HALF]] = NEWS_BOOST, now, max(_MILLION, (event.until_ns - now) // 4)
            session[[WIDE, WIDE_UNTIL]] = WIDE_PPB, event.until_ns
            shock(self._market, event.size, now)
        elif event.kind == "skew":
            session[SKEW] += event.size
        elif event.kind == "halt":
            halt(self._market, slot)
            self._at(event.until_ns, _Reopen(slot, event.size))
        elif event.kind == "reconnect":
            mine = frozenset(s for s, market in enumerate(self._markets) if market == self._markets[slot])
            self._faults.append(Cut(mine, event.until_ns))
            for each in sorted(mine):
                self._ask(each, event.until_ns)
        else:
            fault = of_event(event, slot, lambda lost: self._ask(slot, lost))
            if fault is not None:
                self._faults.append(fault)

    def _ask(self, slot: int, now: int) -> None:
        self._at(now + round(SNAPSHOT_AFTER_NS * self._scale), _Snapshot(slot))


class _Begin(NamedTuple):
    event: SessionEvent


class _Reopen(NamedTuple):
    slot: int
    gap: int


class _Snapshot(NamedTuple):
    slot: int


class _Deliver(NamedTuple):
    message: Made


_Step = _Begin | _Reopen | _Snapshot | _Deliver
