"""The tables of the panel: tasks, money, latency, instruments, halts. Rich texts, one a line, cut to their columns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from console.figures import age, duration, latency, money, short, time_of_day
from console.panel_partitions import folded, owners

if TYPE_CHECKING:
    from replay.run_figures import HaltFigures, InstrumentFigures, RunFigures, TaskFigures
    from streams.recovery import RecoveryProgress

TASK_WIDTHS = (10, 8, 8, 8, 5)
HOP_WIDTHS = (20, 8, 8)
WIDE_HOP_WIDTHS = (20, 10, 8, 8, 9, 9)
"""With the figures since watching began beside those of the last seconds, where there is room."""
OWNER_WIDTHS = (19, 12, 8)
MONEY_WIDTHS = (6, 16, 16)
INSTRUMENT_WIDTHS = (20, 14, 13, 13, 7, 11)
RED, YELLOW, DIM, BOLD = "bold red", "yellow", "dim", "bold"
STATE_STYLES = {"ACTIVE": "", "REDUCING": YELLOW, "HALTED": RED}


def task_lines(figures: RunFigures) -> list[Any]:
    """The feed and the tasks, a line each: how fast, how far behind, how lively; then who has which partitions."""
    lines = [_row(("task", "in/s", "lag", "commit", "died"), TASK_WIDTHS, DIM)]
    for task in folded(figures.tasks):
        lines.append(_task(task))
        if task.recovery is not None:
            lines.append(text(f" {_cut(recovering(task.recovery), sum(TASK_WIDTHS) - 1)}", YELLOW))
    told = owners(figures.tasks)
    if told:
        lines.append(_row(("worker", "partitions", "lag"), OWNER_WIDTHS, DIM))
    return lines + [_row((who, which, "-" if lag is None else short(lag)), OWNER_WIDTHS) for who, which, lag in told]


def recovering(recovery: RecoveryProgress) -> str:
    """How far a recovery is, in few words.

    >>> from streams.recovery import RecoveryProgress
    >>> recovering(RecoveryProgress(120_000, 1_000_000, 3.0, 22.0))
    'recovering 120,000 of 1.00M, 0:22 left'
    """
    left = "" if recovery.left_s is None else f", {duration(recovery.left_s)} left"
    return f"recovering {short(recovery.done)} of {short(recovery.to_do)}{left}"


def _task(task: TaskFigures) -> Any:
    lag = "-" if task.lag is None else ("<" if task.lag_is_bound and task.lag else "") + short(task.lag)
    back = "-" if task.restarts is None else str(task.restarts)
    per_s = short(round(task.per_s)) if task.per_s >= 10 or not task.per_s else f"{task.per_s:.1f}"
    if task.halted:
        return _row((task.name, "HALTED", lag, age(task.commit_age_s), back), TASK_WIDTHS, RED)
    if task.stalled:
        return _row((task.name, "STALLED", lag, age(task.commit_age_s), back), TASK_WIDTHS, RED)
    line = _row((task.name, per_s, lag, age(task.commit_age_s)), TASK_WIDTHS[:-1])
    line.append(f"{back:>{TASK_WIDTHS[-1]}}", YELLOW if task.restarts else None)
    return line


def money_lines(figures: RunFigures) -> list[Any]:
    """A blank line, then profit and loss by settlement currency; nothing where nothing was traded."""
    if not figures.pnl:
        return []
    lines = [text(""), _row(("pnl", "total", "unrealised"), MONEY_WIDTHS, DIM)]
    for currency, amounts in figures.pnl.items():
        line = _row((currency,), MONEY_WIDTHS[:1])
        total, unrealised = (
            _amount(value, amounts.decimals, MONEY_WIDTHS[1]) for value in (amounts.total, amounts.unrealised)
        )
        line.append(f"{total:>{MONEY_WIDTHS[1]}}", RED if total.startswith("-") else None)
        line.append(f"{unrealised:>{MONEY_WIDTHS[2]}}")
        lines.append(line)
    return lines


def hop_lines(figures: RunFigures, room: int) -> list[Any]:
    """Recent figures; of a run that stands still those of all of it."""
    if room >= sum(WIDE_HOP_WIDTHS):
        lines = [_row(("latency", "count", "p50", "p99", "p50 10 s", "p99 10 s"), WIDE_HOP_WIDTHS, DIM)]
        for name, hop in figures.hops.items():
            values = (short(hop.count), latency(hop.p50_us), latency(hop.p99_us),
                      latency(hop.recent_p50_us), latency(hop.recent_p99_us))  # fmt: skip
            lines.append(_row((name.replace("_", " "), *values), WIDE_HOP_WIDTHS, _hop_style(name)))
        return lines
    lines = [_row(("latency" if figures.still else "latency, 10 s", "p50", "p99"), HOP_WIDTHS, DIM)]
    for name, hop in figures.hops.items():
        p50, p99 = (hop.p50_us, hop.p99_us) if figures.still else (hop.recent_p50_us, hop.recent_p99_us)
        lines.append(_row((name.replace("_", " "), latency(p50), latency(p99)), HOP_WIDTHS, _hop_style(name)))
    return lines


def _hop_style(name: str) -> str:
    return BOLD if name == "tick_to_order" else ""


def instrument_lines(instruments: tuple[InstrumentFigures, ...], most: int) -> list[Any]:
    """At most so many below a heading: of more, first those that are not sound, then those that hold something."""
    if not instruments:
        return []
    shown = set(range(len(instruments)))
    if most < len(instruments):
        by_need = sorted(
            shown,
            key=lambda i: (
                not _broken(instruments[i]) and instruments[i].state == "ACTIVE",
                not instruments[i].position,
                i,
            ),
        )
        shown = set(by_need[: max(0, most - 1)])
    lines = [_row(("instrument", "position", "bid", "ask", "gaps", "state"), INSTRUMENT_WIDTHS, DIM)]
    for i, found in enumerate(instruments):
        if i in shown:
            lines.append(_instrument(found))
    if most < len(instruments):
        lines.append(text(f"+{len(instruments) - len(shown)} more", DIM))
    return lines


def _instrument(found: InstrumentFigures) -> Any:
    """What keeps orders back comes before what only reduces them."""
    word, style = "ok", ""
    if found.state == "HALTED":
        word, style = "HALTED", RED
    elif _broken(found):
        word, style = "crossed" if found.crossed else "unsynced" if found.unsynced else "suspect", RED
    elif found.state == "REDUCING":
        word, style = "REDUCING", YELLOW
    gaps = "-" if found.gaps is None else short(found.gaps)
    line = _row((found.instrument, found.position_decimal, found.bid or "-", found.ask or "-"), INSTRUMENT_WIDTHS[:4])
    line.append(f"{gaps:>{INSTRUMENT_WIDTHS[4]}}", YELLOW if found.gaps else None)
    line.append(f"{word:>{INSTRUMENT_WIDTHS[5]}}", style or None)
    return line


def _broken(found: InstrumentFigures) -> bool:
    return found.crossed or found.unsynced or found.suspect


def halt_lines(halts: list[HaltFigures], most: int) -> list[Any]:
    """At most so many, the widest first."""
    folded = len(halts) > most
    lines = []
    for halt in halts[: most - folded]:
        of = f"{halt.scope} {halt.name}".rstrip()
        line = text(f"{halt.state} ", STATE_STYLES[halt.state])
        line.append(f"{of} by {halt.author} {time_of_day(halt.since_ns)[:8]}: {' '.join(halt.reason.split())}")
        lines.append(line)
    if folded and most:
        lines.append(text(f"+{len(halts) - len(lines)} more halts", RED))
    return lines


def _row(cells: tuple[str, ...], widths: tuple[int, ...], style: str | None = None) -> Any:
    """The first cell to the left, all others to the right, each cut to its width."""
    parts = [f"{_cut(cells[0], widths[0]):<{widths[0]}}"]
    parts += [f"{_cut(cell, width - 1):>{width}}" for cell, width in zip(cells[1:], widths[1:], strict=False)]
    return text("".join(parts), style)


def _cut(cell: str, width: int) -> str:
    """What is too long shows that something is missing: a number that has lost digits is no number."""
    return cell if len(cell) <= width else f"{cell[: width - 1]}…"


def _amount(value: float, decimals: int, width: int) -> str:
    """An amount with as many decimals as there is room for."""
    shown = money(value, decimals)
    while len(shown) >= width and decimals > 0:
        decimals -= 1
        shown = money(value, decimals)
    return shown if len(shown) < width else short(round(value))


def text(plain: str, style: str | None = None) -> Any:
    """A line."""
    from rich.text import Text

    return Text(plain, style=style or "", no_wrap=True)
