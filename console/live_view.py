"""Where a run is shown while it goes: a panel on a terminal, a line now and then elsewhere.

``demo`` and ``up`` show on standard error, as their result goes to standard output; what ``top`` shows is its result.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

from console.figures import age, count, duration, latency, money, rate, time_of_day
from console.panel import draw
from console.panel_tables import recovering
from console.terminal import complain, is_screen
from streams.clock import monotonic_s

if TYPE_CHECKING:
    from replay.run_figures import RunFigures

LINE_EVERY_S = 5.0
"""Seconds between lines where no terminal is."""
REDRAWS_PER_S = 4


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
        """What is being done now, where no newer figures say so."""
        ...

    def show(self, figures: RunFigures) -> None:
        """The newest figures."""
        ...

    def close(self) -> None:
        """Leave the screen as it was."""
        ...


def _progress(line: str) -> None:
    complain(line, event="progress")


class Silence:
    """Shows lines only: what was rejected, what died."""

    wants_figures = False

    def say(self, line: str) -> None:
        """One line on standard error."""
        complain(line)

    def stage(self, text: str) -> None:
        """Not shown."""

    def show(self, figures: RunFigures) -> None:
        """Not shown."""

    def close(self) -> None:
        """Nothing to leave."""


class Lines(Silence):
    """One line every ``every_s``, whatever happens.

    Args:
        write: Where to.
        every_s: Seconds from one line to the next; 0: each one.
    """

    wants_figures = True

    def __init__(self, write: Callable[[str], None] = _progress, every_s: float = LINE_EVERY_S) -> None:
        self._write = write
        self._every_s = every_s
        self._next_s = 0.0

    def stage(self, text: str) -> None:
        """Shown when a line is due."""
        if self._due():
            complain(text, event="stage")

    def show(self, figures: RunFigures) -> None:
        """Shown when a line is due."""
        if self._due():
            self._write(as_line(figures))

    def _due(self) -> bool:
        now_s = monotonic_s()
        if now_s < self._next_s:
            return False
        self._next_s = now_s + self._every_s
        return True


class Panel:
    """Redrawn by rich: in place on standard error, or on a screen of its own on standard output.

    Args:
        title: Shown until there are figures.
        screen: A screen of its own: the terminal is as before when it is closed, but for the last figures.
        hint: Shown at the bottom where there is room.
    """

    wants_figures = True

    def __init__(self, title: str, *, screen: bool = False, hint: str = "") -> None:
        from rich.console import Console
        from rich.live import Live

        self._title = title
        self._hint = hint
        self._stage = ""
        self._screen = screen
        self._figures: RunFigures | None = None
        self._console = Console(stderr=not screen, highlight=False)
        self._live = Live(
            get_renderable=self._draw, console=self._console, refresh_per_second=REDRAWS_PER_S, screen=screen,
            transient=not screen,
        )  # fmt: skip
        self._live.start()

    def say(self, line: str) -> None:
        """One line above the panel."""
        self._console.print(line, markup=False, soft_wrap=True)

    def stage(self, text: str) -> None:
        """Shown at the panel's head until there are other figures."""
        self._stage = text

    def show(self, figures: RunFigures) -> None:
        """Drawn at the next refresh."""
        self._stage = ""
        self._figures = figures

    def close(self) -> None:
        """Take the panel away; from a screen of its own, the last figures stay behind."""
        if not self._live.is_started:
            return
        self._live.stop()
        self._hint = ""
        if self._screen and self._figures is not None:
            self._console.print(self._draw())

    def _draw(self) -> Any:
        from msgspec.structs import replace
        from rich.console import Group
        from rich.text import Text

        figures = self._figures
        if figures is None:
            head = Text.assemble((self._title, "bold"), "  ", (self._stage, "cyan"), no_wrap=True)
            head.truncate(max(1, self._console.width - 2), overflow="ellipsis")
            return head
        if self._stage:
            figures = replace(figures, stage=self._stage)
        width, height = self._console.size
        return Group(*draw(figures, width=width, height=height, hint=self._hint))


def open_view(title: str, *, as_json: bool) -> View:
    """The view that suits standard error and what was asked for."""
    if is_screen(sys.stderr):
        return Panel(title)
    return Silence() if as_json else Lines()


def as_line(figures: RunFigures) -> str:
    """What matters of it, in one line."""
    tick_to_order = figures.hops.get("tick_to_order")
    p50, p99 = (None, None) if tick_to_order is None else (tick_to_order.p50_us, tick_to_order.p99_us)
    parts = [
        f"{figures.stage}: {time_of_day(figures.log_time_ns)} UTC",
        f"{count(figures.ticks.total)} ticks ({rate(figures.ticks.per_s)})",
        f"{count(figures.orders.total)} orders, {count(figures.denied.total)} denied",
        f"tick to order p50 {latency(p50)} p99 {latency(p99)}",
    ]
    lagging = max((task for task in figures.tasks if task.lag), key=lambda task: task.lag or 0, default=None)
    if lagging is not None:
        parts.append(f"lag {count(lagging.lag or 0)} ({lagging.name})")
    parts += [f"pnl {money(m.total, m.decimals)} {currency}" for currency, m in figures.pnl.items()]
    if figures.gaps:
        parts.append(f"gaps {count(figures.gaps)}")
    if figures.dead_letters:
        parts.append(f"dead letters {count(sum(figures.dead_letters.values()))}")
    parts += [f"{task.name} HALTED: too much is refused" for task in figures.tasks if task.halted]
    parts += [
        f"{task.name} STALLED ({age(task.commit_age_s)})" for task in figures.tasks if task.stalled and not task.halted
    ]
    parts += [f"{task.name} {recovering(task.recovery)}" for task in figures.tasks if task.recovery is not None]
    if figures.trading_state != "ACTIVE" or figures.halts:
        parts.append(f"{figures.trading_state} ({len(figures.halts)} halts)")
    if figures.left_s is not None and not figures.ended:
        parts.append(f"{duration(figures.left_s)} left")
    return ", ".join(parts)
