"""Parts of a report's page: identity, the table of hops, plots over time, runs beside one another, differences."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from html import escape
from typing import Any

import numpy as np

from replay.budget import PERCENTILES
from replay.difference import Difference
from replay.hops import HopSummary
from replay.measured import Measured
from replay.report import Report, Reported
from replay.svg import Line, area, heat, over_time, us

NANOS = 1_000_000_000
FIGURES = (("p50", "p50_us"), ("p95", "p95_us"), ("p99", "p99_us"), ("p99.9", "p999_us"), ("max", "max_us"))
SLOWER, FASTER = 1.1, 0.9
"""Ratios from which a difference is coloured."""
DIFFERENCES_SHOWN_MAX = 12


def identity(one: Reported) -> dict[str, str]:
    """What a run was: facts by name."""
    watched, opened = one.shape.watched, one.shape.opened
    model = opened.model
    facts = {
        "run": f"<code>{escape(watched.run)}</code>",
        "opened": _moment(watched.opened_ns), "mode": f"{opened.mode}, {'split' if opened.split else 'fused'}",
        "source": opened.source, "seed": str(opened.seed),
        "venue latency": us(opened.venue_latency_ns / 1_000),
        "model": f"{model.get('name')}",
        "model sha256": f"<code>{escape(str(model.get('sha256')))}</code>",
        "view sha256": f"<code>{escape(str(model.get('view')))}</code>",
        "strategy": opened.strategy,
    }  # fmt: skip
    for name in ("pin", "build"):  # what a run of another kind says of itself
        said = getattr(opened, name, "")
        if said:
            facts["code" if name == "build" else name] = f"<code>{escape(str(said))}</code>"
    for code in opened.code:
        facts[f"{code['kind']} {code['load']}"] = f"<code>{escape(code['sha256'])}</code>"
    facts["ticks"] = f"{sum(one.measured.ticks):,}"
    return facts


def hop_figures(report: Report) -> str:
    """The table of hops, of the first run, against its budget."""
    summary = report.runs[0].measured.summary()
    head = "<tr><th>hop</th><th>count</th>" + "".join(f"<th>{name}</th>" for name, _ in FIGURES)
    if report.budgets:
        head += "<th>threshold</th><th class=words>owner</th><th class=words>mitigation</th>"
    rows = []
    for name, figures in summary.items():
        budget = report.budgets.get(name)
        bounds = {} if budget is None else {PERCENTILES[key]: bound for key, bound in budget.bounds_us.items()}
        cells = "".join(_cell(figures[key], bounds.get(key)) for _, key in FIGURES)  # type: ignore[literal-required]
        more = ""
        if report.budgets:
            told = (
                "" if budget is None else "<br>".join(f"{key} {us(bound)}" for key, bound in budget.bounds_us.items())
            )
            owner, mitigation = ("", "") if budget is None else (budget.owner, budget.mitigation)
            more = f"<td>{told}</td><td class=words>{escape(owner)}</td><td class=words>{escape(mitigation)}</td>"
        total = ' class="total"' if name == "tick_to_order" else ""
        rows.append(f"<tr{total}><td>{name}</td><td class=dim>{figures['count']:,}</td>{cells}{more}</tr>")
    odd = report.runs[0].measured.hops.anomalies()
    told = "; ".join(
        f"{name}: {', '.join(f'{n:,} {kind}' for kind, n in kinds.items())}" for name, kinds in odd.items()
    )
    note = f"<p>Not counted as they were: {escape(told)}.</p>" if told else ""
    return f'{note}<div class="scroll"><table>{head}</tr>{"".join(rows)}</table></div>'


def times(one: Reported) -> str:
    """The way to an order over time, and the ticks that came."""
    measured = one.measured
    slices, seconds = measured.series.get("tick_to_order", []), len(measured.ticks) * measured.slice_s
    at = measured.slice_s
    lines = [
        Line("max", [((s.at + 0.5) * at, s.max_us) for s in slices], "c5", dash=True),
        Line("p99", [((s.at + 0.5) * at, s.p99_us) for s in slices], "c1"),
        Line("p50", [((s.at + 0.5) * at, s.p50_us) for s in slices], "c0"),
    ]
    bursts = _spans(measured)
    spikes = [((i + 0.5) * at, f"{i * at:.2f} s: {', '.join(names)}") for i, names in measured.spikes().items()]
    rates = [((i + 0.5) * at, n / at) for i, n in enumerate(measured.ticks)]
    keys = (
        '<div class="keys"><span class="key"><i class="c0"></i>p50</span><span class="key"><i class="c1"></i>p99</span>'
        '<span class="key"><i class="c5 dash"></i>max</span><span class="key"><i class="box"></i>burst</span>'
        '<span class="key"><i class="mark"></i>several hops at once</span></div>'
    )
    return (
        f"<h3>tick_to_order</h3>{keys}{over_time(lines, 1040, 260, seconds, bursts, spikes)}"
        f"<h3>ticks a second</h3>{area(rates, 1040, 130, seconds, bursts)}"
    )


def heat_map(one: Reported) -> str:
    """Each hop's p99 over time against its own usual: what several hops suffered at once stands in one column."""
    rows = []
    for name, slices in one.measured.series.items():
        if not slices:
            continue
        usual = float(np.median([s.p99_us for s in slices]))
        cells = [
            (s.at, math.log2(s.p99_us / usual), f"{name}, {s.at * one.measured.slice_s:.2f} s: p99 {us(s.p99_us)}, "
             f"usually {us(usual)}")
            for s in slices if usual > 0 and s.p99_us > 2 * usual
        ]  # fmt: skip
        rows.append((name, cells))
    if not rows:
        return ""
    return (
        "<h3>p99 above the hop's usual: each redder shade is twice as long</h3>"
        f"{heat(rows, len(one.measured.ticks), 1040)}"
    )


