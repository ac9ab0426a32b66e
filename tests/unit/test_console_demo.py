"""``tapedeck demo`` in memory, and ``feed check``: what they print and how they end. Nothing here needs a broker."""

from __future__ import annotations

import contextlib
import gzip
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import orjson
import pytest

from console.interrupts import REPEAT_S, Interrupted, Interrupts
from console.main import main
from streams.home import HOME_VARIABLE
from tests.signals_heeded import heeded

REPOSITORY = Path(__file__).resolve().parents[2]
KEYS = {
    "run", "ticks", "captured", "trades", "intents", "orders", "denied", "executions", "dead_letters", "gaps", "lost",
    "duplicated", "pnl", "elapsed_s", "ticks_per_s", "hops", "order_hash",
}  # fmt: skip
ENDED_S_MAX = 120.0
"""A cold machine compiles kernels first."""


def started(*arguments: str, **settings: Any) -> subprocess.Popen[str]:
    """A ``tapedeck`` of its own, in the home of the tests."""
    assert HOME_VARIABLE in os.environ, "never the user's home"
    return subprocess.Popen(
        [sys.executable, "-m", "console.main", *arguments], cwd=REPOSITORY, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, **settings,
    )  # fmt: skip


def ran(*arguments: str, **settings: Any) -> subprocess.CompletedProcess[str]:
    """The same, ended."""
    process = started(*arguments, **settings)
    out, err = process.communicate(timeout=ENDED_S_MAX)
    return subprocess.CompletedProcess(arguments, process.returncode, out, err)


