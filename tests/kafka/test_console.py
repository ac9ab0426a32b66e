"""The command line on a real broker: a run, killed and interrupted, and its topics read back."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson
import pytest

from streams.home import HOME_VARIABLE

if TYPE_CHECKING:
    from tests.conftest import Kafka

REPOSITORY = Path(__file__).resolve().parents[2]
ENDED_S_MAX = 200.0
"""A cold machine compiles kernels first."""

pytestmark = pytest.mark.timeout(600)


def started(*arguments: str) -> subprocess.Popen[str]:
    """A ``tapedeck`` of its own, in the home of the tests."""
    assert HOME_VARIABLE in os.environ, "never the user's home"
    return subprocess.Popen(
        [sys.executable, "-m", "console.main", *arguments], cwd=REPOSITORY, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


def ran(*arguments: str) -> tuple[int, str, str]:
    """Exit code, standard output and standard error."""
    process = started(*arguments)
    out, err = process.communicate(timeout=ENDED_S_MAX)
    return process.returncode, out, err


@pytest.fixture(scope="module")
def run(kafka: Kafka) -> dict[str, Any]:
    """Summary of a run whose risk task was killed on the way."""
    code, out, err = ran(
        "--bootstrap", kafka.bootstrap, "demo", "--seconds", "4", "--speed", "max", "--kill", "risk@5", "--json"
    )
    assert code == 0, err
    assert "risk was killed after 5 inputs; back in " in err
    summary: dict[str, Any] = orjson.loads(out.splitlines()[-1])
    return summary


def test_a_killed_run_is_whole_and_orders_what_memory_orders(run: dict[str, Any]) -> None:
    code, out, err = ran("demo", "--log", "memory", "--seconds", "4", "--speed", "max", "--json")
    assert code == 0, err
    assert orjson.loads(out)["order_hash"] == run["order_hash"]
    assert (run["lost"], run["duplicated"], run["restarts"]) == (0, 0, {"risk": 1})
    assert run["orders"] > 0


def test_topics_of_a_run_are_listed_and_their_orders_read(run: dict[str, Any], kafka: Kafka) -> None:
    code, out, err = ran("--bootstrap", kafka.bootstrap, "topics", "list", "--run", run["run"], "--json")
    assert code == 0, err
    events = {t["name"]: t["events"] for t in orjson.loads(out)["topics"] if t["run"] == run["run"]}
    assert events["raw.simulator"] == run["captured"]
    assert events["scores"] == run["ticks"]
    assert events["orders"] == run["orders"]

    where = ("--bootstrap", kafka.bootstrap, "topics", "tail")
    code, out, err = ran(*where, "orders", "-n", "3", "--run", run["run"])
    assert code == 0, err
    orders = [orjson.loads(line) for line in out.splitlines()]
    assert [order["type"] for order in orders] == ["order"] * min(3, run["orders"])
    code, _, err = ran(*where, "order", "--run", run["run"])
    assert code == 2
    assert "allowed: orders" in err


def test_the_embedded_broker_is_found_without_being_named(kafka: Kafka) -> None:
    code, out, _ = ran("broker", "status", "--json")
    status = orjson.loads(out)
    assert (code, status["running"], status["bootstrap"]) == (0, True, kafka.bootstrap)
    assert ran("topics", "list")[0] == 0


def test_an_interrupted_run_drains_and_leaves_no_process_behind(kafka: Kafka) -> None:
    process = started("--bootstrap", kafka.bootstrap, "demo", "--seconds", "600")
    assert process.stderr is not None
    while not (line := process.stderr.readline()).startswith("playing"):
        assert line, "it ended before it played"
    workers = subprocess.run(["pgrep", "-P", str(process.pid)], capture_output=True, text=True).stdout.split()
    assert len(workers) == 5
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=ENDED_S_MAX)
    assert process.returncode == 130, err
    assert "lost, duplicated  0, 0" in out
    assert not any(Path(f"/proc/{pid}").exists() for pid in workers)
