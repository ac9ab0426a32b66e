"""The monitor on a real broker: killed and started again, it tells what a pass over the log tells; no order notices."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from monitoring.health_inputs import health_over
from monitoring.health_now import HealthNow
from monitoring.health_topic import written
from monitoring.place_health import NANOS
from replay.plan import PlayPlan
from replay.session import KafkaSession, MemorySession
from replay.summary import summarise
from schemas.codec import encode
from schemas.feed_health import FeedHealth, key_of
from streams.clock import monotonic_s, sleep_s
from streams.kafka import KafkaLog, connect

REPOSITORY = Path(__file__).resolve().parents[2]
WAIT_S_MAX = 120.0
SECONDS = 40.0


class Monitor:
    """A monitor of a run, in a process of its own."""

    def __init__(self, bootstrap: str, run: str, cwd: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "console.main", "--bootstrap", bootstrap, "feed", "health", "--run", run,
             "--window", "1", "--json"],
            env={**os.environ, "PYTHONPATH": str(REPOSITORY)}, cwd=cwd, text=True, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip

    def watching(self) -> dict[str, Any]:
        """Its first line: it is up, and the signals are its own."""
        assert self.process.stdout is not None
        line: dict[str, Any] = json.loads(self.process.stdout.readline())
        return line

    def end(self, number: int) -> tuple[int, list[dict[str, Any]], str]:
        """Exit code, what it said, and standard error, after a signal."""
        self.process.send_signal(number)
        output, errors = self.process.communicate(timeout=WAIT_S_MAX)
        return self.process.returncode, [json.loads(line) for line in output.splitlines()], errors


@pytest.fixture
def monitors() -> Iterator[list[Monitor]]:
    started: list[Monitor] = []
    yield started
    for monitor in started:
        if monitor.process.poll() is None:
            monitor.process.kill()
            monitor.process.communicate()


def by_key(found: Any) -> dict[bytes, bytes]:
    kept: dict[bytes, bytes] = {}
    for health in found:
        assert kept.setdefault(key_of(health), encode(health)) == encode(health)
    return kept


def told(log: KafkaLog, plan: PlayPlan) -> list[FeedHealth]:
    return [health for _, health in written(log, plan.namespace)]


def until(holds: Callable[[], bool], what: str) -> None:
    end = monotonic_s() + WAIT_S_MAX
    while not holds():
        assert monotonic_s() < end, f"never: {what}"
        sleep_s(0.1)


@pytest.mark.long
def test_a_monitor_that_is_killed_tells_what_a_pass_over_the_log_tells_and_no_order_notices(
    kafka: Any, tmp_path: Path, monitors: list[Monitor]
) -> None:
    plan = PlayPlan(run=f"h{uuid.uuid4().hex[:12]}", seconds=SECONDS, seed=3, speed=1.0)
    alone = MemorySession(PlayPlan(run="r", seconds=SECONDS, seed=3, speed=0.0))
    alone.run(lambda: None)
    expected_orders = summarise(alone)[0]["order_hash"]

    log = connect(kafka.bootstrap)
    (here := tmp_path / "here").mkdir()
    session = KafkaSession(log, plan, tmp_path, lambda _event: None)
    kills = 0

    def watch() -> None:
        """Start a monitor; kill it when it has told more than the one before, twice; then there is none."""
        nonlocal kills
        if kills < 2 and (not monitors or monitors[-1].process.poll() is not None):
            monitors.append(Monitor(kafka.bootstrap, plan.run, here))
        elif kills < 2 and len(told(log, plan)) > 8 * (kills + 1):
            monitors[-1].end(signal.SIGKILL)
            kills += 1

    try:
        session.run(watch)
        summary = summarise(session)[0]
    finally:
        session.close()
    assert (summary["lost"], summary["duplicated"]) == (0, 0)
    assert summary["order_hash"] == expected_orders
    assert summary["orders"] > 0

    expected = by_key(health_over(log, plan.namespace, NANOS))
    assert len(expected) > 30
    before = by_key(told(log, plan))
    assert before.items() < expected.items(), "it died before it had told all, and told nothing else"
    monitors.append(Monitor(kafka.bootstrap, plan.run, here))
    assert monitors[-1].watching()["event"] == "watching"
    until(lambda: len(by_key(told(log, plan))) >= len(expected), "the rest is told")
    code, said, errors = monitors[-1].end(signal.SIGTERM)
    assert (code, errors) == (0, "")
    assert said[-1]["event"] == "ended"
    assert by_key(told(log, plan)) == expected
    assert len(told(log, plan)) < 2 * len(expected), "a monitor that comes back does not begin again"
    assert kills == 2
    assert not list(here.iterdir()), "a monitor leaves nothing in the folder it was started in"
    once = subprocess.run(
        [sys.executable, "-m", "console.main", "--bootstrap", kafka.bootstrap, "feed", "health", "--once", "--run",
         plan.run, "--window", "1", "--json"],
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)}, cwd=REPOSITORY, capture_output=True, check=True,
    )  # fmt: skip
    assert sorted(once.stdout.splitlines()) == sorted(expected.values())
    newest = HealthNow(log, plan.namespace, plan.source).look()
    assert newest
    assert all(h["rate_per_s"] >= 0 and h["stale_ms"] >= 0 for h in newest.values())
    log.close()
