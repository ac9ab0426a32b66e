"""Plots and the table of ``docs/simulator.md``: the simulator beside recorded markets.

``uv run --group plots python docs/simulator/figures.py CAPTURES_FOLDER``, with the folder of the recorded captures.

Both sides go through the same measures (``feeds/market_statistics.py``); the simulated session has the
ordinary activity and no events but changes of volatility, as the recorded minutes had none of the others.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np

from feeds.captures import open_captures
from feeds.definitions import DEFINITIONS
from feeds.market_statistics import Tape, autocorrelation, measures, return_correlation, returns_bps, tapes
from feeds.simulated_events import session_events
from feeds.simulated_instruments import simulated_definitions
from feeds.simulator import SESSION_START_NS, simulate

HERE = Path(__file__).parent
INSTRUMENTS = ("spot:BTCUSDT", "spot:ETHUSDT", "linear:BTCUSDT", "inverse:BTCUSD_PERP")
SECONDS = 360
SEED = 1
REAL, MADE = "#1f3b57", "#e07b39"
MARKS = ("<!-- table: begin -->", "<!-- table: end -->")
TENTH_NS = 100_000_000


def main(folder: Path) -> None:
    """Write the plots, and the table into the page."""
    recorded: dict[str, Tape] = {}
    for path in sorted(folder.glob("*.gz")):
        recorded.update(tapes(open_captures([path]), DEFINITIONS))
    made = tapes(simulate(SECONDS, SEED, instruments=5, activity=100, events=["regime"]), simulated_definitions(5))
    plots = _plots()
    for name, draw in (
        ("inter-arrival", _gaps), ("spread", _spreads), ("autocorrelation", _autocorrelations), ("size", _sizes),
    ):  # fmt: skip
        figure, axes = plots.subplots(1, len(INSTRUMENTS), figsize=(15, 3.6), layout="constrained")
        for at, (axis, instrument) in enumerate(zip(axes, INSTRUMENTS, strict=True)):
            draw(axis, recorded[instrument], made[instrument])
            axis.set_title(instrument)
            axis.grid(alpha=0.25, linewidth=0.6)
            if at == 0:
                axis.legend(frameon=False, fontsize=8)
        _save(plots, figure, name)
    _session(plots)
    _write_table(recorded, made)


def _plots() -> Any:
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plots

    plots.rcParams.update({"font.size": 9, "axes.spines.top": False, "axes.spines.right": False})
    return plots


def _save(plots: Any, figure: Any, name: str, dpi: int = 90) -> None:
    figure.savefig(HERE / f"{name}.png", dpi=dpi)
    plots.close(figure)


def _above(axis: Any, values: Any, **style: Any) -> None:
    """Share of values that are larger, on logarithmic axes."""
    ordered = np.sort(values)
    shares = 1 - np.arange(len(ordered)) / len(ordered)
    kept = np.unique(np.geomspace(1, len(ordered), 400).astype(int))
    kept = np.unique(np.concatenate([kept - 1, len(ordered) - kept]))
    axis.plot(ordered[kept], shares[kept], drawstyle="steps-post", linewidth=1.4, **style)
    axis.set_xscale("log")
    axis.set_yscale("log")


def _gaps(axis: Any, recorded: Tape, made: Tape) -> None:
    for tape, colour, label in ((recorded, REAL, "recorded"), (made, MADE, "simulated")):
        _above(axis, np.diff(tape.times) / 1e6, color=colour, label=label)
    axis.set_xlim(1e-4, 1e3)
    axis.set_ylim(1e-5, 1.2)
    axis.set_xlabel("time between messages, ms")
    axis.set_ylabel("share above")


def _spreads(axis: Any, recorded: Tape, made: Tape) -> None:
    for tape, colour, label in ((recorded, REAL, "recorded"), (made, MADE, "simulated")):
        _above(axis, tape.asks - tape.bids, color=colour, label=label)
    axis.set_ylim(1e-4, 1.2)
    axis.set_xlabel("spread at a quote, ticks")
    axis.set_ylabel("share above")


def _autocorrelations(axis: Any, recorded: Tape, made: Tape) -> None:
    lags = range(1, 31)
    for tape, colour, label in ((recorded, REAL, "recorded"), (made, MADE, "simulated")):
        returns = returns_bps(tape, TENTH_NS)
        axis.plot(lags, [autocorrelation(tape.trade_signs, n) for n in lags], color=colour, label=f"{label}: signs")
        axis.plot(lags, [autocorrelation(np.abs(returns), n) for n in lags], color=colour, linestyle="--",
                  label=f"{label}: |return|, 0.1 s")  # fmt: skip
        axis.plot(lags, [autocorrelation(returns, n) for n in lags], color=colour, linestyle=":",
                  label=f"{label}: return, 0.1 s")  # fmt: skip
    axis.axhline(0, color="black", linewidth=0.5)
    axis.set_ylim(-0.2, 1)
    axis.set_xlabel("lag (trades, or 0.1 s)")
    axis.set_ylabel("autocorrelation")


def _sizes(axis: Any, recorded: Tape, made: Tape) -> None:
    for tape, colour, label in ((recorded, REAL, "recorded"), (made, MADE, "simulated")):
        _above(axis, tape.trade_sizes, color=colour, label=f"{label}: trades")
        _above(axis, tape.bid_sizes, color=colour, label=f"{label}: at the bid", linestyle="--")
    axis.set_ylim(1e-4, 1.2)
    axis.set_xlabel("size, lots")
    axis.set_ylabel("share above")


def _session(plots: Any) -> None:
    """A default session's first minute: prices, messages, and what the plan says."""
    made = tapes(simulate(60, SEED), simulated_definitions(3))
    figure, (prices, rates) = plots.subplots(2, 1, figsize=(15, 6), sharex=True, layout="constrained")
    for instrument, colour in zip(INSTRUMENTS[:3], (REAL, "#5a9367", MADE), strict=True):
        tape = made[instrument]
        mids = (tape.bids + tape.asks) / 2
        seconds = (tape.quote_times - SESSION_START_NS) / 1e9
        prices.plot(seconds[::5], 1e4 * (mids[::5] / mids[0] - 1), color=colour, linewidth=1, label=instrument)
        counts, edges = np.histogram((tape.times - SESSION_START_NS) / 1e9, np.arange(0, 60.1, 0.25))
        rates.plot(edges[:-1], counts * 4, color=colour, linewidth=1)
    for at, event in enumerate(e for e in session_events(60, SEED) if e.at_ns):
        prices.axvline(event.at_ns / 1e9, color="black", linewidth=0.6, alpha=0.5)
        prices.annotate(event.kind, (event.at_ns / 1e9, 0.97 - 0.08 * (at % 3)), fontsize=8,
                        xycoords=("data", "axes fraction"), xytext=(2, 0), textcoords="offset points")  # fmt: skip
    prices.set_ylabel("mid, bps from the start")
    prices.legend(frameon=False, loc="lower left")
    rates.set_ylabel("messages a second")
    rates.set_yscale("log")
    rates.set_xlabel("session time, s")
    _save(plots, figure, "session", dpi=75)


