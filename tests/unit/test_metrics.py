"""Metrics: each named once, typed and explained; read while a task works; a port that is taken is told, no more."""

from __future__ import annotations

import re
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from agents import process_metrics
from agents.desk_metrics import POSITIONS_MAX, counted, of_task
from agents.live_plan import load_topology
from agents.supervisor import Supervisor
from agents.worker_spec import WorkerSpec
from schemas.errors import ConfigError
from streams.metrics import COMMIT_BUCKETS_S, METRICS, TABLE, Reading
from streams.metrics_page import page
from streams.metrics_server import Endpoint, Readings, info
from streams.runner import Task
from tests.faults.test_live_memory import Desk

REPOSITORY = Path(__file__).resolve().parents[2]
UNITS = {"_seconds": "s", "_bytes": "bytes", "_total": None}


def test_the_page_is_what_the_table_says() -> None:
    assert (REPOSITORY / "docs" / "metrics.md").read_text(encoding="utf-8") == page(), "make it anew: just docs"


def test_each_is_named_once_and_as_prometheus_would_have_it() -> None:
    assert len({metric.name for metric in TABLE}) == len(TABLE)
    for metric in TABLE:
        assert re.fullmatch(r"(tapedeck|process)_[a-z_]+", metric.name), metric.name
        assert metric.name.endswith("_total") == (metric.type == "counter"), metric.name
        assert metric.name.endswith(("_seconds", "_seconds_total")) == (metric.unit in ("s",)), metric.name
        assert metric.name.endswith("_bytes") == (metric.unit == "bytes"), metric.name
        assert metric.help.endswith(".")
        assert "task" not in metric.labels


@contextmanager
def served(task: str, readings: list[Readings]) -> Iterator[int]:
    endpoint = Endpoint(task, readings)
    try:
        yield endpoint.port
    finally:
        endpoint.close()


