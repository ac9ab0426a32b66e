"""Captures that hold less than usual, and runs that end early: each is worked off, sound."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from replay.plan import PlayPlan
from replay.session import MemorySession
from replay.summary import summarise
from tests.spine_runs import Captures, assert_sound, played, sliced

LINES, LINES_SHORT = 12_000, 3_000

Pick = Callable[[bytes], bool]


@pytest.fixture(scope="module")
def captures(data_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Captures:
    return sliced(data_dir, tmp_path_factory.mktemp("captures"), LINES)


@pytest.fixture(scope="module")
def short(data_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Captures:
    return sliced(data_dir, tmp_path_factory.mktemp("short"), LINES_SHORT)


@pytest.mark.parametrize(
    ("pick", "ticks"),
    [
        (lambda line: b"@trade" in line, True), (lambda line: b"@bookTicker" in line, True),
        (lambda line: b"@depth" in line, False), (lambda line: b"lastUpdateId" in line or b"@depth" in line, True),
    ],
    ids=["trades", "quotes", "differences without a snapshot", "depth"],
)  # fmt: skip
@pytest.mark.parametrize("split", [False, True], ids=["fused", "split"])
def test_a_capture_may_hold_one_kind_of_message_only(
    short: Captures, tmp_path: Path, pick: Pick, ticks: bool, split: bool
) -> None:
    path = tmp_path / "capture"
    lines = [line for line in short[0].read_bytes().splitlines(keepends=True) if pick(line)]
    path.write_bytes(b"".join(lines))
    summary = played([path], split=split)
    assert_sound(summary)
    assert summary["captured"] == len(lines)
    assert (summary["ticks"] > 0) == ticks
    assert summary["dead_letters"] == 0


@pytest.mark.parametrize("split", [False, True], ids=["fused", "split"])
def test_a_capture_may_hold_a_single_line(short: Captures, tmp_path: Path, split: bool) -> None:
    path = tmp_path / "capture"
    path.write_bytes(next(x for x in short[0].read_bytes().splitlines(keepends=True) if b"@bookTicker" in x))
    summary = played([path], split=split)
    assert_sound(summary)
    assert (summary["captured"], summary["ticks"]) == (1, 1)
    assert summary["intents"] == summary["orders"] + summary["denied"]


def test_stopped_before_it_began_a_run_is_empty_and_sound(short: Captures) -> None:
    session = MemorySession(PlayPlan(run="r", captures=short, speed=0.0))
    session.stop()
    session.run(lambda: None)
    summary, _ = summarise(session)
    assert_sound(summary)
    assert (summary["captured"], summary["ticks"]) == (0, 0)


def test_stopped_half_way_what_was_sent_is_worked_off(captures: Captures) -> None:
    session = MemorySession(PlayPlan(run="r", captures=captures, speed=0.0))
    rounds = [0]

    def progress() -> None:
        rounds[0] += 1
        if rounds[0] == 20:
            session.stop()

    session.run(progress)
    summary, _ = summarise(session)
    assert_sound(summary)
    assert 0 < summary["captured"] < 2 * LINES
    assert summary["orders"] > 0
