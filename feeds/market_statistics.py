"""What a stretch of market data is like, in numbers: the same measures for recorded and for simulated messages.

The measures are the usual stylised facts of order-driven markets (Cont, "Empirical properties of asset returns", 2001;
Bouchaud, Farmer, Lillo, "How markets slowly digest changes in supply and demand", 2009): clustered arrivals, narrow
spreads with a long tail, heavy-tailed returns without memory of their sign and with memory of their size, persistent
signs of trades, heavy-tailed sizes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
import numpy.typing as npt

from feeds.messages import DEPTH, QUOTE, SNAPSHOT, TRADE
from feeds.player import Event
from feeds.venues import adapter_of
from schemas.definition import Definition
from streams.agent import Payload

Floats = npt.NDArray[np.float64]

BATCH = 4_096
"""Messages read at once."""

AT_ONCE_NS = 100_000
"""Messages nearer than this were read from the socket together."""

SECOND_NS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Tape:
    """One instrument's messages as arrays; times in ns, prices in ticks, sizes in lots.

    Attributes:
        times: Receive times of all messages but snapshots.
        quote_times, bids, asks: The touch and when it was said; bid_sizes: size at the bid.
        trade_times, trade_sizes, trade_signs: Trades; +1 where the buyer was the aggressor. trade_stamps: venue's time.
        levels: Changed levels by difference.
    """

    times: npt.NDArray[np.int64]
    quote_times: npt.NDArray[np.int64]
    bids: npt.NDArray[np.int64]
    asks: npt.NDArray[np.int64]
    bid_sizes: npt.NDArray[np.int64]
    trade_times: npt.NDArray[np.int64]
    trade_sizes: npt.NDArray[np.int64]
    trade_signs: npt.NDArray[np.int64]
    trade_stamps: npt.NDArray[np.int64]
    levels: npt.NDArray[np.int64]


def tapes(messages: Iterable[Event], definitions: Sequence[Definition]) -> dict[str, Tape]:
    """Messages by instrument; those that cannot be read are left out."""
    adapter = adapter_of("binance", definitions)
    parts: list[list[tuple[Any, ...]]] = [[] for _ in definitions]
    stream = iter(messages)
    while batch := list(islice(stream, BATCH)):
        read, _ = adapter.read([Payload("simulator", i, m.ts_recv, m.key, m.payload) for i, m in enumerate(batch)])
        for slot in np.unique(read.messages["slot"]).tolist():
            parts[slot].append(_columns(read, slot))
    found = {}
    for definition, runs in zip(definitions, parts, strict=True):
        if runs:
            columns = [np.concatenate(column) for column in zip(*runs, strict=True)]
            for prices in (2, 3):
                columns[prices] //= definition.price_increment
            found[definition.instrument] = Tape(*columns)
    return found


def _columns(read: Any, slot: int) -> tuple[Any, ...]:
    mine = read.messages[(read.messages["slot"] == slot) & (read.messages["kind"] != SNAPSHOT)]
    quotes, trades = mine[mine["kind"] == QUOTE], mine[mine["kind"] == TRADE]
    depth = mine[mine["kind"] == DEPTH]
    begin = quotes["begin"]
    return (
        mine["ts_recv"], quotes["ts_recv"], read.prices[begin], read.prices[begin + 1], read.sizes[begin],
        trades["ts_recv"], read.sizes[trades["begin"]], 1 - 2 * trades["seller"], trades["ts_event"],
        depth["bids"] + depth["asks"],
    )  # fmt: skip


def measures(tape: Tape) -> dict[str, float]:
    """The figures that ``docs/simulator.md`` compares."""
    seconds = float(tape.times[-1] - tape.times[0]) / SECOND_NS
    gaps = np.diff(tape.times)
    spreads = tape.asks - tape.bids
    second, tenth = returns_bps(tape, SECOND_NS), returns_bps(tape, SECOND_NS // 10)
    per_second = np.histogram(tape.times, np.arange(tape.times[0], tape.times[-1], SECOND_NS))[0]
    orders = 1 + int(np.count_nonzero(np.diff(tape.trade_stamps) | np.diff(tape.trade_signs)))
    return {
        "messages a second": len(tape.times) / seconds,
        "quotes a second": len(tape.quote_times) / seconds,
        "trades a second": len(tape.trade_times) / seconds,
        "differences a second": len(tape.levels) / seconds,
        "gap, share below 0.1 ms": float(np.mean(gaps < AT_ONCE_NS)),
        "gap, 90% (ms)": float(np.quantile(gaps, 0.9)) / 1e6,
        "gap, 99% (ms)": float(np.quantile(gaps, 0.99)) / 1e6,
        "gap, deviation by mean": float(gaps.std() / gaps.mean()),
        "messages in 1 s, variance by mean": float(per_second.var() / per_second.mean()),
        "trades an order": len(tape.trade_times) / orders,
        "spread, share at one tick": float(np.mean(spreads == 1)),
        "spread, mean (ticks)": float(spreads.mean()),
        "spread, 99% (ticks)": float(np.quantile(spreads, 0.99)),
        "return over 1 s, deviation (bps)": float(second.std()),
        "return over 1 s, kurtosis": float(((second - second.mean()) ** 4).mean() / second.var() ** 2),
        "return over 0.1 s, share of zeros": float(np.mean(tenth == 0)),
        "autocorrelation of returns, 1 s": autocorrelation(second, 1),
        "autocorrelation of sizes of returns, 1 s": autocorrelation(np.abs(second), 1),
        "autocorrelation of trade signs, lag 1": autocorrelation(tape.trade_signs, 1),
        "autocorrelation of trade signs, lag 20": autocorrelation(tape.trade_signs, 20),
        "trade size, median (lots)": float(np.median(tape.trade_sizes)),
        "trade size, 99% by median": float(np.quantile(tape.trade_sizes, 0.99) / np.median(tape.trade_sizes)),
        "touch size, median (lots)": float(np.median(tape.bid_sizes)),
        "touch size, 10% (lots)": float(np.quantile(tape.bid_sizes, 0.1)),
        "levels a difference, median": float(np.median(tape.levels)),
        "levels a difference, 99%": float(np.quantile(tape.levels, 0.99)),
    }


def returns_bps(tape: Tape, step_ns: int, start_ns: int | None = None) -> Floats:
    """Returns of the mid over steps of time, basis points."""
    first = int(tape.quote_times[0]) if start_ns is None else start_ns
    grid = np.arange(first, tape.quote_times[-1], step_ns)
    mids = (tape.bids + tape.asks)[np.searchsorted(tape.quote_times, grid, "right") - 1] / 2
    returns: Floats = np.diff(np.log(mids)) * 1e4
    return returns


def autocorrelation(values: npt.NDArray[Any], lag: int) -> float:
    """Correlation of a series with itself so many steps later; 0 of a series that never changes."""
    first, later = values[:-lag], values[lag:]
    if len(first) < 2 or first.std() == 0 or later.std() == 0:
        return 0.0
    return float(np.corrcoef(first, later)[0, 1])


def return_correlation(one: Tape, other: Tape, step_ns: int = SECOND_NS) -> float:
    """Correlation of two instruments' returns over the time that they share."""
    start = max(int(one.quote_times[0]), int(other.quote_times[0]))
    a, b = (returns_bps(tape, step_ns, start) for tape in (one, other))
    both = min(len(a), len(b))
    return float(np.corrcoef(a[:both], b[:both])[0, 1])