def _write_table(recorded: dict[str, Tape], made: dict[str, Tape]) -> None:
    sides = [(measures(recorded[i]), measures(made[i])) for i in INSTRUMENTS]
    lines = ["| measure | " + " | ".join(f"{i.replace(':', ' ')}: recorded | simulated" for i in INSTRUMENTS) + " |",
             "| --- |" + " ---: |" * (2 * len(INSTRUMENTS))]  # fmt: skip
    for name in sides[0][0]:
        cells = [_shown(side[name]) for pair in sides for side in pair]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    pairs = [("spot:BTCUSDT", "linear:BTCUSDT"), ("spot:BTCUSDT", "spot:ETHUSDT")]
    lines += ["", "| correlation of returns over 1 s | recorded | simulated |", "| --- | ---: | ---: |"]
    for one, other in pairs:
        real, simulated = (return_correlation(side[one], side[other]) for side in (recorded, made))
        lines.append(f"| {one} and {other} | {real:.2f} | {simulated:.2f} |")
    page = HERE.parent / "simulator.md"
    before, _, rest = page.read_text(encoding="utf-8").partition(MARKS[0])
    _, _, after = rest.partition(MARKS[1])
    page.write_text("\n".join([before + MARKS[0], *lines, MARKS[1] + after]), encoding="utf-8")


def _shown(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


if __name__ == "__main__":
    main(Path(sys.argv[1]))