def scraped(port: int) -> dict[str, dict[tuple[tuple[str, str], ...], float]]:
    """Values by name and labels, as Prometheus' own parser reads them; every type is the table's."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=20) as answer:
        text = answer.read().decode()
    found: dict[str, dict[tuple[tuple[str, str], ...], float]] = {}
    for family in text_string_to_metric_families(text):
        name = family.name + ("_total" if family.type == "counter" else "")
        assert METRICS[name].type == family.type
        assert METRICS[name].help == family.documentation or name.startswith("process_")
        for sample in family.samples:
            found.setdefault(sample.name, {})[tuple(sorted(sample.labels.items()))] = sample.value
    return found


def of(found: dict[str, Any], name: str, **labels: str) -> float:
    return float(found[name][tuple(sorted(labels.items()))])


@pytest.fixture(scope="module")
def desk() -> Desk:
    """A live desk over the memory log, with decisions counted as a worker that serves metrics has them counted."""
    made = Desk(5, kill_share=0.0)
    for name in ("normalise", "risk"):
        task = made.actors[name].at_work
        again = Task(task.plan, counted(list(task.stages)), made.log, monotonic=made.monotonic, wall=made.wall)
        made.actors[name].lives = [again]
    tasks = ("normalise", "hot", "risk", "venue")
    readings = {name: of_task(made.actors[name].at_work, made.context) for name in tasks}
    feed, ticker = made.actors["feed"].at_work, made.actors["clock"].at_work
    readings |= {"feed": process_metrics.of_feed(feed), "clock": process_metrics.of_clock(ticker)}
    made.readings = {name: [info(lambda: "r"), *found] for name, found in readings.items()}  # type: ignore[attr-defined]
    made.run()
    return made


def scrape(desk: Any, name: str) -> dict[str, Any]:
    with served(name, desk.readings[name]) as port:
        return scraped(port)


def test_a_task_tells_what_the_log_holds(desk: Desk) -> None:
    found = scrape(desk, "hot")
    hot = desk.actors["hot"].at_work
    ticks = len(desk.rows("ticks.simulator"))
    assert of(found, "tapedeck_inputs_total", task="hot") == ticks > 1_000
    assert of(found, "tapedeck_inputs_position", task="hot") == hot.inputs
    assert of(found, "tapedeck_outputs_total", task="hot", topic="scores") == len(desk.rows("scores"))
    buckets = found["tapedeck_commit_seconds_bucket"]
    assert len(buckets) == len(COMMIT_BUCKETS_S) + 1
    assert of(found, "tapedeck_commit_seconds_count", task="hot") == max(buckets.values()) > 3
    assert of(found, "tapedeck_snapshot_bytes", task="hot") > 1_000
    assert of(found, "tapedeck_transaction_age_seconds", task="hot") == 0.0
    assert of(found, "tapedeck_recovery_active", task="hot") == 0.0


def test_risk_tells_what_it_decided_and_what_is_held(desk: Desk) -> None:
    from schemas.decision import Decision

    found = scrape(desk, "risk")
    decisions = desk.documents("orders.decision", Decision)
    approved = sum(d.verdict == "approved" for d in decisions)
    assert of(found, "tapedeck_decisions_total", task="risk", verdict="approved") == approved > 5
    denied = sum(found.get("tapedeck_denials_total", {}).values())
    assert denied == len(decisions) - approved
    assert of(found, "tapedeck_instruments", task="risk", state="ACTIVE") == len(desk.plan.definitions)
    assert of(found, "tapedeck_halts", task="risk") == 0
    positions = {dict(labels)["instrument"]: value for labels, value in found["tapedeck_position"].items()}
    state = desk.actors["risk"].at_work._states[0]
    for slot, definition in enumerate(desk.context.instruments):
        held = int(state.position[slot]) * definition.size_increment / 1e9
        assert positions[definition.instrument] == pytest.approx(held)
    assert any(positions.values())


def test_every_metric_of_the_table_is_told_by_some_process(desk: Desk) -> None:
    told: set[str] = set()
    for name in ("normalise", "hot", "risk", "venue", "feed", "clock"):
        told |= scrape(desk, name).keys()
    supervisor = Supervisor()
    with served("up", process_metrics.of_supervisor(supervisor, ("hot",), {"hot": 2})) as port:
        found = scraped(port)
    assert of(found, "tapedeck_task_stalls_total", task="up", process="hot") == 2
    assert of(found, "tapedeck_task_up", task="up", process="hot") == 0
    told |= found.keys()
    # Told by Kafka's client alone, where something was refused or denied, and by a gateway (test_external_venue.py).
    elsewhere = {"tapedeck_input_end_offset", "tapedeck_input_lag_records", "tapedeck_dead_letters_total",
                 "tapedeck_denials_total", "tapedeck_working_orders", "tapedeck_report_repeats_total"}  # fmt: skip
    named = {name for name in METRICS if METRICS[name].type != "histogram" and not name.startswith("process_")}
    assert named - told - elsewhere == set()


def test_a_new_life_counts_from_nothing_and_its_position_goes_on(desk: Desk) -> None:
    hot = desk.actors["hot"].at_work
    again = Task(hot.plan, hot.stages, desk.log, monotonic=desk.monotonic, wall=desk.wall)
    with served("hot", of_task(again, desk.context)) as port:
        found = scraped(port)
    assert of(found, "tapedeck_inputs_total", task="hot") == 0
    assert of(found, "tapedeck_outputs_total", task="hot", topic="scores") == 0
    assert of(found, "tapedeck_inputs_position", task="hot") == hot.inputs


def test_what_is_refused_is_counted_by_kind() -> None:
    desk = Desk(9, kill_share=0.0)
    task = desk.actors["normalise"].at_work
    desk.log.appender().append("raw.simulator", 0, b"spot:BTCUSDT", b"not JSON", None)
    for _ in range(5):
        task.turn(0.0)
    with served("normalise", of_task(task, desk.context)) as port:
        kinds = scraped(port)["tapedeck_dead_letters_total"]
    assert sum(kinds.values()) == 1
    assert all(dict(labels)["kind"].partition(".")[0] in ("bad_payload", "bad_frame") for labels in kinds)


def test_a_port_that_is_taken_is_told_and_the_first_goes_on() -> None:
    with served("one", [info(lambda: "r")]) as port:
        with pytest.raises(ConfigError, match=r"two: no metrics.*--metrics-port"):
            Endpoint("two", [], port=port)
        assert "tapedeck_process_info" in scraped(port)


def test_only_metrics_are_served() -> None:
    with served("one", []) as port, pytest.raises(urllib.error.HTTPError, match="404"):
        urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=20)


def test_readings_that_change_under_the_scrape_are_left_out_and_counted() -> None:
    def changing() -> Iterator[Reading]:
        yield Reading("tapedeck_halts", 1)
        raise RuntimeError("dictionary changed size during iteration")

    with served("one", [changing, info(lambda: "r")]) as port:
        found = scraped(port)
    assert "tapedeck_halts" not in found
    assert "tapedeck_process_info" in found
    assert of(found, "tapedeck_scrape_failures_total", task="one") == 1


def test_a_name_that_is_not_in_the_table_is_refused() -> None:
    with pytest.raises(KeyError):
        Reading("tapedeck_made_up", 1)
    with pytest.raises(AssertionError, match="labels"):
        Reading("tapedeck_halts", 1, ("more",))


def test_a_process_without_metrics_does_not_load_the_library() -> None:
    code = "import sys, agents.worker, streams.runner, agents.live, console.live_run\n" \
        "sys.exit('prometheus_client' in sys.modules or 'http.server' in sys.modules)"  # fmt: skip
    assert subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, check=False).returncode == 0
    assert WorkerSpec(bootstrap="", namespace="", run="", source="", task="").metrics_port is None
    assert load_topology(None).settings.metrics.port is None
    assert POSITIONS_MAX > 0
