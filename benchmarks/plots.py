"""Plots of the committed baseline, as they stand in ``docs/performance``. Needs the dependency group ``plots``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.processes import REPOSITORY
from schemas.errors import ConfigError

FOLDER = REPOSITORY / "docs" / "performance"
COLOURS = {"hot": "#c0392b", "echo": "#2c6fbb"}
NAMES = {"hot": "Tapedeck", "echo": "bare echo"}
WIDTH, HEIGHT, DPI = 8.0, 3.4, 100
US_PER_MS = 1_000
RATES = ("tick-to-intent-1k", "tick-to-intent-10k", "tick-to-intent-50k")
TICKS = (0, 50, 90, 99, 99.9, 99.99)


def draw_all(results: Mapping[str, Any], folder: Path = FOLDER) -> list[Path]:
    """Draw every plot whose benchmarks the results hold; the files written.

    Raises:
        ConfigError: There is no matplotlib.
    """
    try:
        import matplotlib as mpl
    except ImportError as error:
        raise ConfigError("matplotlib is not installed", fix="run: uv sync --group plots") from error
    mpl.use("Agg")
    folder.mkdir(parents=True, exist_ok=True)
    found = results["benchmarks"]
    drawn = []
    for name, needs, draw in (
        ("throughput", ("flat-kafka-256", "flat-kafka-1"), throughput),
        ("latency", RATES, latency),
        ("burst", ("burst",), burst),
    ):
        if all(found.get(n, {}).get("detail") for n in needs):
            path = folder / f"{name}.png"
            draw(found, path)
            drawn.append(path)
    return drawn


def throughput(found: dict[str, Any], path: Path) -> None:
    """Ratio to the echo, pair by pair, with the bound."""
    figure, axes = _axes(2, "ratio to the echo")
    for axis, name in zip(axes, ("flat-kafka-256", "flat-kafka-1"), strict=True):
        ratio = found[name]["figures"][0]
        bars = axis.bar(range(1, len(ratio["values"]) + 1), ratio["values"], color=COLOURS["hot"], width=0.6)
        axis.bar_label(bars, fmt="%.2f", fontsize=8)
        axis.axhline(ratio["bound"]["at_least"], color="black", linewidth=1, linestyle="--")
        rows = name.rsplit("-", 1)[1]
        hot, echo = (next(f["median"] for f in found[name]["figures"] if f["name"] == side) for side in ("hot", "echo"))
        axis.set_title(
            f"{rows} row{'s' * (rows != '1')} a frame: {hot / 1e6:.2f} M ticks/s, echo {echo / 1e6:.2f} M", fontsize=9
        )
        axis.set_xlabel("pair (dashed: the bound)")
        axis.set_ylim(0, max(1.0, *ratio["values"]) * 1.12)
    _save(figure, path)


def latency(found: dict[str, Any], path: Path) -> None:
    """Percentile curves, as HdrHistogram draws them: each further nine as far as the one before."""
    from matplotlib.ticker import NullLocator

    figure, axes = _axes(3, "ms from the scheduled send")
    for axis, name in zip(axes, RATES, strict=True):
        for side, curve in found[name]["detail"]["curve_us"].items():
            points = [(1 / (1 - p / 100), us / US_PER_MS) for p, us in curve if p < 100]
            axis.plot(*zip(*points, strict=True), color=COLOURS[side], label=NAMES[side], linewidth=1.6)
        axis.set_xscale("log")
        axis.set_yscale("log")
        axis.set_xticks([1 / (1 - t / 100) for t in TICKS], [f"{t:g}" for t in TICKS], fontsize=7)
        axis.xaxis.set_minor_locator(NullLocator())
        axis.set_xlabel("percentile")
        axis.set_title(f"{int(name.rsplit('-', 1)[1][:-1]) * 1000:,} ticks/s", fontsize=9)
        axis.grid(alpha=0.3)
    axes[0].legend(fontsize=8)
    _share_y(axes)
    _save(figure, path)


def burst(found: dict[str, Any], path: Path) -> None:
    """Ticks due and not yet received, over one burst of each side."""
    figure, axes = _axes(1, "ticks behind")
    axis = axes[0]
    for side, points in found["burst"]["detail"]["lag"].items():
        axis.plot(*zip(*points, strict=True), color=COLOURS[side], label=NAMES[side], linewidth=1.2)
    rate = found["burst"]["detail"]["rate"]
    axis.axvspan(0, 1_000, color="black", alpha=0.06, linewidth=0)
    axis.set_xlabel(
        f"ms; shaded: {rate['burst']:,} ticks/s, with 1 ms in each tenth of a second at {rate['spike']:,}/s"
    )
    axis.legend(fontsize=8)
    axis.grid(alpha=0.3)
    _save(figure, path)


def _axes(count: int, label: str) -> tuple[Any, Any]:
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(1, count, figsize=(WIDTH, HEIGHT), squeeze=False, layout="constrained")
    axes[0][0].set_ylabel(label)
    return figure, axes[0]


def _share_y(axes: Any) -> None:
    low, high = min(a.get_ylim()[0] for a in axes), max(a.get_ylim()[1] for a in axes)
    for axis in axes:
        axis.set_ylim(low, high)


def _save(figure: Any, path: Path) -> None:
    from matplotlib import pyplot

    figure.savefig(path, dpi=DPI, metadata={"Software": None})
    pyplot.close(figure)
