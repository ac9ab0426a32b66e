"""One simulated instrument: a small order book that answers draws with messages in Binance's wire format.

Prices are counted in ticks, sizes in lots. Every change of a level takes the next update id; a difference carries all
changes since the last one, a bookTicker the touch, so the two agree by construction.
"""

from __future__ import annotations

from dataclasses import dataclass

from feeds.draws import Draws
from schemas.definition import Definition

LEVELS = 40
"""Price levels kept a side."""

BIDS, ASKS = 0, 1


@dataclass(frozen=True, slots=True)
class Profile:
    """How an instrument behaves.

    Attributes:
        start_ticks: First price.
        step_ticks: Size of a usual move of the mid.
        lots: Median size of a level.
        depth_ms: Time between differences.
        share: Its part of the events, of all profiles' shares together.
        first_id: Update and trade ids begin here.
        wire_decimals: Decimals of prices and sizes on the wire.
    """

    start_ticks: int
    step_ticks: int
    lots: int
    depth_ms: int
    share: int
    first_id: int
    wire_decimals: tuple[int, int]


class SimulatedMarket:
    """The book and the ids of one instrument; its methods give message texts."""

    def __init__(self, definition: Definition, profile: Profile, draws: Draws) -> None:
        self.key = definition.instrument.encode()
        self.profile = profile
        self._draws = draws
        self._spot = definition.market == "spot"
        self._symbol = definition.symbol
        self._stream = definition.symbol.lower()
        self._price = (definition.price_increment, profile.wire_decimals[0])
        self._size = (definition.size_increment, profile.wire_decimals[1])
        self._sides: tuple[dict[int, int], dict[int, int]] = ({}, {})
        self._changed: dict[tuple[int, int], int] = {}
        self._update_id = profile.first_id
        self._sent_id = profile.first_id
        self._trade_id = profile.first_id // 1000
        self._touch = (0, 0, 0, 0)
        self._bid = profile.start_ticks
        self._ask = profile.start_ticks + 1
        for away in range(LEVELS):
            self._set(BIDS, self._bid - away * max(1, profile.step_ticks // 2), self._lots())
            self._set(ASKS, self._ask + away * max(1, profile.step_ticks // 2), self._lots())

    @property
    def pending(self) -> bool:
        """Whether levels have changed since the last difference."""
        return bool(self._changed)

    def resize(self) -> None:
        """A new size at the touch, or now and then at a level behind it."""
        side = self._draws.below(2)
        if self._draws.below(5):
            self._set(side, self._bid if side == BIDS else self._ask, self._lots())
        else:
            levels = sorted(self._sides[side])
            self._set(side, levels[self._draws.below(len(levels))], self._lots())

    def move(self, toward_ticks: int) -> None:
        """Move the mid a quarter of the way to a price, and a random step."""
        step = (toward_ticks - self._bid) // 4 + self._draws.spread(self.profile.step_ticks)
        wide = self._draws.below(10)
        self._requote(self._bid + step, 1 if wide < 7 else 2 if wide < 9 else 3)

    def trade(self, buyer: bool, stamps: tuple[int, int]) -> bytes:
        """A trade at the touch by an aggressive buyer or seller, which eats what it takes."""
        side, price = (ASKS, self._ask) if buyer else (BIDS, self._bid)
        lots = min(self._lots(), self._sides[side][price])
        left = self._sides[side][price] - lots
        if left:
            self._set(side, price, left)
        else:
            self._requote(self._bid + (1 if buyer else -1), self._ask - self._bid)
        self._trade_id += 1
        event, transaction = stamps
        body = f'"s":"{self._symbol}","t":{self._trade_id},"p":"{self._priced(price)}","q":"{self._sized(lots)}"'
        maker = "false" if buyer else "true"
        if self._spot:
            data = f'"e":"trade","E":{event},{body},"T":{transaction},"m":{maker},"M":true'
        else:
            data = f'"e":"trade","E":{event},"T":{transaction},{body},"X":"MARKET","m":{maker}'
        return self._framed("trade", data)

    def book_ticker(self, stamps: tuple[int, int]) -> bytes | None:
        """The touch if it is another than the last time, else None."""
        touch = (self._bid, self._sides[BIDS][self._bid], self._ask, self._sides[ASKS][self._ask])
        if touch == self._touch:
            return None
        self._touch = touch
        said = (
            f'"u":{self._update_id},"s":"{self._symbol}","b":"{self._priced(touch[0])}","B":"{self._sized(touch[1])}",'
            f'"a":"{self._priced(touch[2])}","A":"{self._sized(touch[3])}"'
        )
        if not self._spot:
            said = f'"e":"bookTicker",{said},"T":{stamps[1]},"E":{stamps[0]}'
        return self._framed("bookTicker", said)

    def difference(self, stamps: tuple[int, int]) -> bytes:
        """All changes since the last difference."""
        levels = [
            ",".join(
                f'["{self._priced(p)}","{self._sized(lots)}"]' for (s, p), lots in self._changed.items() if s == side
            )
            for side in (BIDS, ASKS)
        ]
        ids = f'"U":{self._sent_id + 1},"u":{self._update_id}'
        if self._spot:
            head = f'"e":"depthUpdate","E":{stamps[0]},"s":"{self._symbol}",{ids}'
        else:
            head = f'"e":"depthUpdate","E":{stamps[0]},"T":{stamps[1]},"s":"{self._symbol}",{ids},"pu":{self._sent_id}'
        self._changed.clear()
        self._sent_id = self._update_id
        return self._framed(f"depth@{100 if self._spot else 0}ms", f'{head},"b":[{levels[BIDS]}],"a":[{levels[ASKS]}]')

    def snapshot(self, stamps: tuple[int, int]) -> bytes:
        """The whole book, as the REST endpoint gives it; its id lies inside the next difference if any is pending."""
        bids = ",".join(self._listed(BIDS, p) for p in sorted(self._sides[BIDS], reverse=True))
        asks = ",".join(self._listed(ASKS, p) for p in sorted(self._sides[ASKS]))
        times = "" if self._spot else f'"E":{stamps[0]},"T":{stamps[1]},'
        return f'{{"lastUpdateId":{self._update_id},{times}"bids":[{bids}],"asks":[{asks}]}}'.encode()

    def _requote(self, bid: int, spread: int) -> None:
        """A new touch: levels it runs over vanish, levels too far behind it are dropped."""
        ask = bid + spread
        for price in [p for p in self._sides[BIDS] if p > bid]:
            self._set(BIDS, price, 0)
        for price in [p for p in self._sides[ASKS] if p < ask]:
            self._set(ASKS, price, 0)
        self._bid, self._ask = bid, ask
        for side, price in ((BIDS, bid), (ASKS, ask)):
            if price not in self._sides[side]:
                self._set(side, price, self._lots())
            while len(self._sides[side]) > LEVELS:
                self._set(side, min(self._sides[side]) if side == BIDS else max(self._sides[side]), 0)

    def _set(self, side: int, price: int, lots: int) -> None:
        self._update_id += 1
        self._changed[side, price] = lots
        if lots:
            self._sides[side][price] = lots
        else:
            del self._sides[side][price]

    def _lots(self) -> int:
        return self._draws.lognormal(self.profile.lots)

    def _listed(self, side: int, price: int) -> str:
        return f'["{self._priced(price)}","{self._sized(self._sides[side][price])}"]'

    def _priced(self, ticks: int) -> str:
        return _decimal(ticks * self._price[0], self._price[1])

    def _sized(self, lots: int) -> str:
        return _decimal(lots * self._size[0], self._size[1])

    def _framed(self, stream: str, data: str) -> bytes:
        return f'{{"stream":"{self._stream}@{stream}","data":{{{data}}}}}'.encode()


def _decimal(value: int, places: int) -> str:
    """A value in 1e-9 with so many decimals."""
    scaled = value // 10 ** (9 - places)
    return f"{scaled // 10**places}.{scaled % 10**places:0{places}d}"
