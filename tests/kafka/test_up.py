"""A day of a live desk: it comes up, loses tasks, is halted and let go, ends in order, and goes on where it stood."""

from __future__ import annotations

import os
import signal
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from schemas.codec import decode_any
from schemas.decision import Decision
from schemas.execution import Execution
from schemas.header import unpack
from schemas.intent import Intent
from schemas.order import Order
from schemas.topics import TOPICS
from streams.frame import decode_rows
from streams.kafka import KafkaLog
from tests.kafka.live_desk import LiveDesk, until

TASKS = {"clock", "normalise", "hot", "risk", "venue", "feed"}


def documents(log: KafkaLog, topic: str, *, committed: bool = True) -> list[Any]:
    if not log.partitions(topic):
        return []
    return [decode_any(record.value) for record in log.scan(topic, 0, 0, committed=committed)]


def approvals(log: KafkaLog) -> int:
    return sum(1 for d in documents(log, "orders.decision") if isinstance(d, Decision) and d.verdict == "approved")


def last_offset(log: KafkaLog, topic: str) -> int:
    return log.bounds(topic, 0)[1]


def trades(log: KafkaLog) -> bool:
    return bool(log.partitions("orders")) and approvals(log) > 3


def assert_nothing_is_lost_or_doubled(log: KafkaLog, source: str) -> None:
    """Every writer's numbers are gapless, every tick has one score, every intent one decision, as committed."""
    for topic in TOPICS:
        if not topic.transactional or topic.name in ("state", "dlq", "control"):
            continue
        next_seq = 0
        for record in log.scan(topic.name.replace("<source>", source), 0, 0, committed=True):
            assert record.header is not None
            header = unpack(record.header)
            assert header.seq == next_seq, f"{topic.name}: {header.seq} where {next_seq} must stand"
            next_seq += header.count
    ticks, scores = roots(log, f"ticks.{source}"), roots(log, "scores")
    assert ticks == scores
    assert len(ticks) > 1_000
    intents = {d.client_order_id for d in documents(log, "orders.intent") if isinstance(d, Intent)}
    decided = Counter(d.client_order_id for d in documents(log, "orders.decision") if isinstance(d, Decision))
    approved = {d.client_order_id for d in documents(log, "orders.decision")
                if isinstance(d, Decision) and d.verdict == "approved"}  # fmt: skip
    ordered = Counter(d.client_order_id for d in documents(log, "orders") if isinstance(d, Order))
    final = Counter(d.client_order_id for d in documents(log, "executions") if isinstance(d, Execution) and d.final)
    assert set(decided) == intents
    assert set(ordered) == approved
    assert set(final) <= set(ordered)
    assert max((decided + ordered + final).values()) <= 3, "each decided, ordered and answered once"
    assert all(n == 1 for counted in (decided, ordered, final) for n in counted.values())


def roots(log: KafkaLog, topic: str) -> list[tuple[int, int]]:
    found: list[tuple[int, int]] = []
    for record in log.scan(topic, 0, 0, committed=True):
        assert record.header is not None
        header = unpack(record.header)
        rows = decode_rows(header.schema, header.version, record.value, header.count)
        found += zip(rows["root_seq"].tolist(), rows["root_part"].tolist(), strict=True)
    assert len(set(found)) == len(found), f"{topic} has a row twice"
    return found


def test_a_day_of_a_live_desk(desk: LiveDesk, desk_log: KafkaLog) -> None:
    up = desk.start("up", "--json")
    until(lambda: up.poll() is not None or trades(desk_log), "orders")
    assert up.poll() is None, up.communicate()[1]
    workers = desk.workers(up)
    assert set(workers) == TASKS

    code, _, errors = desk.run("up", "--json")
    assert code == 2, "a second one beside it is refused"
    assert "running here already" in errors

    for victim in ("hot", "normalise", "venue", "clock", "feed"):
        os.kill(workers[victim], signal.SIGKILL)
    until(lambda: set(desk.workers(up)) == TASKS and desk.workers(up)["feed"] != workers["feed"], "all are back")
    before = approvals(desk_log)
    until(lambda: approvals(desk_log) > before, "orders after the deaths")

    code, said, _ = desk.run("risk", "halt", "--scope", "all", "--reason", "drill", "--author", "a.b", "--json")
    assert code == 0
    assert said["effective"] is True
    halted_from = last_offset(desk_log, "orders.intent")
    os.kill(workers["risk"], signal.SIGKILL)
    until(lambda: desk.workers(up).get("risk", workers["risk"]) != workers["risk"], "risk is back")
    halted = approvals(desk_log)
    until(lambda: last_offset(desk_log, "orders.intent") > halted_from + 5, "intents that must be denied")
    decisions = [d for d in documents(desk_log, "orders.decision") if isinstance(d, Decision)]
    assert approvals(desk_log) == halted, "an order has left while everything was halted"
    assert decisions[-1].reasons[0] == "trading_state"

    code, _, _ = desk.run("risk", "resume", "--scope", "all", "--reason", "drill is over", "--json")
    assert code == 0
    until(lambda: approvals(desk_log) > halted, "orders after the resume")

    code, told, errors = desk.end(up, signal.SIGINT)
    assert (code, told["in_order"], told["opened"]) == (0, True, True), errors
    assert set(told["restarts"]) == TASKS
    assert_nothing_is_lost_or_doubled(desk_log, "simulator")

    code, told, errors = desk.run("up", "--seconds", "4", "--json")
    assert (code, told["in_order"], told["opened"], told["restarts"]) == (0, True, False, {}), errors
    assert_nothing_is_lost_or_doubled(desk_log, "simulator")


@pytest.mark.long
def test_a_project_of_its_own_takes_over_where_the_run_before_ended(
    desk: LiveDesk, desk_log: KafkaLog, tmp_path: Path
) -> None:
    assert desk.run("init", str(tmp_path / "mine"))[0] == 0
    before = len(documents(desk_log, "orders.intent"))
    up = desk.start("up", "--json", cwd=tmp_path / "mine")
    until(lambda: up.poll() is not None or len(documents(desk_log, "orders.intent")) > before + 2, "intents of its own")
    assert up.poll() is None, up.communicate()[1]
    code, told, errors = desk.end(up, signal.SIGTERM)
    assert (code, told["in_order"], told["opened"]) == (0, True, True), errors
    last = documents(desk_log, "orders.intent")[-1]
    assert last.strategy == "mine"
    assert_nothing_is_lost_or_doubled(desk_log, "simulator")