@pytest.fixture(scope="module")
def capture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A few recorded lines of one instrument."""
    path = tmp_path_factory.mktemp("captures") / "spot.txt"
    ticker = (
        '{"stream":"btcusdt@bookTicker","data":{"u":%d,"s":"BTCUSDT","b":"60000.00","B":"1","a":"60000.01","A":"1"}}'
    )
    lines = [f"{1_723_161_254_000_000_000 + i} {ticker % (i + 1)}" for i in range(40)]
    path.write_text("\n".join(lines) + "\n")
    return path


def test_a_feed_check_names_rejected_lines_and_reads_a_cut_file_to_its_cut(
    capture: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = tmp_path / "bad.txt"
    bad.write_bytes(capture.read_bytes() + b"garbage\n")
    assert main(["feed", "check", "binance", "--capture", str(bad), "--json"]) == 0
    captured = capsys.readouterr()
    report = orjson.loads(captured.out.splitlines()[-1])
    assert report["rejected"] == 1
    assert report["instruments"]["spot:BTCUSDT"]["messages"] == 40
    assert captured.err.startswith(f"{bad}:41: ")

    cut = tmp_path / "cut.gz"
    cut.write_bytes(gzip.compress(os.urandom(64).hex().encode() + b"\n" + capture.read_bytes())[:-40])
    assert main(["feed", "check", "binance", "--capture", str(cut), "--json"]) == 1
    assert "gzip cut short" in capsys.readouterr().err


def test_the_tables_of_a_feed_check_are_80_columns_wide(capture: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["feed", "check", "binance", "--capture", str(capture)]) == 0
    shown = capsys.readouterr().out
    assert "spot:BTCUSDT" in shown
    assert "depth is not synchronised" in shown
    assert max(map(len, shown.splitlines())) <= 80
    assert "…" not in shown


def played(*arguments: str) -> tuple[dict[str, Any], str]:
    """Summary and standard error of a short run in memory, flat out."""
    done = ran("demo", "--log", "memory", "--speed", "max", "--seconds", "3", "--json", *arguments)
    assert done.returncode == 0, done.stderr
    return orjson.loads(done.stdout.splitlines()[-1]), done.stderr


def test_a_run_ends_with_one_json_object_and_its_histograms() -> None:
    summary, said = played()
    assert said == "", "nobody watches: nothing is said"
    assert summary.keys() >= KEYS
    assert summary["ticks"] > 0
    assert summary["intents"] == summary["orders"] + summary["denied"]
    assert (summary["lost"], summary["duplicated"]) == (0, 0)
    assert {"count", "p50_us", "p95_us", "p99_us", "p999_us", "max_us"} == summary["hops"]["tick_to_order"].keys()
    folder = Path(os.environ[HOME_VARIABLE]) / "runs" / summary["run"]
    assert (folder / "tick_to_order.hlog").stat().st_size > 0


def test_the_order_hash_is_the_same_split_and_after_kills_which_are_told() -> None:
    plain, _ = played()
    killed, said = played("--split", "--kill", "risk@3", "--kill", "feed@100", "--kill", "score@99999999")
    assert killed["order_hash"] == plain["order_hash"]
    assert "risk was killed after 3 inputs" in said
    assert "feed was killed after 100 inputs" in said
    assert "--kill score@99999999 never happened" in said


def test_the_summary_for_people_fits_80_columns() -> None:
    done = ran("demo", "--log", "memory", "--speed", "max", "--seconds", "2", env={**os.environ, "NO_COLOR": "1"})
    assert done.returncode == 0
    assert "tick_to_order" in done.stdout
    assert "\x1b" not in done.stdout
    hash_and_folder = ("order hash", "histograms")
    assert all(len(line) <= 80 for line in done.stdout.splitlines() if not line.startswith(hash_and_folder))


def test_rejected_lines_of_a_run_are_told_with_their_place(capture: Path, tmp_path: Path) -> None:
    bad = tmp_path / "bad.txt"
    bad.write_bytes(capture.read_bytes() + b"garbage\n")
    done = ran("demo", "--log", "memory", "--speed", "max", "--json", "--capture", str(bad))
    assert done.returncode == 0, done.stderr
    summary = orjson.loads(done.stdout)
    assert (summary["captured"], summary["dead_letters"]) == (40, 1)
    assert f"demo.{summary['run']}.raw.binance@40 bad_payload: " in done.stderr


def test_records_lost_are_said_and_are_no_success(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from replay.summary import summarise

    def losing(session: Any) -> Any:
        summary, audit = summarise(session)
        return {**summary, "lost": 2}, audit

    monkeypatch.setattr("console.play.summarise", losing)
    assert main(["demo", "--log", "memory", "--speed", "max", "--seconds", "1", "--json"]) == 1
    assert "2 records lost" in capsys.readouterr().err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_interrupt_drains_and_shows_the_summary(number: signal.Signals) -> None:
    process = started("demo", "--log", "memory", "--seconds", "600")
    assert process.stderr is not None
    while not (line := process.stderr.readline()).startswith("playing"):
        assert line, "it ended before it played"
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert " interrupted: " in out.splitlines()[0]
    assert "lost, duplicated  0, 0" in out
    assert "Traceback" not in err


def test_an_interrupt_before_anything_runs_is_one_line() -> None:
    process = started("demo", "--log", "memory", "--seconds", "600", "--json")
    time.sleep(0.5)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert out == ""
    assert len(err.splitlines()) == 1


def test_the_second_interrupt_ends_at_once() -> None:
    stops: list[int] = []
    with Interrupts() as interrupts:
        interrupts.on_first(lambda: stops.append(1))
        signal.raise_signal(signal.SIGINT)
        assert stops == [1]
        with pytest.raises(Interrupted):
            signal.raise_signal(signal.SIGTERM)
        signal.raise_signal(signal.SIGINT)  # a third does not break what ends
    assert interrupts.count == 3


def test_an_interrupt_is_no_error_that_a_library_may_swallow_and_can_be_repeated(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now_s = [100.0]
    monkeypatch.setattr("console.interrupts.monotonic_s", lambda: now_s[0])
    with Interrupts():
        with pytest.raises(Interrupted), contextlib.suppress(Exception):
            signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)  # it ends because of the first
        now_s[0] += REPEAT_S
        with pytest.raises(Interrupted):
            signal.raise_signal(signal.SIGINT)


class Finalised:
    """Interrupted while it is finalised, where Python can raise nothing."""

    def __del__(self) -> None:
        signal.raise_signal(signal.SIGTERM)


def test_an_interrupt_where_nothing_can_be_raised_comes_again() -> None:
    def finalise() -> None:
        with Interrupts() as interrupts:
            Finalised()
            assert interrupts.count == 1
            time.sleep(5)

    with pytest.raises(Interrupted):
        finalise()


def test_a_swallowed_interrupt_is_heard_when_the_run_begins() -> None:
    with Interrupts() as interrupts:
        with contextlib.suppress(BaseException):
            signal.raise_signal(signal.SIGINT)
        with pytest.raises(Interrupted):
            interrupts.on_first(lambda: None)
        with pytest.raises(Interrupted):
            Interrupts().__enter__()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("part", [0.0, 0.1, 0.3, 0.6])
def test_an_interrupt_while_modules_load_ends_with_its_exit_code(number: signal.Signals, part: float) -> None:
    process = started("--log-format", "json", "demo", "--log", "memory", "--seconds", "600", "--json")
    heeded(process)
    time.sleep(part)
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (130, ""), err
    assert err.count("interrupted") >= 1
    assert "Traceback" not in err
