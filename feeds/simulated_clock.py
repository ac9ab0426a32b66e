"""Whose turn it is: instruments act in self-exciting episodes, news comes in clusters, and the earliest goes first.

Episodes follow a Hawkes process (Hawkes, "Spectra of some self-exciting and mutually exciting point processes", 1971)
with two half-lives: each one makes further ones likelier for a while. News moves the fair price of one coin, or of all
by their betas, in a few jumps of one direction mostly.
"""

from __future__ import annotations

import math

import numpy as np

from feeds.arrays import Ints
from feeds.draw_kernels import below, exponential, picked
from feeds.kernel import kernel
from feeds.simulated_book import build, stir
from feeds.simulated_market import difference, episode, fair_ticks, off_touch, reopen
from feeds.simulated_state import (
    ACTIVITY,
    BOOST,
    BOOST_AT,
    BOOST_HALF,
    MESSAGE_BYTES,
    MESSAGES_MAX,
    NEVER,
    REGIME_ACTIVITY,
    VOLATILITY,
    Market,
    Output,
)  # fmt: skip
from feeds.simulated_wire import stamp, write_snapshot

FAST_HALF_NS, SLOW_HALF_NS = 25_000_000, 1_500_000_000
FAST_PERCENT, SLOW_PERCENT = 34, 22
"""Episodes that one of them brings about in the end, by half-life; the rest of the rate is there anyway."""
FAST_JUMP = FAST_PERCENT * 693_147 * 10_000 // FAST_HALF_NS
SLOW_JUMP = SLOW_PERCENT * 693_147 * 10_000 // SLOW_HALF_NS
"""What one adds to the rate, episodes in 1,000 s: share times ln 2 over the half-life."""
EXCITED_BITS = 16
"""Excitation is kept in 2**-16, so that it can fade in small steps."""
IMMIGRANT_PERCENT = 100 - FAST_PERCENT - SLOW_PERCENT

MOVE_EXCITES_FAST, MOVE_EXCITES_SLOW = 4, 4
"""A move of the price brings about so many times as many more, times its size as ``episode`` says it."""
LIVELY = 20_000
"""... in an instrument with so many episodes in 1,000 s; quieter ones are stirred up less."""

LOOK_NS = 20_000_000
"""A rate that falls is looked at anew after so long."""

NEWS_MEAN_NS, MARKET_NEWS_MEAN_NS = 11_000_000_000, 3_600_000_000
"""Mean time between pieces of news of one coin, and of the whole market."""
FOLLOWED_PERCENT = 62
"""Jumps after which a further one follows ..."""
NEXT_JUMP_NS = 14_000_000
"""... after a mean time of this ..."""
SAME_WAY_PERCENT = 78
"""... in the same direction."""
MORE_PERCENT, MORE_NS = 45, 1_100_000_000
"""Pieces of news that are soon followed by more, and how soon on average."""
PULL_SHIFT = 15
"""After each jump a fair price loses 2**-15 of its distance from the start."""
FAIR_MAX = 700_000_000
"""A fair price stays within so much (1e-9) of its start."""

OWN_WAY_PERCENT = 55
"""An instrument takes a move of its coin by so much more or less, for the time being."""

REACTION_NS = 250_000
REACTION_MEAN_NS = 2_500_000
"""From a jump of the fair price to an instrument's answer: at least, and what comes on top on average."""
AGAIN_NS = 1_200_000
"""After a move: mean time to the next episode, where it comes soon."""

ROOM_MESSAGES, ROOM_BYTES = 1_024, 384 * 1024
"""Room that any one turn fits into."""


def _halves() -> Ints:
    """2**(-i/64) in 2**-16, from integer square roots alone."""
    root = 1 << 119
    for _ in range(6):
        root = math.isqrt(root << 120)
    value, table = 1 << 120, []
    for _ in range(65):
        table.append(value >> 104)
        value = value * root >> 120
    return np.array(table, np.int64)


HALVES = _halves()


