"""What goes wrong between venue and reader in a simulated session: messages lost, repeated, late, tied, amended.

Works on messages as the market made them, one at a time, and only while something is to be done.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from typing import NamedTuple

from feeds.messages import DEPTH, QUOTE, TRADE
from feeds.simulated_events import SessionEvent

TIED = 6
"""Messages of one receive time."""
AMENDED_NS = 150_000_000
"""A correction or a bust follows its trade after so long."""

_PRICE = re.compile(rb'"p":"(\d+)(\.?)(\d*)"')
_STAMPS = re.compile(rb'"(E|T)":(\d+)')
_TRADE_ID = re.compile(rb'"t":\d+')
_SYMBOL = re.compile(rb'"s":"[^"]+"')


class Made(NamedTuple):
    """A message as the market made it: receive time since the session's start (ns), instrument, kind, bytes."""

    ts: int
    slot: int
    kind: int
    payload: bytes


class Fault(ABC):
    """Something that is done to messages; ``done`` when nothing is left to do."""

    done = False

    @abstractmethod
    def take(self, message: Made) -> Iterator[Made]:
        """What comes of a message."""

    def end(self) -> Iterator[Made]:
        """What was held back when the session ends."""
        return iter(())


class Lost(Fault):
    """The next difference of an instrument does not arrive; ``then`` is called with its time."""

    def __init__(self, slot: int, then: Callable[[int], None]) -> None:
        self._slot, self._then = slot, then

    def take(self, message: Made) -> Iterator[Made]:
        """Drop one."""
        if not self.done and message.slot == self._slot and message.kind == DEPTH:
            self.done = True
            self._then(message.ts)
            return
        yield message


class Repeated(Fault):
    """The next message of an instrument and kind comes again, after a further one of the instrument."""

    def __init__(self, slot: int, kind: int) -> None:
        self._slot, self._kind = slot, kind
        self._held: Made | None = None

    def take(self, message: Made) -> Iterator[Made]:
        """Pass it on, and its copy later."""
        yield message
        if self.done or message.slot != self._slot:
            return
        if self._held is not None:
            yield self._held._replace(ts=message.ts)
            self.done = True
        elif message.kind == self._kind:
            self._held = message


class Late(Fault):
    """The next trade of an instrument is overtaken by the one after it."""

    def __init__(self, slot: int) -> None:
        self._slot = slot
        self._held: Made | None = None

    def take(self, message: Made) -> Iterator[Made]:
        """Hold one back."""
        if self.done or message.slot != self._slot or message.kind != TRADE:
            yield message
        elif self._held is None:
            self._held = message
        else:
            yield message
            yield self._held._replace(ts=message.ts)
            self.done = True

    def end(self) -> Iterator[Made]:
        """The one that was held."""
        if self._held is not None and not self.done:
            yield self._held


class Tied(Fault):
    """The next messages carry the receive time of the first."""

    def __init__(self) -> None:
        self._ts = -1
        self._left = TIED

    def take(self, message: Made) -> Iterator[Made]:
        """Set the time back: nothing between them is received, so nothing is overtaken."""
        if self._ts < 0:
            self._ts = message.ts
        self._left -= 1
        self.done = self._left == 0
        yield message._replace(ts=self._ts)


class Amended(Fault):
    """The venue thinks again about a trade: ``amend`` makes the later message."""

    def __init__(self, slot: int, amend: Callable[[bytes], bytes]) -> None:
        self._slot, self._amend = slot, amend
        self._held: Made | None = None

    def take(self, message: Made) -> Iterator[Made]:
        """Pass it on, and the amendment when its time has come."""
        yield message
        if self.done or message.slot != self._slot:
            return
        if self._held is None:
            if message.kind == TRADE:
                self._held = message
        elif message.ts >= self._held.ts + AMENDED_NS:
            yield Made(message.ts, self._slot, TRADE, self._amend(self._held.payload))
            self.done = True


class Cut(Fault):
    """No message of a market while its connection is lost; then each instrument's first one comes on both sockets."""

    def __init__(self, slots: frozenset[int], until_ns: int) -> None:
        self._slots, self._until = slots, until_ns
        self._silent = set(slots)

    def take(self, message: Made) -> Iterator[Made]:
        """Drop, then pass on twice, once."""
        if message.slot not in self._slots:
            yield message
        elif message.ts >= self._until:
            yield message
            if message.slot in self._silent and message.kind in (DEPTH, QUOTE, TRADE):
                self._silent.discard(message.slot)
                yield message
            self.done = not self._silent


def corrected(trade: bytes) -> bytes:
    """The same trade with a price one unit of its last decimal off: the venue says its id again."""

    def other(match: re.Match[bytes]) -> bytes:
        whole, dot, rest = match.groups()
        digits = str(int(whole + rest) + _unit(rest)).encode().rjust(len(whole + rest), b"0")
        split = len(digits) - len(rest)
        return b'"p":"' + digits[:split] + dot + digits[split:] + b'"'

    return _PRICE.sub(other, _later(trade))


def busted(trade: bytes) -> bytes:
    """A trade is void: an event that Binance does not have, so the adapter must refuse it loudly."""
    stream = trade[: trade.index(b'"data"')]
    symbol, number = _SYMBOL.search(trade), _TRADE_ID.search(trade)
    stamps = dict(_STAMPS.findall(_later(trade)))
    if symbol is None or number is None:
        raise AssertionError("not a trade")
    return b'%s"data":{"e":"tradeBust","E":%s,%s,%s}}' % (stream, stamps[b"E"], symbol[0], number[0])


def of_event(event: SessionEvent, slot: int, then: Callable[[int], None]) -> Fault | None:
    """The fault that an event of the plan means, if it means one. A cut needs to know its market: not made here."""
    if event.kind == "lost":
        return Lost(slot, then)
    if event.kind == "duplicate":
        return Repeated(slot, (DEPTH, TRADE, QUOTE)[event.size % 3])
    if event.kind == "late":
        return Late(slot)
    if event.kind == "tie":
        return Tied()
    if event.kind == "correction":
        return Amended(slot, corrected)
    if event.kind == "bust":
        return Amended(slot, busted)
    return None


def _unit(decimals: bytes) -> int:
    """One tick is at most this much of the last decimal: trailing zeros are padding."""
    padding = len(decimals) - len(decimals.rstrip(b"0"))
    unit: int = 10**padding
    return unit


def _later(trade: bytes) -> bytes:
    """The same message, said later by the venue's clock."""
    return _STAMPS.sub(lambda m: b'"%s":%d' % (m[1], int(m[2]) + AMENDED_NS // 1_000_000), trade)
