"""What a simulated instrument does when its turn comes: rest orders, trade, follow its fair price, close its spread.

An *episode* is what one or a few participants do at once; its messages leave within microseconds. Most resize the
touch. Some are aggressive orders, whose signs persist, as large orders are worked in pieces. When the fair price has
left the touch, an episode follows it: orders sweep levels, or quotes are taken back; the other side lags, so that the
spread stands wide for a moment and closes in steps.
"""

from __future__ import annotations

from feeds.draw_kernels import below, exponential, picked
from feeds.kernel import kernel
from feeds.simulated_book import build, level_lots, new_touch_target, order_lots, put, resize, stir
from feeds.simulated_state import ASKS, BIDS, CHANGES_MAX, LEVELS, WIDE, WIDE_UNTIL, Market, Output
from feeds.simulated_wire import stamp, write_difference, write_quote, write_trade

TOLERANCE = 8_000
"""Distance of the fair price from the touch, 1e-9 of the price, that nobody acts on; a tick at least."""

STIR_MAX, STIR_PPB = 8, 30_000
"""A move stirs up others as often again for each so much (1e-9 of the price), at most so many times."""

BATCH_MAX = 24
"""Most further quotes of an episode."""
BATCH_TAIL = 3
"""After so many, further ones are likelier: somebody is at work."""
BATCH_TAIL_PERMILLE = 800

SWEPT_PERCENT = 62
"""Moves that orders make; the others are quotes taken back."""
FILLS_MAX = 600
"""Trades of one episode."""

PARENT_TURNS_PERCENT = 2
"""How often the side of the large order that is being worked turns, per aggressive order ..."""
PARENT_PERCENT = 82
"""... and how many orders are on its side."""

DIFFERENCE_ALWAYS = 8_000
"""Instruments with so many episodes in 1,000 s have something to say in every difference."""

STIRRED = (13, 11, 34, 6)
"""Median of changes behind the touch from one difference to the next, by kind of instrument."""

STIRRED_MAX = 400

TOUCH_LAST_PERCENT = 30
"""Differences whose last change is one of the touch: a bookTicker carries the same id."""


