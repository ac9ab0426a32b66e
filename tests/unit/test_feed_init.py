"""``feed init``: what it writes runs, passes its own test, and ``feed check`` accepts what it publishes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import orjson
import pytest

from agents.live_plan import load_topology
from console.feed_init import FILES
from console.main import main
from schemas.sources import number_of

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    assert main(["feed", "init", "acme"]) == 0
    return tmp_path / "acme"


def ran(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, *arguments], cwd=folder, env={**os.environ, "PYTHONPATH": f"{REPOSITORY}{os.pathsep}{folder}"},
        capture_output=True, text=True, check=False, timeout=240,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_what_it_writes_passes_its_test_and_feed_check_accepts_it(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert sorted(path.name for path in folder.iterdir()) == sorted(FILES)
    assert "2 passed" in ran(folder, "-m", "pytest", "-q", "-p", "no:cacheprovider")
    said = ran(folder, "publisher.py", "--seconds", "0.5", "--offline", "--record", "ticks.capture")
    assert said.startswith("10 ticks")
    capsys.readouterr()
    assert main(["feed", "check", "json", str(folder / "ticks.capture"), "--json"]) == 0
    report = orjson.loads(capsys.readouterr().out)
    found = report["instruments"]["spot:BTCUSDT"]
    assert "depth_synchronised" not in found, "no book is missing where quotes serve"
    assert (report["rejected"], found["messages"], found["ticks"], found["gaps"]) == (0, 10, 10, 0)


def test_its_topology_trades_on_the_source(folder: Path) -> None:
    plan = load_topology(folder / "topology.toml")
    assert (plan.source, plan.opening("r").publisher_id) == ("acme", number_of("acme"))
    assert "spot:BTCUSDT" in {d.instrument for d in plan.definitions}


@pytest.mark.parametrize("name", ["binance", "json", "retry", "a.b"])
def test_a_name_that_is_no_own_sources_is_refused(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["feed", "init", name]) == 2
    assert "not a name for a source of your own" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