def versus(report: Report) -> str:
    """Median and p99 of each hop, run by run; ratios to the first."""
    head = "<tr><th>hop</th>" + "".join(
        f"<th>{escape(r.label)} p50</th><th>p99</th>" + ("<th>p50 ratio</th><th>p99 ratio</th>" if i else "")
        for i, r in enumerate(report.runs)
    )
    summaries = [r.measured.summary() for r in report.runs]
    rows = []
    for name in summaries[0]:
        cells = []
        for i, summary in enumerate(summaries):
            figures: HopSummary | None = summary.get(name)
            cells += [f"<td>{_us(figures, key)}</td>" for key in ("p50_us", "p99_us")]
            if i:
                cells += [_ratio(figures, summaries[0][name], key) for key in ("p50_us", "p99_us")]
        rows.append(f"<tr><td>{name}</td>{''.join(cells)}</tr>")
    return f'<div class="scroll"><table>{head}</tr>{"".join(rows)}</table></div>'


def differences(one: Reported) -> str:
    """What the orders, and all before them, differ in."""
    found = one.difference
    if found is None:
        return f"<p>Not compared{': ' + escape(one.why) if one.why else ''}.</p>"
    if found.identical:
        return f'<p><span class="faster">Identical</span>: every tick, feature, score, intent, decision, order and ' \
               f"execution. Hash <code>{found.hashes[0]}</code></p>"  # fmt: skip
    head = "<tr><th></th>" + "".join(
        f"<th>{k}</th>" for k in ("first", "this", "same", "added", "missing", "changed", "moved")
    )
    rows = "".join(
        f"<tr><td>{name}</td>"
        + "".join(f"<td>{n:,}</td>" for n in (c.a, c.b, c.same, c.added, c.missing, c.changed, c.moved)) + "</tr>"
        for name, c in found.counts.items()
    )  # fmt: skip
    return f"{_first(found)}<table>{head}</tr>{rows}</table>{_economics(found)}"


def _first(found: Difference) -> str:
    first = found.first
    if first is None:
        return ""
    columns = "".join(
        f"<dt>{escape(str(c['name']))}</dt><dd>{escape(repr(c['a']))} against {escape(repr(c['b']))}"
        + (f" <code>{c['a_bits']} {c['b_bits']}</code>, {abs(c['ulps']):,} ulp" if "a_bits" in c else "") + "</dd>"
        for c in first.columns[:DIFFERENCES_SHOWN_MAX]
    )  # fmt: skip
    root = ", ".join(f"{k} {v}" for k, v in first.root.items())
    return (
        f"<p>First divergence: {first.what} {first.kind} by {first.hop}, log time {_moment(first.time)}, "
        f"root {escape(root)}. {escape(first.note)}</p><dl>{columns}</dl>"
    )


def _economics(found: Difference) -> str:
    rows = []
    for figure, by_currency in found.economics[0].items():
        for currency in sorted({*by_currency, *found.economics[1][figure]}):
            a, b = by_currency.get(currency, 0.0), found.economics[1][figure].get(currency, 0.0)
            rows.append(f"<tr><td>{figure.replace('_', ' ')} {escape(currency)}</td><td>{a:,.6g}</td><td>{b:,.6g}</td>"
                        f"<td>{b - a:,.6g}</td></tr>")  # fmt: skip
    if not rows:
        return ""
    return f"<table><tr><th></th><th>first</th><th>this</th><th>difference</th></tr>{''.join(rows)}</table>"


def _cell(value: float | None, bound: float | None) -> str:
    if bound is None:
        return f"<td>{'&ndash;' if value is None else us(value)}</td>"
    if value is None:
        return "<td class=over>not measured</td>"
    return f"<td class={'within' if value <= bound else 'over'}>{us(value)}</td>"


def _us(figures: HopSummary | None, key: str) -> str:
    value: Any = None if figures is None else dict(figures).get(key)
    return "&ndash;" if value is None else us(value)


def _ratio(figures: HopSummary | None, of: HopSummary, key: str) -> str:
    a: Any = None if figures is None else dict(figures).get(key)
    b: Any = dict(of).get(key)
    if not a or not b:
        return "<td>&ndash;</td>"
    kind = "slower" if a / b > SLOWER else "faster" if a / b < FASTER else "dim"
    return f'<td class="{kind}">{a / b:.2g} &times;</td>'


def _spans(measured: Measured) -> list[tuple[float, float]]:
    """Bursts as (begin, end), s; neighbours as one."""
    spans: list[tuple[float, float]] = []
    for i, burst in enumerate(measured.bursts):
        begin, end = i * measured.slice_s, (i + 1) * measured.slice_s
        if burst and spans and math.isclose(spans[-1][1], begin):
            spans[-1] = (spans[-1][0], end)
        elif burst:
            spans.append((begin, end))
    return spans


def _moment(ns: int) -> str:
    return f"{datetime.fromtimestamp(ns / NANOS, UTC):%Y-%m-%d %H:%M:%S} UTC" if ns else "-"
