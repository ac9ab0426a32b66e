"""A live desk is cut over to other code, and then to another view, while it trades: nothing stops, nothing is lost."""

from __future__ import annotations

import os
import shutil
import signal
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from schemas.execution import Execution
from schemas.intent import Intent
from streams.kafka import KafkaLog
from tests.kafka.live_desk import LiveDesk, until
from tests.kafka.test_up import TASKS, assert_nothing_is_lost_or_doubled, documents, trades

pytestmark = pytest.mark.long


def intents(log: KafkaLog) -> list[Intent]:
    return [d for d in documents(log, "orders.intent", committed=False) if isinstance(d, Intent)]


def assert_positions_follow_executions(log: KafkaLog) -> None:
    """An intent goes out where nothing is unanswered: it knows all that the intents before it have filled."""
    filled: Counter[str] = Counter()
    for report in documents(log, "executions", committed=True):
        if isinstance(report, Execution):
            filled[report.client_order_id] += report.last_quantity if report.side == "buy" else -report.last_quantity
    held: Counter[str] = Counter()
    for intent in documents(log, "orders.intent"):
        if isinstance(intent, Intent):
            assert intent.position == held[intent.instrument], intent.client_order_id
            held[intent.instrument] += filled[intent.client_order_id]
    assert any(held.values())


def other_release(before: Path, after: Path) -> None:
    """The same project with another kernel and another model."""
    shutil.copytree(before, after)
    strategy, model = after / "strategy.py", after / "model.toml"
    strategy.write_text(strategy.read_text().replace("STEPS = 4", "STEPS = 5"))
    model.write_text(model.read_text().replace("touch_imbalance = 0.8", "touch_imbalance = 1.1"))


def other_view(folder: Path) -> None:
    """The same folder, with one feature less."""
    view = folder / "view.toml"
    head, rest = view.read_text().split('[[feature]]\nfamily = "volatility"', 1)
    view.write_text(head + rest[rest.index("[[feature]]") :])


def models(log: KafkaLog) -> list[str]:
    return list(dict.fromkeys(intent.model for intent in intents(log)))


def test_a_live_desk_is_cut_over_twice_while_it_trades(desk: LiveDesk, desk_log: KafkaLog, tmp_path: Path) -> None:
    first, second = tmp_path / "mine", tmp_path / "mine2"
    assert desk.run("init", str(first))[0] == 0
    up = desk.start("up", "--json", cwd=first)
    until(lambda: up.poll() is not None or trades(desk_log), "orders")
    assert up.poll() is None, up.communicate()[1]

    code, _, errors = desk.run("release", "cut", "topology.toml", cwd=first)
    assert (code, "at work already" in errors) == (2, True), "nothing has changed"

    other_release(first, second)
    workers = desk.workers(up)
    cutting = desk.start(
        "release", "cut", str(second / "topology.toml"), "--reason", "steps", "--author", "a.b", "--json", "--wait",
        "110",
    )  # fmt: skip
    until(lambda: cutting.poll() is not None or bool(documents(desk_log, "control")[1:]), "the cut is written")
    os.kill(workers["hot"], signal.SIGKILL)
    code, told, errors = desk.end(cutting)
    assert code == 0, errors
    assert told["active"], told
    assert told["from_run"] != told["run"]
    assert {task["run"] for task in told["tasks"]} == {told["run"]}
    by_name: dict[str, Any] = {task["task"]: task for task in told["tasks"]}
    assert by_name["hot"]["succession"]["rewarmed"] == ["strategy"], "another kernel remembers something else"
    assert by_name["hot"]["succession"]["rows"] > 100
    assert by_name["risk"]["succession"]["rewarmed"] == []
    until(lambda: len(models(desk_log)) == 2, "intents of the new model")
    assert up.poll() is None, "the supervisor goes on"
    assert set(desk.workers(up)) == TASKS

    other_view(second)
    code, told, errors = desk.run("release", "cut", "--reason", "view", "--json", "--wait", "110", cwd=second)
    assert code == 0, errors
    by_name = {task["task"]: task for task in told["tasks"]}
    assert by_name["hot"]["succession"]["rewarmed"] == ["feature"], "the kernel is the same: it remembers on"
    until(lambda: len(models(desk_log)) == 3, "intents over the new view")

    code, shown, _ = desk.run("release", "show", "--json")
    assert (code, shown["release"]["run"], shown["cut"]) == (0, told["run"], None)
    assert shown["release"]["cut"]["reason"] == "view"

    code, told, errors = desk.end(up, signal.SIGINT)
    assert (code, told["in_order"]) == (0, True), errors
    assert_nothing_is_lost_or_doubled(desk_log, "simulator")
    assert_positions_follow_executions(desk_log)
    refused = [letter for letter in documents(desk_log, "dlq") if letter.task != "normalise"]
    assert not refused, "what the old release made was read by the old release"
