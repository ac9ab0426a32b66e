"""A run while it goes: a panel on a terminal, a line every few seconds elsewhere, nothing where JSON was asked for."""

from __future__ import annotations

import sys
from collections import Counter, deque
from dataclasses import dataclass, field
from typing import Any, Protocol

from console.figures import count, duration, latency, moment, rate, time_of_day
from console.terminal import complain, is_screen
from streams.clock import monotonic_s

LINE_EVERY_S = 5.0
"""Seconds between lines where no terminal is."""
REDRAWS_PER_S = 4
BAR_WIDTH = 30
WIDTH_MAX = 80
VALUE_WIDTH_MAX = 56
DENIALS_SHOWN_MAX = 3
RATE_WINDOW_S = 3.0
"""The rate shown is that of the last few seconds."""


@dataclass(slots=True)
class Figures:
    """What is shown. ``share`` and ``left_s`` are None where the end is not known."""

    stage: str = ""
    log_time_ns: int = 0
    share: float | None = None
    left_s: float | None = None
    elapsed_s: float = 0.0
    ticks: int = 0
    ticks_per_s: float = 0.0
    orders: int = 0
    denied: int = 0
    denials: Counter[str] = field(default_factory=Counter)
    executions: int = 0
    p50_us: float | None = None
    p99_us: float | None = None


class View(Protocol):
    """Where progress is shown.

    Attributes:
        wants_figures: Whether it is worth anyone's while to gather them.
    """

    wants_figures: bool

    def say(self, line: str) -> None:
        """One line that stays."""
        ...

    def stage(self, text: str) -> None:
        """What is being done now."""
        ...

    def show(self, figures: Figures) -> None:
        """The newest figures."""
        ...

    def close(self) -> None:
        """Leave the screen as it was."""
        ...


class Silence:
    """Shows lines only: what was rejected, what died."""

    wants_figures = False

    def say(self, line: str) -> None:
        """One line on standard error."""
        complain(line)

    def stage(self, text: str) -> None:
        """Not shown."""

    def show(self, figures: Figures) -> None:
        """Not shown."""

    def close(self) -> None:
        """Nothing to leave."""


class Lines(Silence):
    """One line every ``LINE_EVERY_S``, whatever happens."""

    wants_figures = True

    def __init__(self) -> None:
        self._next_s = 0.0

    def stage(self, text: str) -> None:
        """Shown when a line is due."""
        if self._due():
            complain(text, event="stage")

    def show(self, figures: Figures) -> None:
        """Shown when a line is due."""
        if self._due():
            complain(as_line(figures), event="progress")

    def _due(self) -> bool:
        now_s = monotonic_s()
        if now_s < self._next_s:
            return False
        self._next_s = now_s + LINE_EVERY_S
        return True


class Panel:
    """Redrawn in place on standard error by rich, at most 80 columns wide."""

    wants_figures = True

    def __init__(self, title: str) -> None:
        from rich.console import Console
        from rich.live import Live

        self._title = title
        self._figures = Figures()
        self._console = Console(stderr=True, highlight=False)
        self._live = Live(
            get_renderable=self._draw, console=self._console, refresh_per_second=REDRAWS_PER_S, transient=True
        )
        self._live.start()

    def say(self, line: str) -> None:
        """One line above the panel."""
        self._console.print(line, markup=False, soft_wrap=True)

    def stage(self, text: str) -> None:
        """Shown at the panel's head until the next."""
        self._figures.stage = text

    def show(self, figures: Figures) -> None:
        """Drawn at the next refresh."""
        figures.stage = figures.stage or self._figures.stage
        self._figures = figures

    def close(self) -> None:
        """Take the panel away."""
        self._live.stop()

    def _draw(self) -> Any:
        from rich.console import Group
        from rich.table import Table
        from rich.text import Text

        figures = self._figures
        head = Text.assemble((self._title, "bold"), "  ", (figures.stage, "cyan"))
        head.truncate(min(self._console.width, WIDTH_MAX), overflow="ellipsis")
        if not figures.log_time_ns:
            return head
        table = Table.grid(padding=(0, 2))
        table.add_column(style="dim")
        # Short of the edge: where a line is full, the ^C that a terminal echoes would begin the next one.
        table.add_column(no_wrap=True, overflow="ellipsis", max_width=VALUE_WIDTH_MAX)
        for name, value in as_rows(figures):
            table.add_row(name, value)
        return Group(head, *self._bar(), table)

    def _bar(self) -> list[Any]:
        from rich.columns import Columns
        from rich.progress_bar import ProgressBar

        figures = self._figures
        if figures.share is None:
            return []
        left = "" if figures.left_s is None else f"{duration(figures.left_s)} left"
        return [
            Columns([ProgressBar(total=1.0, completed=figures.share, width=BAR_WIDTH), f"{figures.share:4.0%}", left])
        ]


def open_view(title: str, *, as_json: bool) -> View:
    """The view that suits standard error and what was asked for."""
    if is_screen(sys.stderr):
        return Panel(title)
    return Silence() if as_json else Lines()


def as_rows(figures: Figures) -> list[tuple[str, str]]:
    """Names and values, as the panel shows them."""
    denials = ", ".join(f"{name} {count(n)}" for name, n in figures.denials.most_common(DENIALS_SHOWN_MAX))
    return [
        ("event clock", f"{moment(figures.log_time_ns)} UTC   running {duration(figures.elapsed_s)}"),
        ("ticks", f"{count(figures.ticks)}   {rate(figures.ticks_per_s)}"),
        ("orders", f"{count(figures.orders)}   executions {count(figures.executions)}"),
        ("denied", f"{count(figures.denied)}   {denials}".rstrip()),
        ("tick to order", f"p50 {latency(figures.p50_us)}   p99 {latency(figures.p99_us)}"),
    ]


def as_line(figures: Figures) -> str:
    """All of it in one line."""
    left = "" if figures.left_s is None else f", {duration(figures.left_s)} left"
    return (
        f"{figures.stage}: {time_of_day(figures.log_time_ns)} UTC, {count(figures.ticks)} ticks "
        f"({rate(figures.ticks_per_s)}), {count(figures.orders)} orders, {count(figures.denied)} denied, "
        f"tick to order p50 {latency(figures.p50_us)} p99 {latency(figures.p99_us)}{left}"
    )


class Meter:
    """Rate over the last ``RATE_WINDOW_S``."""

    def __init__(self) -> None:
        self._points: deque[tuple[float, int]] = deque()

    def rate(self, now_s: float, total: int) -> float:
        """Events a second, given how many there have been by now."""
        self._points.append((now_s, total))
        while len(self._points) > 2 and now_s - self._points[0][0] > RATE_WINDOW_S:
            self._points.popleft()
        (first_s, first), (last_s, last) = self._points[0], self._points[-1]
        return (last - first) / (last_s - first_s) if last_s > first_s else 0.0
