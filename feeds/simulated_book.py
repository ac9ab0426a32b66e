"""The order book of a simulated instrument: few levels, best first; every change takes an update id and is noted."""

from __future__ import annotations

from feeds.draw_kernels import below, exponential, picked
from feeds.kernel import kernel
from feeds.simulated_state import ASKS, BIDS, CHANGES_MAX, LEVELS, Market

LEVELS_LOW = 20
"""Below so many levels a side is filled up rather than thinned out."""


@kernel
def order_lots(market: Market, slot: int) -> int:
    """Size of one resting order or trade."""
    one = market.instruments[slot]
    return int(max(1, picked(market.words, market.orders[one.habits]) * one.size_permille // 1000))


@kernel
def level_lots(market: Market, slot: int) -> int:
    """Size of a level: a few orders."""
    lots = order_lots(market, slot)
    while below(market.words, 100) < 60:
        lots += order_lots(market, slot)
    return lots


@kernel
def touch_lots(market: Market, slot: int) -> int:
    """Size that a touch tends to."""
    one = market.instruments[slot]
    return int(max(1, picked(market.words, market.touch[one.habits]) * one.size_permille // 1000))


@kernel
def put(market: Market, slot: int, side: int, price: int, lots: int) -> None:
    """Set the size at a price, 0 removes it. A full side lets its farthest level go, or takes none that is farther."""
    prices = market.prices[slot, side]
    sizes = market.lots[slot, side]
    count = market.counts[slot, side]
    away = 1 if side == ASKS else -1
    at = 0
    while at < count and (prices[at] - price) * away < 0:
        at += 1
    if at < count and prices[at] == price:
        if lots == 0:
            for i in range(at, count - 1):
                prices[i] = prices[i + 1]
                sizes[i] = sizes[i + 1]
            market.counts[slot, side] = count - 1
        else:
            sizes[at] = lots
        _note(market, slot, side, price, lots)
        return
    if lots == 0 or at == LEVELS or price <= 0:
        return
    if count == LEVELS:
        _note(market, slot, side, prices[count - 1], 0)
        count -= 1
    for i in range(count, at, -1):
        prices[i] = prices[i - 1]
        sizes[i] = sizes[i - 1]
    prices[at] = price
    sizes[at] = lots
    market.counts[slot, side] = count + 1
    _note(market, slot, side, price, lots)


@kernel
def _note(market: Market, slot: int, side: int, price: int, lots: int) -> None:
    one = market.instruments[slot]
    one.update_id += 1 if one.id_step == 1 else 1 + below(market.words, one.id_step)
    changed = market.changed[slot]
    for i in range(one.changes - 1, -1, -1):
        if changed[i, 1] == price and changed[i, 0] == side:
            changed[i, 2] = lots
            return
    if one.changes < CHANGES_MAX:  # callers send a difference long before
        changed[one.changes, 0] = side
        changed[one.changes, 1] = price
        changed[one.changes, 2] = lots
        one.changes += 1


@kernel
def new_touch_target(market: Market, slot: int, side: int) -> None:
    """The touch of a side has moved: it will tend to another size."""
    if side == BIDS:
        market.instruments[slot].bid_target = touch_lots(market, slot)
    else:
        market.instruments[slot].ask_target = touch_lots(market, slot)


@kernel
def build(market: Market, slot: int, fair: int) -> None:
    """A whole new book around a price: all that was there goes."""
    one = market.instruments[slot]
    for side in range(2):
        while market.counts[slot, side] > 0:
            put(market, slot, side, market.prices[slot, side, market.counts[slot, side] - 1], 0)
        away = 1 if side == ASKS else -1
        price = fair + (1 if side == ASKS else 0)
        for level in range(LEVELS):
            put(market, slot, side, price, touch_lots(market, slot) if level == 0 else level_lots(market, slot))
            price += away * (1 + exponential(market.words, one.level_gap))
        new_touch_target(market, slot, side)


@kernel
def stir(market: Market, slot: int) -> None:
    """A change behind the touch: an order comes, goes, or is altered."""
    one = market.instruments[slot]
    side = below(market.words, 2)
    count = market.counts[slot, side]
    if count == 0:
        return
    away = 1 if side == ASKS else -1
    if count < LEVELS_LOW or below(market.words, 100) < 42:
        reach = exponential(market.words, one.level_gap * (2 if below(market.words, 2) else 40))
        put(market, slot, side, market.prices[slot, side, 0] + away * (1 + reach), level_lots(market, slot))
        return
    at = 1 + below(market.words, count - 1)
    gone = below(market.words, 100) < 72
    put(market, slot, side, market.prices[slot, side, at], 0 if gone else level_lots(market, slot))


@kernel
def resize(market: Market, slot: int) -> None:
    """Orders join or leave the touch of one side, whose size tends to what is usual there."""
    one = market.instruments[slot]
    side = below(market.words, 2)
    if below(market.words, 12) == 0:
        new_touch_target(market, slot, side)
    target = one.bid_target if side == BIDS else one.ask_target
    lots = market.lots[slot, side, 0]
    joins = below(market.words, 100) < (72 if lots < target else 28)
    by = order_lots(market, slot)
    if joins:
        lots += by + max(0, target - lots) * below(market.words, 64) // 100
    else:
        lots -= min(lots - 1, by + max(0, lots - target) * below(market.words, 64) // 100)
    put(market, slot, side, market.prices[slot, side, 0], lots)
