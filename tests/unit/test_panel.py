"""The panel: whatever a run comes to, it fits the terminal, and what matters is on it."""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import Any

import msgspec
import pytest

from console.live_view import Lines, Panel, as_line
from console.panel import draw
from console.panel_partitions import folded, owners
from console.panel_tables import instrument_lines, task_lines
from replay.hops import INTERVALS
from replay.meter import Meter
from replay.run_figures import (
    HaltFigures,
    HopFigures,
    InstrumentFigures,
    MoneyFigures,
    RunFigures,
    Tally,
    TaskFigures,
)

HUGE = 10**12
TASKS = ("feed", "clock", "normalise", "feature", "score", "strategy", "risk", "venue")

CROWDED = RunFigures(
    run="20261123t142501-ab12", mode="live", source="simulator", stage="live", log_time_ns=1_723_161_254_087_896_568,
    tick_age_s=99.0, elapsed_s=99_999.0, share=0.5, left_s=3_725.0, sampled=True, gaps=HUGE,
    ticks=Tally(HUGE, 1e7), intents=Tally(HUGE, 1e5), orders=Tally(HUGE, 1e5), denied=Tally(HUGE, 1e5),
    executions=Tally(HUGE, 1e5), denials={f"reason_number_{n}" * 2: HUGE for n in range(8)},
    dead_letters={f"code_number_{n}": HUGE for n in range(8)},
    tasks=tuple(
        TaskFigures(name=name, hops=(name,), inputs=HUGE, per_s=1e7, lag=HUGE, lag_is_bound=name == "strategy",
                    commit_age_s=1e6, restarts=9_999, stalled=name == "risk")
        for name in TASKS
    ),
    hops={i.name: HopFigures(HUGE, 1e9, 1e12, HUGE, 1e9, 1e12) for i in INTERVALS},
    instruments=tuple(
        InstrumentFigures(instrument=f"inverse:SYMBOL{n}USD_PERP", position=-HUGE, position_decimal="-1234567.12345",
                          bid="123456.123456", ask="123456.123457", gaps=HUGE, unsynced=n == 5, crossed=n == 4)
        for n in range(6)
    ),
    pnl={c: MoneyFigures(-1e9, 1e9, -123_456_789.12345678, 8) for c in ("BTC", "ETH", "USDT")},
    halts=tuple(
        HaltFigures(scope="instrument", name=f"spot:SYMBOL{n}", state="HALTED", author="somebody",
                    reason="a reason that\nis far too long " * 9, since_ns=1_723_161_254_087_896_568)
        for n in range(5)
    ),
    trading_state="HALTED", counted_from={"executions": 1_723_161_254_087_896_568},
)  # fmt: skip
"""More of everything than a desk has."""

CALM = RunFigures(run="20261123t142501-ab12", mode="play", source="simulator", stage="opened")


def shown(figures: RunFigures, width: int = 80, height: int = 24) -> list[str]:
    return [line.plain for line in draw(figures, width=width, height=height, hint="q leaves")]


@pytest.mark.parametrize(("width", "height"), [(80, 24), (80, 20), (80, 40), (120, 40), (200, 60), (100, 30)])
@pytest.mark.parametrize("figures", [CROWDED, CALM])
def test_it_fits_the_terminal(figures: RunFigures, width: int, height: int) -> None:
    lines = shown(figures, width, height)
    assert len(lines) <= height
    assert max(map(len, lines)) < width - 1, "a full line and an echoed ^C would break the redraw"


def test_what_rich_draws_has_the_same_lines() -> None:
    from rich.console import Console, Group

    out = io.StringIO()
    Console(file=out, width=80, height=24, force_terminal=False).print(
        Group(*draw(CROWDED, width=80, height=24)), highlight=False
    )
    lines = out.getvalue().rstrip("\n").split("\n")
    assert len(lines) <= 24
    assert max(map(len, lines)) < 79
    assert out.getvalue().isascii() or set(out.getvalue()) - set(map(chr, range(128))) == {"…"}


def test_what_matters_is_there_however_crowded_it_is() -> None:
    text = "\n".join(shown(CROWDED))
    assert "-123,456,789.12" in text, "decimals go before digits do"
    for word in (
        "10.0M",
        "HALTED",
        "risk       STALLED",
        "50%",
        "1:02:05 left",
        "USDT",
        "tick to order",
        "instrument",
        "more",
    ):
        assert word in text
    assert "SYMBOL4" in text, "a crossed book is not folded away before sound ones"


def test_a_suspect_price_is_told_and_is_not_folded_away() -> None:
    sound = tuple(InstrumentFigures(instrument=f"spot:SYMBOL{n}") for n in range(4))
    lines = instrument_lines((*sound, InstrumentFigures(instrument="spot:ODD", suspect=True)), 2)
    (odd,) = (str(line) for line in lines if "ODD" in str(line))
    assert odd.endswith("suspect")


