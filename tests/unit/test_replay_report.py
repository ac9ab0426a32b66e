"""Reports: figures as the run's own, a page that asks nobody for anything, logs that stock tools read, a budget."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hdrh.histogram import HdrHistogram
from hdrh.log import HistogramLogReader

from replay import budget
from replay.cut import Cut
from replay.hdr import HIGHEST_NS, LOWEST_NS, SIGNIFICANT_FIGURES
from replay.measured import SLICES_MAX, Measured, measure
from replay.plan import PlayPlan
from replay.report import Report, report
from replay.report_page import page
from replay.session import MemorySession
from replay.shape import shape_of
from replay.summary import summarise
from schemas.errors import ConfigError
from streams.log import Log

VOID = {"meta", "path", "rect", "circle", "br", "i"}


def session(run: str, **plan: object) -> MemorySession:
    made = MemorySession(PlayPlan(run=run, seconds=30.0, seed=3, speed=0.0, **plan), cut=Cut(seed=1))  # type: ignore[arg-type]
    made.run(lambda: None)
    return made


@pytest.fixture(scope="module")
def played() -> MemorySession:
    return session("a")


@pytest.fixture(scope="module")
def log(played: MemorySession) -> Log:
    return played.log


def reported(log: Log, text: str = "", tmp_path: Path | None = None, *others: Log) -> Report:
    budgets = {}
    if text and tmp_path is not None:
        (tmp_path / "latency.toml").write_text(text)
        budgets = budget.read(tmp_path / "latency.toml")
    runs = [("production", log, shape_of(log, "a"))]
    runs += [(f"other {i}", other, shape_of(other, None)) for i, other in enumerate(others)]
    return report(runs, budgets=budgets, environment="production")


def test_a_report_s_figures_are_the_summary_s(played: MemorySession, log: Log) -> None:
    summary, _ = summarise(played)
    assert measure(log, shape_of(log, "a")).summary() == summary["hops"]


def test_classes_and_slices_add_up_to_the_whole(log: Log) -> None:
    measured = measure(log, shape_of(log, "a"))
    for name, hdr in measured.hops.intervals.items():
        for one, other in (("burst", "calm"), ("cold", "warm")):
            counts = [measured.classes[c].intervals[name].count for c in (one, other)]
            assert sum(counts) == hdr.count
        assert sum(s.count for s in measured.series[name]) == hdr.count
    assert sum(measured.ticks) == measured.hops.intervals["normalise"].count
    assert len(measured.ticks) <= SLICES_MAX + 1


def test_stock_tools_read_each_slice_of_an_hlog(log: Log, tmp_path: Path) -> None:
    measured = measure(log, shape_of(log, "a"), tmp_path / "hlog")
    files = sorted((tmp_path / "hlog").iterdir())
    assert [f.stem for f in files] == sorted(measured.hops.intervals)
    for file in files:
        assert file.read_text().startswith("#[Histogram log format version 1.2]\n")
        reader = HistogramLogReader(str(file), HdrHistogram(LOWEST_NS, HIGHEST_NS, SIGNIFICANT_FIGURES))
        whole = HdrHistogram(LOWEST_NS, HIGHEST_NS, SIGNIFICANT_FIGURES)
        lines = 0
        while (interval := reader.get_next_interval_histogram()) is not None:
            whole.add(interval)
            lines += 1
        reader.close()
        assert lines == len(measured.series[file.stem])
        ours = measured.hops.intervals[file.stem]
        assert list(whole.counts) == list(ours.counts)
        if ours.count:
            assert whole.get_value_at_percentile(99.0) == ours.percentiles_ns([99.0])[0]


class Checked(HTMLParser):
    """Finds what a page would fetch, and tags that are not closed."""

    def __init__(self) -> None:
        super().__init__()
        self.fetches: list[str] = []
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.fetches += [f"{tag} {name}" for name, _ in attrs if name in ("src", "href", "srcset", "data")]
        self.fetches += [tag] if tag in ("script", "link", "iframe", "img") else []
        if tag not in VOID and tag not in ("tr", "th", "td"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID and tag not in ("tr", "th", "td"):
            assert self.open.pop() == tag


def test_a_page_is_whole_and_fetches_nothing(log: Log) -> None:
    text = page(reported(log, "", None, session("b", split=True).log))
    checked = Checked()
    checked.feed(text)
    assert checked.fetches == []
    assert checked.open == []
    assert not re.search(r"https?:|url\(|@import", text)
    for said in ("tick_to_order", "Identical", "Runs beside one another", "Hops", "production"):
        assert said in text
    assert text.count("<svg") > 12


def test_what_people_named_cannot_break_the_page(log: Log) -> None:
    runs = [("<script>alert(1)</script>", log, shape_of(log, "a"))]
    assert "<script>" not in page(report(runs, environment='"><img src=x>'))
    assert "<img" not in page(report(runs, environment='"><img src=x>'))


def test_a_budget_passes_or_fails(log: Log, tmp_path: Path) -> None:
    wide = reported(log, '[risk]\nowner = "risk"\np50 = "1 h"\n'.replace("1 h", "3600 s"), tmp_path)
    assert wide.passed
    assert "within budget" in page(wide)
    tight = reported(log, '[risk]\nowner = "risk desk"\np99 = "1 ns"\nmitigation = "look"\n', tmp_path)
    assert not tight.passed
    (verdict,) = tight.verdicts
    assert (verdict.hop, verdict.percentile, verdict.owner, verdict.bound_us) == ("risk", "p99", "risk desk", 0.001)
    assert "over budget" in page(tight)


def test_what_was_not_measured_passes_no_budget(tmp_path: Path) -> None:
    empty = session("a", limits={"account": {}, "default": {}, "instrument": {}})
    found = reported(empty.log, '[tick_to_order]\np50 = "3600 s"\n', tmp_path)
    assert [v.got_us for v in found.verdicts] == [None]
    assert not found.passed


def test_a_gap_within_a_fused_task_is_no_bound_of_a_fused_run(log: Log, tmp_path: Path) -> None:
    assert reported(log, '[feature_to_score]\np50 = "1 ns"\n', tmp_path).verdicts == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[nowhere]\np50 = "1 ms"', "nowhere"), ("[risk]\np50 = 5", "risk.p50"), ('[risk]\np50 = "5"', "risk.p50"),
        ('[risk]\np51 = "5 ms"', "risk.p51"), ('[risk]\nowner = "x"', "no bound"), ("risk = 1", "a table"),
        ("[risk", "no TOML"), ('[risk]\np50 = "-1 ms"', "risk.p50"),
    ],
)  # fmt: skip
def test_a_budget_that_is_none_is_refused_in_one_line(text: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / "latency.toml"
    path.write_text(text)
    with pytest.raises(ConfigError) as refused:
        budget.read(path)
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)


def test_spikes_are_of_several_hops_at_once(log: Log) -> None:
    measured: Measured = measure(log, shape_of(log, "a"))
    for at, names in measured.spikes().items():
        assert 0 <= at < len(measured.ticks)
        assert len(names) > 1
        assert "tick_to_order" not in names