@kernel
def run(market: Market, until: int, out: Output) -> bool:
    """Let everybody act up to a time since the session's start, ns; whether it was reached: else ``out`` is full."""
    out.filled[:] = 0
    instruments = len(market.instruments)
    while True:
        who = market.winners[1]
        now = market.times[who]
        if now >= until:
            return True
        if out.filled[0] > MESSAGES_MAX - ROOM_MESSAGES or out.filled[1] > MESSAGE_BYTES - ROOM_BYTES:
            return False
        if who < instruments:
            _turn(market, who, now, out)
        else:
            _news(market, who, now)


@kernel
def open_all(market: Market, out: Output, first: int, now: int) -> int:
    """Build the books and write their snapshots, from instrument ``first`` on; how far there was room."""
    out.filled[:] = 0
    instruments = len(market.instruments)
    for slot in range(first, instruments):
        if out.filled[0] > MESSAGES_MAX - ROOM_MESSAGES or out.filled[1] > MESSAGE_BYTES - ROOM_BYTES:
            return slot
        one = market.instruments[slot]
        build(market, slot, fair_ticks(market, slot))
        one.changes = 0
        one.sent_id = one.update_id
        one.buyer = below(market.words, 2)
        _snapshot(market, slot, now, out)
        one.depth_due = now + below(market.words, one.depth_every)
        _schedule(market, slot, now)
    for base in range(len(market.bases)):
        mean = MARKET_NEWS_MEAN_NS if base == len(market.bases) - 1 else NEWS_MEAN_NS
        _set_time(market, instruments + base, now + exponential(market.words, mean))
    return instruments


@kernel
def snapshot(market: Market, slot: int, now: int, out: Output) -> None:
    """A fresh snapshot of one instrument, as from a REST request."""
    out.filled[:] = 0
    _snapshot(market, slot, now, out)


@kernel
def halt(market: Market, slot: int) -> None:
    """No message of an instrument until it is reopened."""
    market.instruments[slot].halted_until = NEVER
    _set_time(market, slot, NEVER)


@kernel
def end_halt(market: Market, slot: int, now: int, gap: int, out: Output) -> None:
    """Reopen a halted instrument with a price gap, 1e-9."""
    out.filled[:] = 0
    reopen(market, slot, now, gap, out)
    market.instruments[slot].depth_due = now + market.instruments[slot].depth_every
    _schedule(market, slot, now)


@kernel
def shock(market: Market, size: int, now: int) -> None:
    """The whole market's fair price jumps, 1e-9."""
    _jump(market, len(market.bases) - 1, size, now)


@kernel
def _snapshot(market: Market, slot: int, now: int, out: Output) -> None:
    while market.instruments[slot].changes == 0:  # its id must lie inside the next difference
        stir(market, slot)
    write_snapshot(market, slot, now, stamp(market, slot, now), out)


