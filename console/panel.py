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

from typing import TYPE_CHECKING, Any

from console.figures import age, count, duration, latency, moment, money, rate, short, time_of_day

if TYPE_CHECKING:
    from rich.text import Text

    from replay.run_figures import HaltFigures, InstrumentFigures, RunFigures, TaskFigures

EDGE = 2
"""Columns left free: where a line is full, the ^C that a terminal echoes would begin the next one."""
WIDTH_MIN = 60
WIDTH_MAX = 140
BAR_WIDTH_MAX = 30
GAP = 3
TASK_WIDTHS = (10, 8, 8, 8, 5)
HOP_WIDTHS = (20, 8, 8)
WIDE_HOP_WIDTHS = (20, 10, 8, 8, 9, 9)
"""With the figures since watching began beside those of the last seconds, where there is room."""
MONEY_WIDTHS = (6, 16, 16)
INSTRUMENT_WIDTHS = (20, 14, 13, 13, 7, 11)
INSTRUMENTS_MIN = 2
HALTS_MIN = 2
TICK_AGE_S_MAX = 5.0
"""An older newest tick is shown as trouble."""
RED, YELLOW, DIM, BOLD = "bold red", "yellow", "dim", "bold"
STATE_STYLES = {"ACTIVE": "", "REDUCING": YELLOW, "HALTED": RED}


def draw(figures: RunFigures, *, width: int, height: int, hint: str = "") -> list[Text]:
    """Lines of the panel, at most ``height``, each narrower than ``width``.

    Args:
        figures: What to show.
        width: Columns of the terminal.
        height: Its lines.
        hint: Shown at the bottom where there is room.
    """
    wide = max(WIDTH_MIN, min(width, WIDTH_MAX)) - EDGE
    head = [_state(figures, wide), _clock(figures, wide), _counts(figures, wide), _trouble(figures)]
    left = [*_tasks(figures), *_money(figures)]
    right = _hops(figures, wide - sum(TASK_WIDTHS) - GAP)
    halts = list(figures.halts)
    room = height - len(head)
    n_halts = min(len(halts), max(HALTS_MIN, room - max(len(left), len(right)) - len(figures.instruments) - 1))
    n_middle = max(len(left), len(right))
    n_instruments = len(figures.instruments)
    blanks = 2
    spare = room - n_middle - (1 + n_instruments) - n_halts
    blanks = min(blanks, max(0, spare))
    if spare < 0:
        kept = max(min(n_instruments, INSTRUMENTS_MIN), n_instruments + spare)
        spare += n_instruments - kept
        n_instruments = kept
    if spare < 0:
        n_middle = max(1, n_middle + spare)
    lines = [*head, *[_text("")] * min(1, blanks), *_beside(left, right, n_middle, sum(TASK_WIDTHS))]
    lines += [_text("")] * (blanks - 1) if blanks else []
    lines += _instruments(figures.instruments, n_instruments)
    lines += _halts(halts, n_halts)
    if hint and len(lines) + 1 < height:
        lines += [_text(""), _text(hint, DIM)] if len(lines) + 2 <= height else [_text(hint, DIM)]
    for line in lines:
        line.truncate(wide, overflow="ellipsis")
    return lines[:height]


def _state(figures: RunFigures, wide: int) -> Any:
    line = _text("")
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
    line = _text(f"{moment(figures.log_time_ns)} UTC")
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
        line = _text("")
        for i, (name, tally) in enumerate(tallies):
            line.append(f"{name} ", DIM)
            line.append(count(tally.total) + (f" {rate(tally.per_s)}" if i < rates and tally.per_s else ""))
            line.append("  ")
        line.rstrip()
        if len(line.plain) <= wide:
            break
    return line


def _trouble(figures: RunFigures) -> Any:
    line = _text("denied for ", DIM)
    line.append(_top(figures.denials, 3) or "nothing")
    if figures.dead_letters:
        line.append("  dead letters ", DIM)
        line.append(_top(figures.dead_letters, 2), YELLOW)
    if figures.gaps:
        line.append("  gaps ", DIM)
        line.append(count(figures.gaps), YELLOW)
    if figures.counted_from:
        since = max(figures.counted_from.values())
        line.append(f"  counted since {moment(since)[:-4]}", DIM)
    return line


def _tasks(figures: RunFigures) -> list[Any]:
    lines = [_row(("task", "in/s", "lag", "commit", "died"), TASK_WIDTHS, DIM)]
    return lines + [_task(task) for task in figures.tasks]


def _task(task: TaskFigures) -> Any:
    lag = "-" if task.lag is None else ("<" if task.lag_is_bound and task.lag else "") + short(task.lag)
    back = "-" if task.restarts is None else str(task.restarts)
    per_s = f"{task.per_s:,.0f}" if task.per_s >= 10 or not task.per_s else f"{task.per_s:.1f}"
    if task.stalled:
        return _row((task.name, "STALLED", lag, age(task.commit_age_s), back), TASK_WIDTHS, RED)
    line = _row((task.name, per_s, lag, age(task.commit_age_s)), TASK_WIDTHS[:-1])
    line.append(f"{back:>{TASK_WIDTHS[-1]}}", YELLOW if task.restarts else None)
    return line


