"""What a simulated market remembers: plain arrays, all integers, so that kernels can run it and its size is known."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from feeds import draws
from feeds.arrays import Bytes, Ints, Records
from feeds.draw_kernels import Words
from feeds.simulated_instruments import HABITS, SWEEPS, Profile

LEVELS = 100
"""Price levels kept a side."""

CHANGES_MAX = 1_024
"""Changed levels that one difference carries; one that is full leaves before its time."""

SYMBOL_BYTES_MAX = 24

BIDS, ASKS = 0, 1

INSTRUMENT = np.dtype(
    [(name, "<i8") for name in (
        "start", "base", "next_member", "futures", "inverse", "habits", "size_permille", "episodes", "level_gap",
        "depth_every", "depth_scatter", "trades", "batch", "id_step", "price_unit", "price_places", "size_unit",
        "size_places", "symbol_bytes",
        "episode_at", "depth_due", "excited_fast", "excited_slow", "excited_at", "bid_target", "ask_target",
        "update_id", "sent_id", "trade_id", "event_ms", "buyer", "offset", "halted_until", "changes", "quoted_bid",
        "quoted_bid_lots", "quoted_ask", "quoted_ask_lots",
    )]
)  # fmt: skip
"""One instrument; all columns int64. First line group: what it is like; second: where it stands.

start: first price, ticks. base: whose fair price it follows; next_member: next instrument of that base, -1 at the end.
episodes: in 1,000 s. price_unit, size_unit: a tick and a lot on the wire, in the last of ``..._places`` decimals.
excited_fast, excited_slow: further episodes in 1,000 s, by those that were, as of excited_at. bid_target, ask_target:
size that the touch tends to. offset: of its fair price from its base's, 1e-9. changes: levels that wait for the next
difference. quoted_...: the touch as last said.
"""

BASE = np.dtype([(name, "<i8") for name in ("fair", "beta", "rising", "left", "first_member")])
"""What moves the prices of one coin. fair: distance from the start, 1e-9. beta: its share of the market's moves, 1/256.
left: moves that the current piece of news still brings; rising: 1 if they point up."""

SESSION = (
    "received", "start_ms", "skew_ns", "activity", "regime_activity", "volatility", "wide", "boost", "boost_at",
    "boost_half_ns", "wide_until",
)  # fmt: skip
"""Columns of ``Market.session``. received: newest receive time. activity: percent. regime_activity, volatility: 1/256.
wide: spread that quoters keep, 1e-9 of the price, until wide_until. boost: further activity at boost_at, 1/256; it
halves every boost_half_ns.
"""
RECEIVED, START_MS, SKEW, ACTIVITY, REGIME_ACTIVITY, VOLATILITY, WIDE, BOOST, BOOST_AT, BOOST_HALF, WIDE_UNTIL = range(
    len(SESSION)
)

META = np.dtype([(name, "<i8") for name in ("ts", "slot", "kind", "begin", "end")])
"""One message made: receive time since the session's start, ns; instrument; kind as in ``binance_numbers``; its
bytes."""

MESSAGES_MAX = 8_192
MESSAGE_BYTES = 1 << 21
"""Room for what one call makes."""


class Market(NamedTuple):
    """All instruments of a session.

    Attributes:
        instruments: INSTRUMENT, shape (n,).
        bases: BASE, shape (bases + 1,): the last one stands for the whole market.
        prices: int64 ticks, shape (n, 2, LEVELS): best first.
        lots: int64, same shape.
        counts: int64, shape (n, 2).
        changed: int64, shape (n, CHANGES_MAX, 3): side, price, lots.
        times: int64, shape (actors,): when each acts next; instruments, then bases, then the market.
        winners: int64, shape (2 * power of two,): tournament of ``times``.
        touch, orders, fills: Quantile tables by kind of instrument, int64, shape (kinds, 18).
        sweeps: Quantile table of trades in a move that orders make.
        impacts: Quantile table of price moves, 1e-9.
        symbols: Upper and lower case names, uint8, shape (n, 2, SYMBOL_BYTES_MAX).
        words: The draws' state.
        session: int64, ``SESSION``.
    """

    instruments: Records
    bases: Records
    prices: Ints
    lots: Ints
    counts: Ints
    changed: Ints
    times: Ints
    winners: Ints
    touch: Ints
    orders: Ints
    fills: Ints
    sweeps: Ints
    impacts: Ints
    symbols: Bytes
    words: Words
    session: Ints


class Output(NamedTuple):
    """Where messages come out.

    Attributes:
        meta: META, room for ``MESSAGES_MAX``.
        text: uint8, their bytes.
        filled: int64, shape (2,): messages, bytes.
    """

    meta: Records
    text: Bytes
    filled: Ints


def empty_output() -> Output:
    """Room for one call's messages."""
    return Output(np.zeros(MESSAGES_MAX, META), np.zeros(MESSAGE_BYTES, np.uint8), np.zeros(2, np.int64))


