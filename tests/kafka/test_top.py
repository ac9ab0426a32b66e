"""``tapedeck top`` over a real broker: a run under way, one that has ended, one that never was."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from streams.broker import EmbeddedBroker
from tests.conftest import Kafka

REPOSITORY = Path(__file__).resolve().parents[2]
ENDED_S_MAX = 200.0
"""A cold machine compiles kernels first."""
NOBODY = "127.0.0.1:1"
"""A port on which no broker listens."""

pytestmark = pytest.mark.timeout(600)


def started(*arguments: str, **more: Any) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "console.main", *arguments]
    streams: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **more}
    return subprocess.Popen(command, cwd=REPOSITORY, text=True, **streams)


def ran(*arguments: str) -> tuple[int, str, str]:
    process = started(*arguments)
    out, err = process.communicate(timeout=ENDED_S_MAX)
    return process.returncode, out, err


@pytest.fixture(scope="module")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kafka]:
    """A broker of its own: on a shared one the newest run may be another test's, and never opened."""
    broker = EmbeddedBroker(tmp_path_factory.mktemp("top"))
    try:
        bootstrap = broker.up().bootstrap
        assert bootstrap is not None
        yield Kafka(bootstrap)
    finally:
        broker.down()


@pytest.fixture(scope="module")
def summary(kafka: Kafka) -> dict[str, Any]:
    """Summary of a run that was killed on the way."""
    code, out, err = ran(
        "--bootstrap", kafka.bootstrap, "demo", "--seconds", "4", "--speed", "max", "--kill", "hot@500", "--json"
    )
    assert code == 0, err
    found: dict[str, Any] = orjson.loads(out.splitlines()[-1])
    return found


def test_a_run_that_has_ended_is_one_object(kafka: Kafka, summary: dict[str, Any]) -> None:
    code, out, err = ran("--bootstrap", kafka.bootstrap, "top", "--run", summary["run"], "--once", "--json")
    assert (code, err) == (0, "")
    (line,) = out.splitlines()
    figures = orjson.loads(line)
    assert (figures["run"], figures["stage"]) == (summary["run"], "ended")
    for name in ("ticks", "intents", "orders", "denied", "executions"):
        assert figures[name]["total"] == summary[name], name
    assert {currency: money["total"] for currency, money in figures["pnl"].items()} == summary["pnl"]
    assert figures["gaps"] == summary["gaps"]
    assert sum(figures["denials"].values()) == summary["denied"]
    assert {task["name"]: task["lag"] for task in figures["tasks"] if task["hops"]} == {
        "normalise": 0, "hot": 0, "risk": 0, "venue": 0
    }  # fmt: skip


def test_whoever_follows_a_run_that_has_ended_is_let_go(kafka: Kafka, summary: dict[str, Any]) -> None:
    code, out, err = ran("--bootstrap", kafka.bootstrap, "top", "--run", summary["run"], "--json")
    assert (code, err) == (0, "")
    assert orjson.loads(out.splitlines()[-1])["executions"]["total"] == summary["executions"]
    code, out, _ = ran("--bootstrap", kafka.bootstrap, "top", "--run", summary["run"], "--once")
    assert code == 0
    assert max(map(len, out.splitlines())) < 80
    assert f"tapedeck {summary['run']}" in out


def test_a_run_that_never_was_is_refused_in_one_line(kafka: Kafka, summary: dict[str, Any]) -> None:
    code, out, err = ran("--bootstrap", kafka.bootstrap, "top", "--run", "nobody", "--once")
    assert (code, out) == (2, "")
    assert len(err.splitlines()) == 1
    assert "--run: no such run; got nobody" in err


def test_without_a_broker_it_is_one_line(kafka: Kafka) -> None:
    code, out, err = ran("--bootstrap", NOBODY, "top", "--once", "--json")
    assert (code, out) == (3, "")
    assert len(err.splitlines()) == 1
    assert NOBODY in err


@pytest.fixture(scope="module")
def under_way(kafka: Kafka, summary: dict[str, Any]) -> Iterator[subprocess.Popen[str]]:
    """A run that goes on until it is interrupted."""
    demo = started("--bootstrap", kafka.bootstrap, "demo", "--seconds", "3600")
    assert demo.stderr is not None
    while not (line := demo.stderr.readline()).startswith("playing"):
        assert line, "it ended before it played"
    yield demo
    if demo.poll() is None:
        demo.send_signal(signal.SIGINT)
        demo.communicate(timeout=ENDED_S_MAX)


def test_a_run_under_way_is_the_one_meant(
    kafka: Kafka, summary: dict[str, Any], under_way: subprocess.Popen[str]
) -> None:
    code, out, _ = ran("--bootstrap", kafka.bootstrap, "top", "--once", "--json")
    assert code == 0
    figures = orjson.loads(out)
    assert figures["run"] > summary["run"]
    assert figures["stage"] == "playing"
    assert figures["ticks"]["per_s"] > 0
    assert figures["tick_age_s"] is not None
    assert under_way.poll() is None, "watching changes nothing"


@pytest.mark.parametrize(("key", "ends"), [(b"q", 0), (None, 130)])
def test_on_a_terminal_a_key_or_an_interrupt_leaves(
    key: bytes | None, ends: int, kafka: Kafka, under_way: subprocess.Popen[str]
) -> None:
    ours, theirs = pty.openpty()
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "80", "LINES": "24"}
    top = started("--bootstrap", kafka.bootstrap, "top", stdin=theirs, stdout=theirs, stderr=theirs, env=environment)
    os.close(theirs)
    drawn = b""
    while b"tick to order" not in drawn:
        drawn += os.read(ours, 65_536)
    if key is None:
        top.send_signal(signal.SIGINT)
    else:
        os.write(ours, key)
    try:
        while read := os.read(ours, 65_536):
            drawn += read
    except OSError:  # Linux says so when the other end is closed
        pass
    os.close(ours)
    assert top.wait(ENDED_S_MAX) == ends
    assert drawn.rfind(b"\x1b[?1049l") > drawn.find(b"\x1b[?1049h") >= 0, "the former screen is back"
    assert under_way.poll() is None


def test_a_run_is_followed_to_its_end(kafka: Kafka, under_way: subprocess.Popen[str]) -> None:
    top = started("--bootstrap", kafka.bootstrap, "top", "--json", "--interval", "0.5")
    assert top.stdout is not None
    first = orjson.loads(top.stdout.readline())
    under_way.send_signal(signal.SIGINT)
    said, _ = under_way.communicate(timeout=ENDED_S_MAX)
    out, err = top.communicate(timeout=ENDED_S_MAX)
    assert (top.returncode, err) == (0, "")
    last = orjson.loads(out.splitlines()[-1])
    assert (first["stage"], last["stage"]) == ("playing", "ended")
    assert first["ticks"]["total"] < last["ticks"]["total"]
    assert f"{last['ticks']['total']:,}, " in said
    assert f"{last['orders']['total']:,} of {last['intents']['total']:,} intents" in said