@kernel
def fair_ticks(market: Market, slot: int) -> int:
    """Where an instrument's price belongs, ticks."""
    one = market.instruments[slot]
    fair = market.bases[one.base].fair + one.offset
    return int(max(2 * LEVELS, one.start + one.start * fair // 1_000_000_000))


@kernel
def off_touch(market: Market, slot: int) -> int:
    """How many ticks the fair price lies above the offer (positive) or below the bid (negative), if at all."""
    fair = fair_ticks(market, slot)
    slack = 1 + market.instruments[slot].start * TOLERANCE // 1_000_000_000
    if fair > market.prices[slot, ASKS, 0] + slack:
        return int(fair - market.prices[slot, ASKS, 0])
    if fair < market.prices[slot, BIDS, 0] - slack:
        return int(fair - market.prices[slot, BIDS, 0])
    return 0


@kernel
def episode(market: Market, slot: int, now: int, out: Output) -> int:
    """One episode; 0, or how much the price had to move in it, from 1 to ``STIR_MAX``."""
    one = market.instruments[slot]
    if one.changes > CHANGES_MAX // 2:
        write_difference(market, slot, now, stamp(market, slot, now), out)
    ms = stamp(market, slot, now)
    words = market.words
    moved = 0
    away = off_touch(market, slot)
    if away != 0:
        _follow(market, slot, now, ms, away, out)
        moved = 1 + min(STIR_MAX - 1, abs(away) * 1_000_000_000 // one.start // STIR_PPB)
    elif below(words, 1000) < one.trades:
        _order(market, slot, now, ms, out)
    else:
        _quote(market, slot, now, ms, out)
    further = 0
    while further < BATCH_MAX:
        likely = one.batch if further < BATCH_TAIL else BATCH_TAIL_PERMILLE
        if below(words, 1000) >= likely:
            break
        _quote(market, slot, now, ms, out)
        further += 1
    return moved


@kernel
def difference(market: Market, slot: int, now: int, out: Output) -> None:
    """The time for a difference has come: changes behind the touch, and the message, if there is anything to say."""
    one = market.instruments[slot]
    if one.changes == 0 and one.episodes < DIFFERENCE_ALWAYS:
        return
    stirred = exponential(market.words, STIRRED[one.habits] * 1100 // 1000)
    if below(market.words, 8) == 0:
        stirred *= 4
    if below(market.words, 20) == 0:
        stirred *= 5
    for _ in range(1 + min(STIRRED_MAX, stirred)):
        stir(market, slot)
    one.offset += below(market.words, 2_001) - 1_000 - one.offset // 256
    told = below(market.words, 100) < TOUCH_LAST_PERCENT
    if told:
        resize(market, slot)
    if one.changes:
        ms = stamp(market, slot, now)
        write_difference(market, slot, now, ms, out)
        if told:
            write_quote(market, slot, now, ms, out)


@kernel
def reopen(market: Market, slot: int, now: int, gap: int, out: Output) -> None:
    """Trading begins anew after a halt: the auction's price is ``gap`` (1e-9) away from where the price belongs."""
    one = market.instruments[slot]
    if one.changes:
        write_difference(market, slot, now, stamp(market, slot, now), out)
    one.halted_until = 0
    one.offset += gap
    ms = stamp(market, slot, now)
    build(market, slot, fair_ticks(market, slot))
    side = ASKS if gap > 0 else BIDS
    for _ in range(3):
        lots = min(order_lots(market, slot), market.lots[slot, side, 0] - 1)
        if lots > 0:
            write_trade(market, slot, now, ms, market.prices[slot, side, 0], lots, side == ASKS, out)
            put(market, slot, side, market.prices[slot, side, 0], market.lots[slot, side, 0] - lots)
    write_quote(market, slot, now, ms, out)
    write_difference(market, slot, now, ms, out)


@kernel
def wanted_spread(market: Market, slot: int, now: int) -> int:
    """Spread that quoters keep now, ticks."""
    session = market.session
    if now >= session[WIDE_UNTIL]:
        return 1
    return int(1 + market.instruments[slot].start * session[WIDE] // 1_000_000_000)


@kernel
def _quote(market: Market, slot: int, now: int, ms: int, out: Output) -> None:
    """A word about the touch: its spread closes by a step, or opens where it is too narrow, or a size changes."""
    spread = market.prices[slot, ASKS, 0] - market.prices[slot, BIDS, 0]
    wanted = wanted_spread(market, slot, now)
    if spread > wanted:
        _close(market, slot, spread, wanted)
    elif 2 * spread < wanted:
        side = below(market.words, 2)
        if market.counts[slot, side] > 8:
            put(market, slot, side, market.prices[slot, side, 0], 0)
            new_touch_target(market, slot, side)
    else:
        resize(market, slot)
    write_quote(market, slot, now, ms, out)


@kernel
def _close(market: Market, slot: int, spread: int, wanted: int) -> None:
    """The side that lags behind the fair price takes a step, or all of it."""
    words = market.words
    bid, ask = market.prices[slot, BIDS, 0], market.prices[slot, ASKS, 0]
    fair = fair_ticks(market, slot)
    side = BIDS if fair - bid > ask - fair else ASKS
    step = spread - wanted
    kind = below(words, 100)
    if kind < 50 and step > 1:
        step = 1 + below(words, min(step, 2**20))
    elif kind < 80 and step > 1:
        step = 1 + below(words, 1 + min(step, 2**20) // 8)
    put(market, slot, side, bid + step if side == BIDS else ask - step, order_lots(market, slot))
    new_touch_target(market, slot, side)


@kernel
def _order(market: Market, slot: int, now: int, ms: int, out: Output) -> None:
    """An aggressive order that the touch can fill: one trade per resting order it meets."""
    one = market.instruments[slot]
    words = market.words
    if below(words, 100) < PARENT_TURNS_PERCENT:
        one.buyer = 1 - one.buyer
    buys = (one.buyer == 1) == (below(words, 100) < PARENT_PERCENT)
    side = ASKS if buys else BIDS
    price = market.prices[slot, side, 0]
    left = market.lots[slot, side, 0]
    for _ in range(picked(words, market.fills[one.habits])):
        lots = min(order_lots(market, slot), left - 1)
        if lots < 1:
            break
        left -= lots
        write_trade(market, slot, now, ms, price, lots, buys, out)
    put(market, slot, side, price, left)
    write_quote(market, slot, now, ms, out)


@kernel
def _follow(market: Market, slot: int, now: int, ms: int, away: int, out: Output) -> None:
    """The price goes to where it belongs, or a part of the way."""
    one = market.instruments[slot]
    words = market.words
    rises = away > 0
    side = ASKS if rises else BIDS
    sign = 1 if rises else -1
    way = abs(away) + 1 + below(words, 1 + one.start * TOLERANCE // 1_000_000_000)
    quarter = below(words, 8)
    if quarter < 3:
        way = max(1, way * (quarter + 1) // 4)
    target = market.prices[slot, side, 0] + sign * way
    sweep = min(FILLS_MAX, picked(words, market.sweeps)) if below(words, 100) < SWEPT_PERCENT else 0
    one.buyer = 1 if rises else 0
    fills = 0
    said = 0
    while market.counts[slot, side] > 0 and (target - market.prices[slot, side, 0]) * sign > 0:
        price = market.prices[slot, side, 0]
        if fills < sweep:
            left = market.lots[slot, side, 0]
            here = sweep - fills
            if fills:
                here = 1 + below(words, 1 + here // 2)
            else:
                here -= below(words, 1 + here // 3)
            for _ in range(here):
                lots = min(order_lots(market, slot), left)
                if lots < 1:
                    break
                left -= lots
                fills += 1
                write_trade(market, slot, now, ms, price, lots, rises, out)
        put(market, slot, side, price, 0)
        if market.counts[slot, side] > 0 and said < 3 and below(words, 3) == 0:
            write_quote(market, slot, now, ms, out)
            said += 1
    if market.counts[slot, side] < LEVELS // 3 or below(words, 10) < 7:
        put(market, slot, side, target, level_lots(market, slot))
    while market.counts[slot, side] < LEVELS // 3:
        last = market.prices[slot, side, market.counts[slot, side] - 1]
        put(market, slot, side, last + sign * (1 + exponential(words, one.level_gap)), level_lots(market, slot))
    new_touch_target(market, slot, side)
    write_quote(market, slot, now, ms, out)