@kernel
def _turn(market: Market, slot: int, now: int, out: Output) -> None:
    one = market.instruments[slot]
    if now >= one.depth_due:
        difference(market, slot, now, out)
        scatter = below(market.words, 2 * one.depth_scatter + 1) - one.depth_scatter
        one.depth_due += one.depth_every + scatter
        if one.depth_due <= now:
            one.depth_due = now + one.depth_every
    if now >= one.episode_at >= 0:
        moved = episode(market, slot, now, out)
        _decay(market, slot, now)
        lively = moved * min(one.episodes, LIVELY)
        one.excited_fast += (FAST_JUMP * (LIVELY + MOVE_EXCITES_FAST * lively) // LIVELY) << EXCITED_BITS
        one.excited_slow += (SLOW_JUMP * (LIVELY + MOVE_EXCITES_SLOW * lively) // LIVELY) << EXCITED_BITS
        _schedule(market, slot, now)
        if moved > 0 and below(market.words, 100) < 75:
            one.episode_at = now + exponential(market.words, AGAIN_NS)
    elif one.episode_at < 0 and now >= -one.episode_at:
        _decay(market, slot, now)
        _schedule(market, slot, now)
    _set_time(market, slot, min(one.depth_due, abs(one.episode_at)))


@kernel
def _schedule(market: Market, slot: int, now: int) -> None:
    """When the next episode comes; negative: when to look at the rate again."""
    one = market.instruments[slot]
    session = market.session
    boost = 256
    halvings = (now - session[BOOST_AT]) // session[BOOST_HALF]
    if halvings < 16:
        boost += session[BOOST] >> halvings
    steady = one.episodes * IMMIGRANT_PERCENT // 100 * session[ACTIVITY] // 100
    steady = max(1, (steady * session[REGIME_ACTIVITY] >> 8) * boost >> 8)
    excited = (one.excited_fast + one.excited_slow) >> EXCITED_BITS
    wait = exponential(market.words, min(2**40, 1_000_000_000_000 // (steady + excited)))
    if wait > LOOK_NS and excited * 4 > steady:
        one.episode_at = -(now + LOOK_NS)
    else:
        one.episode_at = now + 1 + wait
    _set_time(market, slot, min(one.depth_due, abs(one.episode_at)))


@kernel
def _decay(market: Market, slot: int, now: int) -> None:
    one = market.instruments[slot]
    passed = now - one.excited_at
    one.excited_at = now
    one.excited_fast = _faded(one.excited_fast, passed, FAST_HALF_NS)
    one.excited_slow = _faded(one.excited_slow, passed, SLOW_HALF_NS)


@kernel
def _faded(value: int, passed: int, half: int) -> int:
    whole = passed // half
    if whole > 40:
        return 0
    place = passed % half * 64
    at, rest = place // half, place % half
    share = HALVES[at] - (HALVES[at] - HALVES[at + 1]) * rest // half
    return int((value * share >> 16) >> whole)


@kernel
def _news(market: Market, who: int, now: int) -> None:
    base = who - len(market.instruments)
    one = market.bases[base]
    words = market.words
    if one.left == 0:
        one.rising = below(words, 2)
    rising = one.rising if below(words, 100) < SAME_WAY_PERCENT else 1 - one.rising
    size = picked(words, market.impacts) * market.session[VOLATILITY] >> 8
    _jump(market, base, size if rising == 1 else -size, now)
    one.left = 1 if below(words, 100) < FOLLOWED_PERCENT else 0
    mean = MARKET_NEWS_MEAN_NS if base == len(market.bases) - 1 else NEWS_MEAN_NS
    if one.left:
        mean = NEXT_JUMP_NS
    elif below(words, 100) < MORE_PERCENT:
        mean = MORE_NS
    _set_time(market, who, now + 1 + exponential(words, mean))


@kernel
def _jump(market: Market, base: int, size: int, now: int) -> None:
    """Move the fair price of one coin, or by their betas of all; who is off the mark now will act soon."""
    if base < len(market.bases) - 1:
        _move(market, base, size, now)
        return
    for every in range(len(market.bases) - 1):
        _move(market, every, size * market.bases[every].beta >> 8, now)


@kernel
def _move(market: Market, base: int, size: int, now: int) -> None:
    one = market.bases[base]
    one.fair = min(FAIR_MAX, max(-FAIR_MAX, one.fair + size - (one.fair >> PULL_SHIFT)))
    slot = one.first_member
    while slot >= 0:
        instrument = market.instruments[slot]
        instrument.offset += size * (below(market.words, 2 * OWN_WAY_PERCENT + 1) - OWN_WAY_PERCENT) // 100
        if instrument.halted_until == 0 and off_touch(market, slot) != 0:
            soon = now + REACTION_NS + exponential(market.words, REACTION_MEAN_NS)
            if abs(instrument.episode_at) > soon:
                instrument.episode_at = soon
                _set_time(market, slot, min(instrument.depth_due, soon))
        slot = instrument.next_member


@kernel
def _set_time(market: Market, who: int, when: int) -> None:
    """Say when somebody acts next, and play the tournament again on the way up."""
    times, winners = market.times, market.winners
    times[who] = when
    leaves = len(times)
    winners[leaves + who] = who
    at = (leaves + who) >> 1
    while at >= 1:
        left, right = winners[2 * at], winners[2 * at + 1]
        winners[at] = left if times[left] <= times[right] else right
        at >>= 1
