"""A live topology tells Prometheus how it is: every process, at its own port; one that is taken does without."""

from __future__ import annotations

import os
import random
import re
import signal
import socket
import urllib.request
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from streams.clock import monotonic_s, sleep_s
from streams.metrics import METRICS
from tests.kafka.live_desk import WAIT_S_MAX, LiveDesk

PROCESSES = ("up", "clock", "normalise", "hot", "risk", "venue", "feed")


def free_base() -> int:
    """A port with as many free ones behind it, where no client's connection takes one meanwhile: below the range that
    systems draw those from."""
    for base in random.sample(range(10_000, 20_000, len(PROCESSES)), 100):
        if all(is_free(base + i) for i in range(len(PROCESSES))):
            return base
    raise AssertionError("no ports")


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def scraped(port: int) -> dict[str, float]:
    """Sum of each metric over its labels; empty while nobody listens."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=20) as answer:
            text = answer.read().decode()
    except OSError:
        return {}
    found: dict[str, float] = {}
    for family in text_string_to_metric_families(text):
        assert family.name + ("_total" if family.type == "counter" else "") in METRICS
        for sample in family.samples:
            found[sample.name] = found.get(sample.name, 0.0) + sample.value
    return found


def until(holds: object, what: str) -> None:
    end = monotonic_s() + WAIT_S_MAX
    while not holds():  # type: ignore[operator]
        assert monotonic_s() < end, f"never: {what}"
        sleep_s(0.2)


@pytest.mark.long
def test_every_process_is_read_while_it_works_killed_and_brought_back(desk: LiveDesk, tmp_path: Path) -> None:
    base = free_base()
    with socket.create_server(("127.0.0.1", base + PROCESSES.index("venue"))):
        work_and_die(desk, base, tmp_path)


def work_and_die(desk: LiveDesk, base: int, tmp_path: Path) -> None:
    up = desk.start("up", "--metrics-port", str(base), "--json", cwd=tmp_path)
    ports = {name: base + i for i, name in enumerate(PROCESSES)}
    until(lambda: scraped(ports["risk"]).get("tapedeck_decisions_total", 0) > 3, "risk decides")
    found = {name: scraped(port) for name, port in ports.items() if name != "venue"}
    assert found["up"]["tapedeck_task_up"] == len(PROCESSES) - 1
    assert found["hot"]["tapedeck_inputs_total"] > 100
    assert found["hot"]["tapedeck_input_end_offset"] >= found["hot"]["tapedeck_input_offset"] > 0
    assert 0 <= found["hot"]["tapedeck_log_time_behind_seconds"] < WAIT_S_MAX
    assert found["feed"]["tapedeck_acknowledged_total"] > 100
    assert found["feed"]["tapedeck_published_total"] >= found["feed"]["tapedeck_acknowledged_total"]
    assert found["clock"]["tapedeck_published_total"] > 10
    assert found["normalise"]["tapedeck_outputs_total"] > 100
    assert found["risk"]["tapedeck_commit_seconds_count"] > 3
    assert found["risk"]["tapedeck_instruments"] >= 3
    os.kill(desk.workers(up)["hot"], signal.SIGKILL)
    until(lambda: scraped(ports["up"]).get("tapedeck_task_restarts_total") == 1, "it is brought back")
    until(lambda: scraped(ports["hot"]).get("tapedeck_commit_seconds_count", 0) > 0, "it works again")
    code, told, errors = desk.end(up, signal.SIGTERM)
    assert code == 0, errors
    assert told["metrics"] == {name: port for name, port in ports.items() if name != "venue"}
    assert re.search(r"venue: no metrics.*--metrics-port", errors)


@pytest.mark.long
def test_at_port_0_each_picks_a_free_one_and_says_which(desk: LiveDesk, tmp_path: Path) -> None:
    code, told, errors = desk.run("up", "--metrics-port", "0", "--seconds", "1", "--json", cwd=tmp_path)
    assert code == 0, errors
    assert set(told["metrics"]) == set(PROCESSES)
    assert len(set(told["metrics"].values())) == len(PROCESSES)
    assert errors.count("metrics at port") >= len(PROCESSES)


def test_a_port_that_cannot_be_is_refused_before_anything_starts(desk: LiveDesk, tmp_path: Path) -> None:
    code, _, errors = desk.run("up", "--metrics-port", "99999", cwd=tmp_path)
    assert code == 2
    assert "--metrics-port" in errors
