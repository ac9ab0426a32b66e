"""A day of a live desk, with deaths and a halt in its middle, replayed by the command to the byte."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from typing import Any

import pytest

from replay.stress import HARMLESS, KINDS, OF_THE_LINE
from schemas.header import unpack
from streams.kafka import KafkaLog, connect
from tests.kafka.live_desk import LiveDesk, until
from tests.kafka.test_up import approvals, trades

pytestmark = pytest.mark.long
SAID = ("--reason", "a drill", "--author", "j.doe", "--json")


def ends_of(log: KafkaLog) -> dict[str, tuple[int, int]]:
    return {name: log.bounds(name, 0) for name in log.names() if not name.startswith(("replay.", "_"))}


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveDesk]:
    """A desk that has traded, lost two tasks and its feed, was halted and let go, and has ended in order."""
    desk = LiveDesk(tmp_path_factory.mktemp("desk"))
    try:
        log = connect(desk.bootstrap)
        up = desk.start("up", "--json")
        until(lambda: up.poll() is not None or trades(log), "orders")
        assert up.poll() is None, up.communicate()[1]
        workers = desk.workers(up)
        for victim in ("hot", "risk", "feed"):
            os.kill(workers[victim], signal.SIGKILL)
        before = approvals(log)
        until(lambda: approvals(log) > before + 2, "orders after the deaths")
        assert desk.run("risk", "halt", "--scope", "all", *SAID)[0] == 0
        decided = log.bounds("orders.decision", 0)[1]
        until(lambda: log.bounds("orders.decision", 0)[1] > decided + 4, "denials under the halt")
        assert desk.run("risk", "resume", "--scope", "all", *SAID)[0] == 0
        before = approvals(log)
        until(lambda: approvals(log) > before + 2, "orders after the halt")
        assert desk.end(up, signal.SIGINT)[0] in (0, 130)
        log.close()
        yield desk
    finally:
        desk.close()


def replayed(desk: LiveDesk, *flags: str) -> dict[str, Any]:
    code, report, errors = desk.run("replay", "live", "--json", *flags)
    assert code == 0, f"{errors}\n{report and report['first_divergence']}"
    found: dict[str, Any] = report
    return found


@pytest.mark.parametrize("flags", [(), ("--split",), ("--from", "ticks"), ("--log", "memory"), ("--kill", "hot@300")])
def test_the_day_comes_again_to_the_byte_and_no_live_topic_grows(desk: LiveDesk, flags: tuple[str, ...]) -> None:
    log = connect(desk.bootstrap)
    before = ends_of(log)
    report = replayed(desk, *flags)
    assert report["identical"] is True
    assert report["first_divergence"] is None
    assert report["compared"]["scores"] > 500
    assert report["compared"]["orders"] >= 5
    assert report["orders"] == report["compared"]["orders"]
    assert report["latencies_comparable"] is False
    assert report["tick_to_order"]["count"] == report["orders"]
    assert ends_of(log) == before
    log.close()


def test_a_paced_replay_measures_from_when_each_payload_was_due_and_can_be_seen_and_removed(desk: LiveDesk) -> None:
    report = replayed(desk, "--speed", "20")
    assert report["identical"] is True
    assert report["hops"]["publish_to_normalise"]["count"] > 500
    code, listed, _ = desk.run("replay", "list", "--json")
    assert code == 0
    assert report["run"] in {row["run"] for row in listed["replays"] if row["identical"]}
    assert desk.run("replay", "show", report["run"], "--json")[1]["digest"] == report["digest"]
    assert desk.run("replay", "delete", report["run"], "--json")[0] == 0
    log = connect(desk.bootstrap)
    until(lambda: not log.names(f"replay.{report['run']}."), "its topics are gone")
    log.close()
    assert desk.run("replay", "show", report["run"])[0] == 2


@pytest.mark.parametrize("kind", KINDS)
def test_each_fault_strikes_on_a_real_broker_and_those_that_lose_nothing_change_no_byte(
    desk: LiveDesk, kind: str
) -> None:
    code, report, errors = desk.run("replay", "live", "--json", "--inject", kind, "--at", "0.5", "--speed", "20")
    assert report is not None, errors
    assert report["stress"]["faults"] == [[kind, 0.5]]
    (struck,) = report["stress"]["struck"]
    assert struck if kind in OF_THE_LINE else struck is None
    assert report["stress"]["loses_input"] is (kind not in HARMLESS)
    assert report["identical"] is (kind in HARMLESS), report["first_divergence"]
    assert code == (0 if kind in HARMLESS else 1)
    assert report["compared"]["scores"] > 100 or kind not in HARMLESS


def test_several_faults_and_a_burst_at_once_give_the_calm_replay_s_orders(desk: LiveDesk) -> None:
    calm = replayed(desk)
    flags = (
        "--inject",
        "duplicate",
        "--at",
        "1",
        "--inject",
        "task-kill",
        "--at",
        "2",
        "--inject",
        "stall",
        "--at",
        "3",
    )
    report = replayed(desk, "--speed", "5", "--burst", "10", *flags, "--against", calm["run"])
    assert report["against"] == calm["run"]
    assert report["identical"] is True
    assert report["against_counts"]["orders"]["same"] == calm["orders"]
    assert len(report["stress"]["faults"]) == 3
    assert report["behind"]["since_ns"] is not None, "a stall of a second is a second behind"
    assert report["latencies_comparable"] is False


def test_a_cold_replay_is_told_apart_from_a_warm_one(desk: LiveDesk) -> None:
    cold = replayed(desk, "--cold", "--speed", "20")
    warm = replayed(desk, "--speed", "20")
    assert (cold["kernels"], warm["kernels"]) == ("cold", "warm")
    assert cold["hops"]["feature"]["max_us"] > warm["hops"]["feature"]["max_us"]


def test_a_day_with_nothing_and_a_misspelt_name_are_refused_in_one_line(desk: LiveDesk) -> None:
    code, report, errors = desk.run("replay", "2001-01-01", "--json")
    assert (code, report) == (2, None)
    assert "there is nothing to replay" in errors
    code, _, errors = desk.run("replay", "liv", "--json")
    assert code == 2
    assert "live" in errors


def test_every_place_that_counts_is_told_by_committed_outputs_alone(desk: LiveDesk) -> None:
    log = connect(desk.bootstrap)
    told = set()
    for name in ("orders.decision", "orders"):
        for record in log.scan(name, 0, 0, committed=True):
            assert record.header is not None
            told |= {side.input for side in unpack(record.header).sides}
    log.close()
    assert told == {0, 1, 2}, "clock, control and executions"
