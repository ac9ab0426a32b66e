"""The example gateways work a live desk's orders: killed in between, no order is worked twice, none is forgotten."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from schemas.codec import decode_any
from schemas.dead_letter import DeadLetter
from schemas.execution import Execution
from schemas.order import Order
from streams.broker_jars import server_jars
from streams.clock import sleep_s
from streams.kafka import KafkaLog, connect
from tests.kafka.live_desk import REPOSITORY, LiveDesk, until

NAME = "toy"
EXAMPLES = REPOSITORY / "examples" / "gateway"
LINES_MAX = 150
TOPOLOGY = f"""
[strategy]
rest_ms = 400
valid_ms = 60_000
[venue]
kind = "external"
gateway = "{NAME}"
"""


def in_python(_folder: Path) -> list[str]:
    return [sys.executable, str(EXAMPLES / "gateway.py")]


def in_java(folder: Path) -> list[str]:
    if shutil.which("javac") is None:
        pytest.skip("no javac: the Java gateway is neither compiled nor run")
    path = server_jars(lambda _line: None).class_path()
    subprocess.run(["javac", "-d", folder, "-cp", path, EXAMPLES / "Gateway.java"], check=True)
    return ["java", "-cp", f"{folder}{os.pathsep}{path}", "Gateway"]


class Gateway:
    """A gateway's process, and the book that outlives it."""

    def __init__(self, command: list[str], bootstrap: str, book: Path) -> None:
        self.book = book
        self._command = [*command, bootstrap, NAME, str(book)]
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self._process = subprocess.Popen(self._command, stdin=subprocess.DEVNULL)

    def kill(self) -> None:
        if self._process is not None:
            assert self._process.poll() is None, "it ended by itself"
            self._process.send_signal(signal.SIGKILL)
            self._process.wait()
            self._process = None

    def facts(self) -> list[dict[str, Any]]:
        """What is in the book, but for a line that is being written."""
        text = self.book.read_text() if self.book.exists() else ""
        return [json.loads(line) for line in text[: text.rfind("\n") + 1].splitlines()]


@contextmanager
def desk_with(command: list[str], folder: Path) -> Iterator[tuple[LiveDesk, KafkaLog, Gateway, Path]]:
    desk = LiveDesk(folder / "home")
    file = folder / "topology.toml"
    file.write_text(TOPOLOGY)
    log = connect(desk.bootstrap)
    gateway = Gateway(command, desk.bootstrap, folder / "book.jsonl")
    try:
        yield desk, log, gateway, file
    finally:
        gateway.kill()
        log.close()
        desk.close()


def documents(log: KafkaLog, topic: str, event: type[Any]) -> list[Any]:
    if not log.partitions(topic):
        return []
    found = [decode_any(record.value) for record in log.scan(topic, 0, 0, committed=True)]
    return [document for document in found if isinstance(document, event)]


def finals(log: KafkaLog) -> Counter[str]:
    return Counter(e.client_order_id for e in documents(log, "executions", Execution) if e.final)


def answered(log: KafkaLog) -> bool:
    return set(finals(log)) == {o.client_order_id for o in documents(log, "orders", Order)}


def refused(log: KafkaLog) -> list[str]:
    """Kinds of what the gateway task has refused."""
    return [letter.kind for letter in documents(log, "dlq", DeadLetter) if letter.task == "gateway"]


@pytest.mark.long
@pytest.mark.timeout(900)
@pytest.mark.parametrize("made", [in_python, in_java])
def test_killed_in_between_a_gateway_works_each_order_once_and_forgets_none(
    tmp_path: Path, made: Callable[[Path], list[str]]
) -> None:
    with desk_with(made(tmp_path), tmp_path) as (desk, log, gateway, file):
        up = desk.start("up", str(file), "--json")
        gateway.start()
        for life in range(1, 4):
            until(lambda life=life: len(finals(log)) >= 4 * life, "orders are answered")  # type: ignore[misc]
            gateway.kill()
            if life == 2:
                os.kill(desk.workers(up)["gateway"], signal.SIGKILL)
            sleep_s(1.0)
            gateway.start()
        until(lambda: len(finals(log)) >= 16, "orders are answered")
        code, _, errors = desk.run("risk", "halt", "--scope", "all", "--reason", "end of test", "--json")
        assert code == 0, errors
        until(lambda: answered(log), "every order has its last report")
        code, told, errors = desk.run("risk", "orders", "--json")
        assert (code, told["gateway"]) == (0, NAME), errors
        assert desk.end(up, signal.SIGINT)[0] == 0
        gateway.kill()

        orders, executions = documents(log, "orders", Order), documents(log, "executions", Execution)
        assert max(finals(log).values()) == 1
        assert {e.status for e in executions} >= {"acknowledged", "partially_filled", "filled", "rejected", "cancelled"}
        facts = gateway.facts()
        worked = Counter(fact["order"]["client_order_id"] for fact in facts if "order" in fact)
        assert worked == Counter(o.client_order_id for o in orders), "each once, none forgotten"
        assert Counter(e.execution_id for e in executions) == Counter(f["report"]["execution_id"] for f in facts)
        sent = sum(1 for _ in log.scan(f"raw.{NAME}", 0, 0, committed=True))
        assert sent > len(facts), "after a death all is told again"
        assert not refused(log)

        code, told, errors = desk.run("replay", "live", "--json")
        assert (code, told["identical"]) == (0, True), errors
        assert told["compared"]["executions"] > 16


@pytest.mark.long
@pytest.mark.timeout(900)
def test_an_order_that_nobody_answers_is_held_shown_and_resolved_by_a_named_person(tmp_path: Path) -> None:
    with desk_with(in_python(tmp_path), tmp_path) as (desk, log, gateway, file):
        up = desk.start("up", str(file), "--json")
        until(lambda: len(documents(log, "orders", Order)) >= 1, "an order")
        assert desk.end(up, signal.SIGINT)[0] == 0
        unanswered = {o.client_order_id: o for o in documents(log, "orders", Order)}
        up = desk.start("up", str(file), "--json")
        until(lambda: len(desk.workers(up)) > 4, "it is up again")
        code, told, errors = desk.run("risk", "orders", "--json")
        assert code == 0, errors
        assert {o["client_order_id"] for o in told["open"]} >= set(unanswered)
        name, order = next(iter(unanswered.items()))
        resolution = ("risk", "resolve", name, "--author", "j.doe", "--reason", "venue statement", "--json")
        code, told, errors = desk.run(*resolution, "--status", "filled", "--price", order.limit_price_decimal)
        assert code == 0, errors
        assert told["closed"]
        assert desk.run(*resolution, "--status", "cancelled")[0] == 2, "it is open no more"
        gateway.start()  # what it says of that order now is refused, of all others heard
        until(lambda: len(finals(log)) > 3, "the gateway's reports")
        made = [e for e in documents(log, "executions", Execution) if e.client_order_id == name]
        assert [(e.status, e.last_quantity, e.author) for e in made] == [("filled", order.quantity, "j.doe")]
        until(lambda: bool(refused(log)), "a refusal")
        assert set(refused(log)) == {"bad_execution.closed_order"}
        assert desk.end(up, signal.SIGINT)[0] == 0


def test_the_examples_are_short() -> None:
    for path in (EXAMPLES / "gateway.py", EXAMPLES / "Gateway.java"):
        assert len(path.read_text().splitlines()) < LINES_MAX
