"""A short real run, compared with itself, one of its orders traced, and reported on: by the commands a user types."""

from __future__ import annotations

import os
import subprocess
import sys
import uuid
from pathlib import Path
from typing import Any

import orjson
import pytest

from replay.plan import PlayPlan
from replay.session import KafkaSession
from schemas.codec import decode_any
from schemas.order import Order
from streams.kafka import connect

COMMAND_S_MAX = 120


@pytest.fixture(scope="module")
def played(kafka: Any, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str, str]:
    """Bootstrap, run and an order of it."""
    log = connect(kafka.bootstrap)
    plan = PlayPlan(run=f"t{uuid.uuid4().hex[:12]}", seconds=20.0, seed=3, speed=0.0)
    session = KafkaSession(log, plan, tmp_path_factory.mktemp("run"), lambda _event: None)
    try:
        session.run(lambda: None)
    finally:
        session.close()
    orders = (decode_any(r.value) for r in log.scan(plan.topic("orders"), 0, 0, committed=True))
    order = next(o for o in orders if isinstance(o, Order))
    log.close()
    return kafka.bootstrap, plan.run, order.client_order_id


def ran(bootstrap: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "console.main", "--bootstrap", bootstrap, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=COMMAND_S_MAX, env=os.environ)


def test_a_run_is_identical_to_itself(played: tuple[str, str, str]) -> None:
    bootstrap, run, _ = played
    done = ran(bootstrap, "replay", "diff", run, run, "--json")
    assert done.returncode == 0, done.stderr
    found = orjson.loads(done.stdout)
    assert found["identical"]
    assert len(found["hash"]) == 64
    assert found["first_divergence"] is None
    assert found["counts"]["ticks"]["same"] > 1_000
    assert ran(bootstrap, "replay", "diff", run, "nobody").returncode == 2


def test_an_order_is_traced(played: tuple[str, str, str]) -> None:
    bootstrap, run, order_id = played
    done = ran(bootstrap, "trace", order_id, "--run", run, "--json")
    assert done.returncode == 0, done.stderr + done.stdout
    story = orjson.loads(done.stdout)
    assert story["verified"]
    assert story["features"]["agrees"]
    assert story["order"]["document"]["client_order_id"] == order_id
    drawn = ran(bootstrap, "trace", order_id)
    assert drawn.returncode == 0
    assert "time in each hop" in drawn.stdout
    unknown = ran(bootstrap, "trace", order_id + "9")
    assert unknown.returncode == 2
    assert order_id in unknown.stderr
    assert "Traceback" not in unknown.stderr


def test_a_report_is_written_and_a_budget_is_a_gate(played: tuple[str, str, str], tmp_path: Path) -> None:
    bootstrap, run, _ = played
    budget, page = tmp_path / "latency.toml", tmp_path / "report.html"
    budget.write_text('[tick_to_order]\nowner = "desk"\np99 = "3600 s"\n')
    done = ran(bootstrap, "replay", "report", f"{run}=staging", run, "--html", page, "--hlog", tmp_path / "hlog",
               "--budget", budget)  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "within budget" in page.read_text()
    assert (tmp_path / "hlog" / "tick_to_order.hlog").exists()
    budget.write_text('[tick_to_order]\nowner = "desk"\np50 = "1 ns"\nmitigation = "look"\n')
    over = ran(bootstrap, "replay", "report", run, "--budget", budget, "--json")
    assert over.returncode == 1
    assert not orjson.loads(over.stdout)["passed"]
