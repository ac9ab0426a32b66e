"""A report as one HTML page that asks nobody for anything: styles and plots are in it, no script is."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from html import escape

from replay.hops import INTERVALS, HopSummary
from replay.measured import BURST_FACTOR, COLD_S, SPIKE_FACTOR
from replay.report import Report, Reported
from replay.report_parts import differences, heat_map, hop_figures, identity, times, versus
from replay.report_style import STYLE
from replay.svg import RUNS_MAX, Line, percentiles

NANOS = 1_000_000_000
WHOLE = "tick_to_order"
"""The interval that a desk asks for first."""


def page(report: Report) -> str:
    """The page."""
    first = report.runs[0]
    parts = [
        _header(report), _verdicts(report),
        _section("What was run", _cards(report)),
        _section("Hops", hop_figures(report)),
        _section(
            "From scheduled publication to order", _curves(report, WHOLE, 1040, 330),
            "Percentiles as HdrHistogram draws them: each further nine as far as the one before. Point at a curve for "
            "its values. A red bar is the budget.",
        ),
        _section("Percentiles of each hop", _all_curves(report)),
        *(_over_time(report, one) for one in report.runs),
        _classes(first, "burst", "calm", "Normal beside stress",
                 f"A slice of time in which more than {BURST_FACTOR:g} times the median slice's ticks were due is a "
                 f"burst; {sum(first.measured.bursts)} of {len(first.measured.bursts)} are."),
        _classes(first, "cold", "warm", "Cold beside warm", f"Cold: the first {COLD_S:g} seconds. Warm: what follows."),
    ]  # fmt: skip
    if len(report.runs) > 1:
        parts.append(_section("Runs beside one another", versus(report)))
        parts += [_section(f"Orders: {escape(r.label)} against {escape(first.label)}", differences(r))
                  for r in report.runs[1:]]  # fmt: skip
    title = f"Tapedeck: {first.label}"
    made = datetime.fromtimestamp(report.made_ns // NANOS, UTC)
    foot = f"<footer>Made {made:%Y-%m-%d %H:%M:%S} UTC from the committed topics alone.</footer>"
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" '
        f'content="width=device-width,initial-scale=1"><title>{escape(title)}</title><style>{STYLE}</style></head>'
        f"<body><main>{''.join(parts)}{foot}</main></body></html>\n"
    )


def _section(title: str, body: str, about: str = "") -> str:
    said = f"<p>{escape(about)}</p>" if about else ""
    return f"<section><h2>{title}</h2>{said}{body}</section>" if body else ""


def _header(report: Report) -> str:
    first = report.runs[0]
    badge = ("none", "no budget") if not report.verdicts else ("pass", "within budget")
    if not report.passed:
        badge = ("fail", "over budget")
    where = f"{escape(report.environment)} · " if report.environment else ""
    others = f" · beside {len(report.runs) - 1} more" if len(report.runs) > 1 else ""
    opened = first.shape.opened
    return (
        f"<header><div><h1>{escape(first.label)}</h1><p>{where}{escape(opened.mode)} run of {escape(opened.source)}"
        f'{others}</p></div><span class="badge {badge[0]}">{badge[1]}</span></header>'
    )


def _verdicts(report: Report) -> str:
    broken = [v for v in report.verdicts if not v.passed]
    if not broken:
        return ""
    rows = "".join(
        f"<tr><td>{v.hop} {v.percentile}</td><td class=over>{'nothing measured' if v.got_us is None else _us(v.got_us)}"
        f"</td><td>{_us(v.bound_us)}</td><td class=words>{escape(v.owner)}</td>"
        f"<td class=words>{escape(v.mitigation)}</td></tr>"
        for v in broken
    )
    head = (
        "<tr><th>bound</th><th>measured</th><th>allowed</th><th class=words>owner</th><th class=words>mitigation</th>"
    )
    return _section(f"{len(broken)} of {len(report.verdicts)} bounds broken", f"<table>{head}</tr>{rows}</table>")


def _cards(report: Report) -> str:
    cards = [_card(one.label, identity(one)) for one in report.runs]
    return f'<div class="cards">{"".join(cards)}{_card("Machine of this report", report.machine)}</div>'


def _card(title: str, facts: dict[str, str]) -> str:
    rows = "".join(
        f"<dt>{escape(k)}</dt><dd>{v if v.startswith('<code>') else escape(v)}</dd>" for k, v in facts.items()
    )
    return f"<div><h3>{escape(title)}</h3><dl>{rows}</dl></div>"


def _curves(report: Report, name: str, width: int, height: int) -> str:
    lines = [
        Line(one.label, one.measured.curve(name), f"c{i % RUNS_MAX}", end=one.measured.end_of(name))
        for i, one in enumerate(report.runs)
    ]
    budget = report.budgets.get(name)
    bounds = [] if budget is None else [(_percentile(key), us) for key, us in budget.bounds_us.items()]
    keys = _keys(report.runs) if width > 500 else ""
    return keys + percentiles(lines, width, height, bounds)


def _percentile(key: str) -> float:
    return 100.0 if key == "max" else float(key[1:])


def _keys(runs: Sequence[Reported]) -> str:
    keys = (f'<span class="key"><i class="c{i % RUNS_MAX}"></i>{escape(r.label)}</span>' for i, r in enumerate(runs))
    return f'<div class="keys">{"".join(keys)}</div>'


def _all_curves(report: Report) -> str:
    names = [i.name for i in INTERVALS if i.name in report.runs[0].measured.hops.intervals and i.name != WHOLE]
    plots = [f"<div><h3>{name}</h3>{_curves(report, name, 340, 210)}</div>" for name in names]
    return f'<div class="plots">{"".join(plots)}</div>'


def _over_time(report: Report, one: Reported) -> str:
    title = "Over time" if len(report.runs) == 1 else f"Over time: {escape(one.label)}"
    spikes = one.measured.spikes()
    told = (
        f"Slices of {one.measured.slice_s:.3g} s. A mark: two hops or more whose p99 was above {SPIKE_FACTOR:g} times "
        f"their usual in the same slice; there are {len(spikes)}."
    )
    return _section(title, times(one) + heat_map(one), told)


def _classes(one: Reported, left: str, right: str, title: str, about: str) -> str:
    tables: dict[str, dict[str, HopSummary]] = {name: one.measured.classes[name].summary() for name in (left, right)}
    rows = []
    for name in tables[left]:
        a, b = tables[left][name], tables[right][name]
        if a["count"] and b["count"]:
            rows.append(f"<tr><td>{name}</td>{_cells(a)}{_cells(b)}<td>{_ratio(a['p99_us'], b['p99_us'])}</td></tr>")
    if not rows:
        return ""
    head = "<tr><th></th>" + "".join(f"<th>{c} {k}</th>" for c in (left, right) for k in ("count", "p50", "p99", "max"))
    table = f'<div class="scroll"><table>{head}<th>p99 ratio</th></tr>{"".join(rows)}</table></div>'
    return _section(title, table, about)


def _cells(summary: HopSummary) -> str:
    return f"<td class=dim>{summary['count']:,}</td>" + "".join(
        f"<td>{_us(v)}</td>" for v in (summary["p50_us"], summary["p99_us"], summary["max_us"])
    )


def _us(value: float | None) -> str:
    from replay.svg import us

    return "&ndash;" if value is None else us(value)


def _ratio(a: float | None, b: float | None) -> str:
    return f"{a / b:.2g} &times;" if a and b else "&ndash;"
