"""The panel: figures of a run as lines, for any width from 80 and any height from 24. Draws nothing itself.

::

    state: run, stage, what may leave          1 line
    event clock, newest tick, time left        1
    counts; denials and dead letters           2
    tasks and money │ latency of each hop      side by side
    instruments                                one each, the rest folded
    halts in force                             one each, the rest folded

Where there is too little room, blank lines go first, then instruments that hold nothing and are sound, then hops.
Colour means something or is not there: red for a halt, a loss, a stall, a broken book; yellow for less than that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from console.figures import age, count, duration, moment, rate
from console.panel_tables import (
    BOLD,
    DIM,
    RED,
    STATE_STYLES,
    TASK_WIDTHS,
    YELLOW,
    halt_lines,
    hop_lines,
    instrument_lines,
    money_lines,
    task_lines,
    text,
)

if TYPE_CHECKING:
    from rich.text import Text

    from replay.run_figures import RunFigures

EDGE = 2
"""Columns left free: where a line is full, the ^C that a terminal echoes would begin the next one."""
REASONS_MAX = 3
WIDTH_MIN = 60
WIDTH_MAX = 140
BAR_WIDTH_MAX = 30
GAP = 3
INSTRUMENTS_MIN = 2
HALTS_MIN = 2
BLANKS_MAX = 3
TICK_AGE_S_MAX = 5.0
"""An older newest tick is shown as trouble."""


def draw(figures: RunFigures, *, width: int, height: int, hint: str = "") -> list[Text]:
    """Lines of the panel, at most ``height``, each narrower than ``width``.

    Args:
        figures: What to show.
        width: Columns of the terminal.
        height: Its lines.
        hint: Shown at the bottom where there is room.
    """
    wide = max(WIDTH_MIN, min(width, WIDTH_MAX)) - EDGE
    head = [_state(figures, wide), _clock(figures, wide), _counts(figures, wide), _trouble(figures, wide)]
    left = [*task_lines(figures), *money_lines(figures)]
    right = hop_lines(figures, wide - sum(TASK_WIDTHS) - GAP)
    most = _allotted(height - len(head), max(len(left), len(right)), len(figures.instruments), len(figures.halts))
    lines = [*head, *_blank(most.blanks > 0), *_beside(left, right, most.middle, sum(TASK_WIDTHS))]
    lines += [*_blank(most.blanks > 1), *instrument_lines(figures.instruments, most.instruments)]
    lines += [*_blank(most.blanks > 2 and most.halts > 0), *halt_lines(list(figures.halts), most.halts)]
    if hint and len(lines) + 1 < height:
        lines += [text(""), text(hint, DIM)] if len(lines) + 2 <= height else [text(hint, DIM)]
    for line in lines:
        line.truncate(wide, overflow="ellipsis")
    return lines[:height]


class _Most(NamedTuple):
    """Lines that each part gets; of instruments without their heading."""

    blanks: int
    middle: int
    instruments: int
    halts: int


def _allotted(room: int, middle: int, instruments: int, halts: int) -> _Most:
    """Share ``room`` lines out among what would like to have so many."""
    halts = min(halts, max(HALTS_MIN, room - middle - instruments - 1))
    spare = room - middle - (1 + instruments) - halts
    blanks = max(0, min(BLANKS_MAX, spare))
    if spare < 0:
        kept = max(min(instruments, INSTRUMENTS_MIN), instruments + spare)
        spare, instruments = spare + instruments - kept, kept
    if spare < 0:
        middle = max(1, middle + spare)
    return _Most(blanks, middle, instruments, halts)


def _blank(wanted: bool) -> list[Any]:
    return [text("")] if wanted else []


def _state(figures: RunFigures, wide: int) -> Any:
    line = text("")
    line.append(f"tapedeck {figures.run}", BOLD)
    line.append(f"  {figures.mode} from {figures.source}  ")
    line.append(figures.stage, "cyan")
    if figures.sampled:
        line.append("  sampled", DIM)
    state = figures.trading_state
    line.append(" " * max(2, wide - len(line.plain) - len(state)))
    line.append(state, STATE_STYLES[state])
    return line


def _clock(figures: RunFigures, wide: int) -> Any:
    line = text(f"{moment(figures.log_time_ns)} UTC")
    if figures.tick_age_s is not None and not figures.ended:
        late = figures.tick_age_s > TICK_AGE_S_MAX
        line.append(f"  tick {age(figures.tick_age_s)} ago", RED if late else None)
    if figures.share is None or figures.ended:
        line.append(f"  {'ran' if figures.ended else 'up'} {duration(figures.elapsed_s)}")
        return line
    left = "" if figures.left_s is None else f" {duration(figures.left_s)} left"
    tail = f"] {figures.share:.0%}{left}"
    bar = min(BAR_WIDTH_MAX, wide - len(line.plain) - len("  [") - len(tail))
    done = round(figures.share * bar)
    line.append(f"  [{'#' * done}{'-' * (bar - done)}{tail}")
    return line


def _counts(figures: RunFigures, wide: int) -> Any:
    """As many as there is room for, the rates that matter least left out first."""
    tallies = [
        ("ticks", figures.ticks), ("intents", figures.intents), ("orders", figures.orders),
        ("denied", figures.denied), ("executions", figures.executions),
    ]  # fmt: skip
    for rates in range(len(tallies), -1, -1):
        line = text("")
        for i, (name, tally) in enumerate(tallies):
            line.append(f"{name} ", DIM)
            line.append(count(tally.total) + (f" {rate(tally.per_s)}" if i < rates and tally.per_s else ""))
            line.append("  ")
        line.rstrip()
        if len(line.plain) <= wide:
            break
    return line


def _trouble(figures: RunFigures, wide: int) -> Any:
    """Why orders were denied, and what was lost on the way in: as many reasons as there is room for."""
    for most in range(REASONS_MAX, 0, -1):
        line = text("denied for ", DIM)
        line.append(_top(figures.denials, most) or "nothing")
        if figures.gaps:
            line.append("  gaps ", DIM)
            line.append(count(figures.gaps), YELLOW)
        if figures.dead_letters:
            line.append("  dead letters ", DIM)
            line.append(_top(figures.dead_letters, most), YELLOW)
        if figures.builds_differ:
            line.append(f"  builds differ: {figures.builds_differ}", RED)
        if figures.counted_from:
            since = max(figures.counted_from.values())
            line.append(f"  counted since {moment(since)[:-4]}", DIM)
        if len(line.plain) <= wide:
            break
    return line


def _beside(left: list[Any], right: list[Any], most: int, at: int) -> list[Any]:
    """Two blocks side by side; of a right one that is too long, the last line stays: it is the sum of all."""
    if len(right) > most > 1:
        right = [*right[: most - 1], right[-1]]
    lines = []
    for i in range(min(most, max(len(left), len(right)))):
        line = left[i].copy() if i < len(left) else text("")
        if i < len(right):
            line.append(" " * (at + GAP - len(line.plain)))
            line.append_text(right[i])
        lines.append(line)
    return lines


def _top(counted: dict[str, int], most: int) -> str:
    shown = sorted(counted.items(), key=lambda pair: -pair[1])
    more = f", +{len(shown) - most} more" if len(shown) > most else ""
    return ", ".join(f"{name} {count(n)}" for name, n in shown[:most]) + more
