"""Charts as inline SVG: percentile curves, values over time, and a map of hops over time. Plain text, no library.

Colours come from the page's style sheet by class (``c0`` to ``c5`` for runs), so that one page looks of a piece.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

LEFT, RIGHT, TOP, BOTTOM = 62, 14, 12, 30
"""Room around a plot, px."""
HEAT_STEPS = 6
"""Shades of the map: how many doublings above the usual there are."""
NINES = (0.0, 50.0, 90.0, 99.0, 99.9, 99.99, 99.999)
LABEL_PX = 38
"""Room that a label of a percentile needs."""
RUNS_MAX = 6
"""Colours there are."""


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a chart: points (x, y), y > 0, in the x's order. ``end`` is where a curve's 100% lies, a percentile."""

    name: str
    points: Sequence[tuple[float, float]]
    colour: str
    dash: bool = False
    end: float = 99.9999


def us(value: float) -> str:
    """A latency for an axis or a table.

    >>> us(0.5), us(950), us(1_500), us(2_000_000), us(123_456)
    ('0.5 µs', '950 µs', '1.5 ms', '2 s', '123 ms')
    """
    for unit, name in ((1_000_000.0, "s"), (1_000.0, "ms"), (1.0, "µs")):
        if abs(value) >= unit or unit == 1.0:
            scaled = value / unit
            return f"{scaled:.0f} {name}" if scaled >= 100 else f"{scaled:.3g} {name}"
    return ""


def percentiles(lines: Sequence[Line], width: int, height: int, bounds: Sequence[tuple[float, float]] = ()) -> str:
    """Percentile curves as HdrHistogram draws them: each further nine as far as the one before; y is logarithmic.

    Args:
        lines: Points (percentile, us).
        width: px.
        height: px.
        bounds: (percentile, us) allowed, drawn as marks.
    """
    shown = [
        Line(line.name, [(_nines(min(p, line.end)), v) for p, v in line.points if v > 0], line.colour) for line in lines
    ]
    shown = [line for line in shown if line.points]
    if not shown:
        return _nothing(width, height)
    top = max(x for line in shown for x, _ in line.points)
    low, high = _decades([v for line in shown for _, v in line.points] + [v for _, v in bounds])
    frame = _Frame(width, height, 0.0, max(top, 1.0), low, high)
    parts = [frame.y_axis()]
    last = float(-LABEL_PX)
    for nine in NINES:
        x = frame.at(_nines(nine), high)[0]
        if _nines(nine) <= top + 1e-9:
            parts.append(frame.x_tick(_nines(nine), f"{nine:g}%" if x - last >= LABEL_PX else ""))
            last = x if x - last >= LABEL_PX else last
    for percentile, value in bounds:
        x, y = frame.at(min(_nines(percentile), top), value)
        parts.append(f'<path class="bound" d="M{x - 14:.1f} {y:.1f}h28"><title>budget p{percentile:g}: {us(value)}'
                     f"</title></path>")  # fmt: skip
    parts += [_path(frame, line) for line in shown]
    parts += [_dots(frame, line) for line in lines]
    return _svg(width, height, parts)


def over_time(
    lines: Sequence[Line], width: int, height: int, seconds: float, bursts: Sequence[tuple[float, float]] = (),
    spikes: Sequence[tuple[float, str]] = (),
) -> str:  # fmt: skip
    """Values over seconds, y logarithmic; bursts shaded, spikes marked at the top."""
    shown = [line for line in lines if line.points]
    if not shown:
        return _nothing(width, height)
    low, high = _decades([v for line in shown for _, v in line.points if v > 0])
    frame = _Frame(width, height, 0.0, max(seconds, 1e-9), low, high)
    parts = [_shade(frame, bursts), frame.y_axis(), _seconds(frame, seconds)]
    parts += [_path(frame, line) for line in shown]
    for at, said in spikes:
        x, _ = frame.at(at, high)
        parts.append(f'<path class="spike" d="M{x:.1f} {TOP + 9}l-4.5 -8h9z"><title>{escape(said)}</title></path>')
    return _svg(width, height, parts)


def area(points: Sequence[tuple[float, float]], width: int, height: int, seconds: float,
         bursts: Sequence[tuple[float, float]] = ()) -> str:  # fmt: skip
    """A rate over seconds, filled, from 0."""
    if not points or max(v for _, v in points) <= 0:
        return _nothing(width, height)
    high = max(v for _, v in points) * 1.08
    frame = _Frame(width, height, 0.0, max(seconds, 1e-9), 0.0, high, logarithmic=False)
    base = frame.at(0, 0)[1]
    corners = [frame.at(x, y) for x, y in points]
    path = f"M{corners[0][0]:.1f} {base:.1f}" + "".join(f"L{x:.1f} {y:.1f}" for x, y in corners)
    path += f"L{corners[-1][0]:.1f} {base:.1f}z"
    parts = [_shade(frame, bursts), frame.y_axis(), _seconds(frame, seconds), f'<path class="area" d="{path}"/>']
    return _svg(width, height, parts)


def heat(rows: Sequence[tuple[str, Sequence[tuple[int, float, str]]]], slices: int, width: int) -> str:
    """A map: hops downwards, slices of time across; the darker, the further above the hop's usual.

    Args:
        rows: Name, and (slice, doublings above the usual, what to say) of each that is above.
        slices: How many there are.
        width: px.
    """
    left, row_height = 160, 20
    height = len(rows) * row_height + 4
    step = (width - left - RIGHT) / max(slices, 1)
    parts = []
    for i, (name, cells) in enumerate(rows):
        y = 2 + i * row_height
        parts.append(f'<text class="label" x="{left - 8}" y="{y + 14}" text-anchor="end">{escape(name)}</text>')
        whole = f'x="{left}" y="{y}" width="{width - left - RIGHT}" height="{row_height - 3}"'
        parts.append(f'<rect class="heat0" {whole}/>')
        for at, doublings, said in cells:
            shade = min(max(math.ceil(doublings), 1), HEAT_STEPS)
            parts.append(f'<rect class="heat{shade}" x="{left + at * step:.2f}" y="{y}" width="{step + 0.4:.2f}" '
                         f'height="{row_height - 3}"><title>{escape(said)}</title></rect>')  # fmt: skip
    return _svg(width, height, parts)