MOVE_MEDIAN = 19_000
"""Median move of a fair price, 1e-9."""


def empty_market(profiles: Sequence[Profile], seed: int, start_ns: int, activity: int) -> Market:
    """The market before its first event: books without a level.

    Args:
        profiles: Its instruments.
        seed: Of all draws.
        start_ns: Wall time of the session's start, ns UTC: update and trade ids begin with it, so that a session that
            starts later goes on above an earlier one.
        activity: Percent of an ordinary market's messages.
    """
    count = len(profiles)
    bases = {base: i for i, base in enumerate(dict.fromkeys(p.definition.base for p in profiles))}
    instruments = np.zeros(count, INSTRUMENT)
    symbols = np.zeros((count, 2, SYMBOL_BYTES_MAX), np.uint8)
    first_member = [-1] * (len(bases) + 1)
    for slot, profile in enumerate(profiles):
        one, definition, habits = instruments[slot], profile.definition, HABITS[profile.habits]
        base = bases[definition.base]
        given = {
            "start": profile.start_ticks, "base": base, "next_member": first_member[base],
            "futures": int(definition.market != "spot"), "inverse": int(definition.inverse), "habits": profile.habits,
            "size_permille": profile.size_permille, "episodes": profile.episodes, "level_gap": habits.level_gap,
            "depth_every": habits.depth_ns[0], "depth_scatter": habits.depth_ns[1], "trades": habits.trades_permille,
            "batch": habits.batch_permille, "id_step": habits.id_step,
            "price_unit": definition.price_increment * 10 ** profile.places[0] // 10**9,
            "price_places": profile.places[0],
            "size_unit": definition.size_increment * 10 ** profile.places[1] // 10**9,
            "size_places": profile.places[1], "symbol_bytes": len(definition.symbol),
            "update_id": start_ns // IDS_EVERY_NS, "sent_id": start_ns // IDS_EVERY_NS,
            "trade_id": start_ns // TRADE_IDS_EVERY_NS,
        }  # fmt: skip
        for name, value in given.items():
            one[name] = value
        first_member[base] = slot
        for case, text in enumerate((definition.symbol.upper(), definition.symbol.lower())):
            symbols[slot, case, : len(text)] = np.frombuffer(text.encode(), np.uint8)
    betas = draws.Draws(seed, 1)
    movers = np.zeros(len(bases) + 1, BASE)
    movers["beta"] = [160 + betas.below(160) for _ in range(len(bases) + 1)]
    movers["first_member"] = first_member
    actors = count + len(movers)
    leaves = 1 << (actors - 1).bit_length()
    session = np.zeros(len(SESSION), np.int64)
    session[[START_MS, ACTIVITY, REGIME_ACTIVITY, VOLATILITY, BOOST_HALF]] = (
        start_ns // 1_000_000, activity, 256, 256, 10**9,
    )  # fmt: skip
    return Market(
        instruments=instruments,
        bases=movers,
        prices=np.zeros((count, 2, LEVELS), np.int64),
        lots=np.zeros((count, 2, LEVELS), np.int64),
        counts=np.zeros((count, 2), np.int64),
        changed=np.zeros((count, CHANGES_MAX, 3), np.int64),
        times=np.full(leaves, NEVER, np.int64),
        winners=_first_round(leaves),
        touch=np.array([h.touch for h in HABITS], np.int64),
        orders=np.array([h.orders for h in HABITS], np.int64),
        fills=np.array([h.fills for h in HABITS], np.int64),
        sweeps=np.array(SWEEPS, np.int64),
        impacts=np.array(draws.LOGNORMAL, np.int64) * MOVE_MEDIAN // 1000,
        symbols=symbols,
        words=_words(seed),
        session=session,
    )


NEVER = 2**62
IDS_EVERY_NS = 1_000
"""Update ids begin at the start's time in this unit: a session takes fewer than one in each."""
TRADE_IDS_EVERY_NS = 100_000


def _words(seed: int) -> npt.NDArray[np.uint64]:
    return np.array([draws.Draws(seed).word()], np.uint64)


def _first_round(leaves: int) -> Ints:
    """A tournament in which nobody has a time yet."""
    winners = np.zeros(2 * leaves, np.int64)
    winners[leaves:] = np.arange(leaves)
    for at in range(leaves - 1, 0, -1):
        winners[at] = winners[2 * at]
    return winners