def test_the_last_hop_stays_where_hops_are_cut() -> None:
    lines = shown(CROWDED, 80, 16)
    assert len(lines) <= 16
    assert any("tick to order" in line for line in lines)


def test_folded_halts_are_counted() -> None:
    text = "\n".join(shown(CROWDED))
    assert "more halts" in text
    assert text.count("by somebody") < 5
    assert "\n".join(shown(CROWDED, 120, 60)).count("by somebody") == 5


def test_colour_marks_trouble_and_nothing_else() -> None:
    def styles(figures: RunFigures) -> set[str]:
        lines = draw(figures, width=80, height=24)
        return {str(span.style) for line in lines for span in line.spans} | {str(line.style) for line in lines}

    assert "bold red" in styles(CROWDED)
    sound = msgspec.structs.replace(
        CALM, tasks=(TaskFigures(name="risk", hops=("risk",), lag=0, restarts=0),),
        instruments=(InstrumentFigures(instrument="spot:BTCUSDT", gaps=0),), pnl={"USDT": MoneyFigures(1.0, 0.0, 1.0)},
    )  # fmt: skip
    assert not {style for style in styles(sound) if "red" in style or "yellow" in style}


def test_before_there_are_figures_the_stage_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    panel = Panel("tapedeck 20261123t142501-ab12")
    panel.stage("starting: 2 of 4 tasks ready")
    assert "starting: 2 of 4 tasks ready" in panel._draw().plain
    panel.show(CROWDED)
    assert len(panel._draw().renderables) <= panel._console.size.height
    panel.close()
    panel.close()


def test_without_a_terminal_there_is_one_line_now_and_then() -> None:
    said: list[str] = []
    lines = Lines(said.append)
    for _ in range(5):
        lines.show(CROWDED)
    assert said == [as_line(CROWDED)]
    assert "\n" not in said[0]
    assert "risk STALLED" in said[0]
    assert "HALTED (5 halts)" in said[0]


def test_the_rate_shown_is_that_of_the_last_seconds() -> None:
    meter = Meter()
    meter.rate(0.0, 1_000_000)
    for second in range(1, 20):
        last: Any = meter.rate(float(second), 1_000_000 + 100 * second)
    assert last == pytest.approx(100.0)


def test_every_key_of_the_json_is_documented() -> None:
    said = (Path(__file__).resolve().parents[2] / "docs" / "top.md").read_text(encoding="utf-8")
    keys = set(re.findall(r"`(\w+)`", said[said.index("## What `top --json` says") :]))
    document = CROWDED.document()
    nested = (document["tasks"][0], document["hops"]["risk"], document["instruments"][0], document["halts"][0])
    expected = {*document, *document["pnl"]["BTC"], *document["ticks"], *(key for part in nested for key in part)}
    assert expected <= keys


def test_builds_are_named_where_they_differ_and_only_there() -> None:
    def at_work(*builds: str) -> RunFigures:
        tasks = (TaskFigures(name=f"task{n}", build=build) for n, build in enumerate(builds))
        return msgspec.structs.replace(CALM, tasks=tuple(tasks))

    mixed = at_work("a" * 64, "", "b" * 64)
    assert f"builds differ: task0 {'a' * 8}, task2 {'b' * 8}" in "\n".join(shown(mixed, width=120))
    assert f"BUILDS DIFFER (task0 {'a' * 8}, task2 {'b' * 8})" in as_line(mixed)
    assert "differ" not in "\n".join(shown(at_work("a" * 64, "a" * 64, ""), width=120)).lower()


def test_tasks_of_several_partitions_are_a_line_a_chain_and_a_line_a_worker() -> None:
    tasks = [
        TaskFigures(name=f"hot@{p}", hops=("feature",), per_s=10.0, lag=p, commit_age_s=float(p), restarts=p == 3,
                    stalled=p == 2, owner=f"desk/{p // 3}")
        for p in range(4)
    ]  # fmt: skip
    (hot,) = folded(tasks)
    assert (hot.name, hot.per_s, hot.lag, hot.commit_age_s) == ("hot x4", 40.0, 6, 3.0)
    assert (hot.restarts, hot.stalled) == (1, True)
    assert owners(tasks) == [("desk/0", "0-2", 3), ("desk/1", "3", 3)]
    lines = [line.plain for line in task_lines(msgspec.structs.replace(CALM, tasks=tuple(tasks)))]
    assert [line.split()[0] for line in lines] == ["task", "hot", "worker", "desk/0", "desk/1"]
    single = (TaskFigures(name="risk", lag=0),)
    assert folded(single) == list(single)
    assert owners(single) == []