class _Frame:
    def __init__(
        self, width: int, height: int, x0: float, x1: float, y0: float, y1: float, *, logarithmic: bool = True
    ) -> None:
        self.width, self.height = width, height
        self._x = (x0, x1)
        self._y = (y0, y1)
        self._logarithmic = logarithmic

    def at(self, x: float, y: float) -> tuple[float, float]:
        """Pixels of a point."""
        x0, x1 = self._x
        low, high = self._y
        share = (x - x0) / (x1 - x0)
        if self._logarithmic:
            up = (math.log10(max(y, low)) - math.log10(low)) / (math.log10(high) - math.log10(low))
        else:
            up = (y - low) / (high - low)
        return (LEFT + share * (self.width - LEFT - RIGHT),
                self.height - BOTTOM - min(max(up, 0.0), 1.0) * (self.height - TOP - BOTTOM))  # fmt: skip

    def y_axis(self) -> str:
        """Lines across, with their values."""
        parts = []
        for value, said in self._ticks():
            _, y = self.at(self._x[0], value)
            parts.append(f'<path class="grid" d="M{LEFT} {y:.1f}H{self.width - RIGHT}"/><text class="tick" '
                         f'x="{LEFT - 7}" y="{y + 3.5:.1f}" text-anchor="end">{said}</text>')  # fmt: skip
        return "".join(parts)

    def x_tick(self, x: float, said: str) -> str:
        """One mark of the x axis."""
        at, _ = self.at(x, self._y[1])
        bottom = self.height - BOTTOM
        return (f'<path class="grid" d="M{at:.1f} {TOP}V{bottom}"/><text class="tick" x="{at:.1f}" y="{bottom + 16}" '
                f'text-anchor="middle">{escape(said)}</text>')  # fmt: skip

    def _ticks(self) -> list[tuple[float, str]]:
        low, high = self._y
        if not self._logarithmic:
            step = _nice(high / 3)
            return [(i * step, f"{i * step:,.0f}") for i in range(int(high / step) + 1)]
        first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
        return [(10.0**e, us(10.0**e)) for e in range(first, last + 1) if low * 0.999 <= 10.0**e <= high * 1.001]


def _nines(percentile: float) -> float:
    """How far along the axis: 0 at 0%, 1 at 90%, 2 at 99%; 100% lies where 99.9999% would."""
    return -math.log10(max(1 - percentile / 100, 1e-6))


def _decades(values: Sequence[float]) -> tuple[float, float]:
    """Whole decades that hold all values."""
    positive = [v for v in values if v > 0]
    low = 10.0 ** math.floor(math.log10(min(positive)))
    high = 10.0 ** math.ceil(math.log10(max(positive)))
    return low, high if high > low else low * 10


def _nice(step: float) -> float:
    scale = 10.0 ** math.floor(math.log10(max(step, 1e-9)))
    return next(m * scale for m in (1, 2, 5, 10) if m * scale >= step)


def _path(frame: _Frame, line: Line) -> str:
    points = [frame.at(x, y) for x, y in line.points]
    path = "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in points)
    kind = f"line {line.colour}{' dash' if line.dash else ''}"
    return f'<path class="{kind}" d="{path}"><title>{escape(line.name)}</title></path>'


def _dots(frame: _Frame, line: Line) -> str:
    """The percentiles that people ask for, with their values when pointed at."""
    parts = []
    for p, value in line.points:
        if value > 0 and p in (50.0, 99.0, 99.9, 100.0):
            x, y = frame.at(_nines(min(p, line.end)), value)
            said = f"{line.name}: {'max' if p == 100.0 else f'p{p:g}'} {us(value)}"
            parts.append(f'<circle class="dot {line.colour}" cx="{x:.1f}" cy="{y:.1f}" r="2.6"><title>{escape(said)}'
                         f"</title></circle>")  # fmt: skip
    return "".join(parts)


def _shade(frame: _Frame, spans: Sequence[tuple[float, float]]) -> str:
    parts = []
    for begin, end in spans:
        x0, x1 = frame.at(begin, 1)[0], frame.at(end, 1)[0]
        parts.append(f'<rect class="burst" x="{x0:.1f}" y="{TOP}" width="{max(x1 - x0, 1.5):.1f}" '
                     f'height="{frame.height - TOP - BOTTOM}"><title>burst</title></rect>')  # fmt: skip
    return "".join(parts)


def _seconds(frame: _Frame, seconds: float) -> str:
    step = _nice(max(seconds, 1e-3) / 8)
    unit, scale = ("s", 1) if seconds < 300 else ("min", 60)
    ticks = (i * step for i in range(int(seconds / step) + 1))
    return "".join(frame.x_tick(at, f"{at / scale:.4g} {unit}") for at in ticks)


def _nothing(width: int, height: int) -> str:
    return _svg(width, height, [f'<text class="tick" x="{width / 2:.0f}" y="{height / 2:.0f}" text-anchor="middle">'
                                "nothing was measured</text>"])  # fmt: skip


def _svg(width: int, height: int, parts: Sequence[str]) -> str:
    return f'<svg viewBox="0 0 {width} {height}" role="img">{"".join(parts)}</svg>'