def _money(figures: RunFigures) -> list[Any]:
    if not figures.pnl:
        return []
    lines = [_text(""), _row(("pnl", "total", "unrealised"), MONEY_WIDTHS, DIM)]
    for currency, amounts in figures.pnl.items():
        line = _row((currency,), MONEY_WIDTHS[:1])
        total = money(amounts.total, amounts.decimals)
        line.append(f"{total:>{MONEY_WIDTHS[1]}}", RED if total.startswith("-") else None)
        line.append(f"{money(amounts.unrealised, amounts.decimals):>{MONEY_WIDTHS[2]}}")
        lines.append(line)
    return lines


def _hops(figures: RunFigures, room: int) -> list[Any]:
    """Recent figures; of a run that has ended those of all of it."""
    if room >= sum(WIDE_HOP_WIDTHS):
        lines = [_row(("latency", "count", "p50", "p99", "p50 10 s", "p99 10 s"), WIDE_HOP_WIDTHS, DIM)]
        for name, hop in figures.hops.items():
            values = (short(hop.count), latency(hop.p50_us), latency(hop.p99_us),
                      latency(hop.recent_p50_us), latency(hop.recent_p99_us))  # fmt: skip
            lines.append(_row((name.replace("_", " "), *values), WIDE_HOP_WIDTHS, _hop_style(name)))
        return lines
    lines = [_row(("latency" if figures.ended else "latency, 10 s", "p50", "p99"), HOP_WIDTHS, DIM)]
    for name, hop in figures.hops.items():
        p50, p99 = (hop.p50_us, hop.p99_us) if figures.ended else (hop.recent_p50_us, hop.recent_p99_us)
        lines.append(_row((name.replace("_", " "), latency(p50), latency(p99)), HOP_WIDTHS, _hop_style(name)))
    return lines


def _hop_style(name: str) -> str:
    return BOLD if name == "tick_to_order" else ""


def _beside(left: list[Any], right: list[Any], most: int, at: int) -> list[Any]:
    """Two blocks side by side; of a right one that is too long, the last line stays: it is the sum of all."""
    if len(right) > most > 1:
        right = [*right[: most - 1], right[-1]]
    lines = []
    for i in range(min(most, max(len(left), len(right)))):
        line = left[i].copy() if i < len(left) else _text("")
        if i < len(right):
            line.append(" " * (at + GAP - len(line.plain)))
            line.append_text(right[i])
        lines.append(line)
    return lines


def _instruments(instruments: tuple[InstrumentFigures, ...], most: int) -> list[Any]:
    if not instruments:
        return []
    shown = set(range(len(instruments)))
    if most < len(instruments):
        by_need = sorted(shown, key=lambda i: (not _broken(instruments[i]), not instruments[i].position, i))
        shown = set(by_need[: max(0, most - 1)])
    lines = [_row(("instrument", "position", "bid", "ask", "gaps", "book"), INSTRUMENT_WIDTHS, DIM)]
    for i, found in enumerate(instruments):
        if i in shown:
            lines.append(_instrument(found))
    if most < len(instruments):
        lines.append(_text(f"+{len(instruments) - len(shown)} more", DIM))
    return lines


def _instrument(found: InstrumentFigures) -> Any:
    book = "crossed" if found.crossed else "unsynced" if found.unsynced else "ok"
    gaps = "-" if found.gaps is None else short(found.gaps)
    line = _row((found.instrument, found.position_decimal, found.bid or "-", found.ask or "-"), INSTRUMENT_WIDTHS[:4])
    line.append(f"{gaps:>{INSTRUMENT_WIDTHS[4]}}", YELLOW if found.gaps else None)
    line.append(f"{book:>{INSTRUMENT_WIDTHS[5]}}", RED if _broken(found) else None)
    return line


def _broken(found: InstrumentFigures) -> bool:
    return found.crossed or found.unsynced


def _halts(halts: list[HaltFigures], most: int) -> list[Any]:
    folded = len(halts) > most
    lines = []
    for halt in halts[: most - folded]:
        of = f"{halt.scope} {halt.name}".rstrip()
        line = _text(f"{halt.state} ", STATE_STYLES[halt.state])
        line.append(f"{of} by {halt.author} {time_of_day(halt.since_ns)[:8]}: {' '.join(halt.reason.split())}")
        lines.append(line)
    if folded and most:
        lines.append(_text(f"+{len(halts) - len(lines)} more halts", RED))
    return lines


def _top(counted: dict[str, int], most: int) -> str:
    shown = sorted(counted.items(), key=lambda pair: -pair[1])
    more = f", +{len(shown) - most} more" if len(shown) > most else ""
    return ", ".join(f"{name} {count(n)}" for name, n in shown[:most]) + more


def _row(cells: tuple[str, ...], widths: tuple[int, ...], style: str | None = None) -> Any:
    """The first cell to the left, all others to the right, each cut to its width."""
    first = cells[0][: widths[0] - 1] if len(cells[0]) > widths[0] else cells[0]
    parts = [f"{first:<{widths[0]}}"]
    parts += [f"{cell[: width - 1]:>{width}}" for cell, width in zip(cells[1:], widths[1:], strict=False)]
    return _text("".join(parts), style)


def _text(plain: str, style: str | None = None) -> Any:
    from rich.text import Text

    return Text(plain, style=style or "", no_wrap=True)
