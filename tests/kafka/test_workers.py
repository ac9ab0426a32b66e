"""Workers share a live topology's partitions: they join, die and leave in mid-stream; nothing is lost or doubled."""

from __future__ import annotations

import os
import signal
import subprocess
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from schemas.codec import decode_any
from schemas.control import LimitsChanged
from schemas.decision import Decision
from schemas.execution import Execution
from schemas.header import unpack
from schemas.intent import Intent
from schemas.order import Order
from schemas.topics import TOPICS
from streams.frame import decode_rows
from streams.kafka import KafkaLog
from streams.progress import progress
from tests.kafka.live_desk import LiveDesk, until
from tests.partitioned_desk import PartitionedDesk

pytestmark = [pytest.mark.timeout(900), pytest.mark.long]
PARTITIONS = 4
TOPOLOGY = f"[tasks]\npartitions = {PARTITIONS}\n[feed]\ninstruments = 6\n[strategy]\nrest_ms = 100\n"
Up = subprocess.Popen[str]


@pytest.fixture(scope="module", autouse=True)
def shared_out(desk: LiveDesk, tmp_path_factory: pytest.TempPathFactory) -> None:
    """The topology of these tests, and its kernels compiled: else fifteen processes would do it on a cold machine."""
    PartitionedDesk(tmp_path_factory.mktemp("warm"), seed=1, partitions=1)
    (desk.home / "topology.toml").write_text(TOPOLOGY)


def worker(desk: LiveDesk, *arguments: str) -> Up:
    return desk.start("up", str(desk.home / "topology.toml"), "--json", *(arguments or ("--worker",)))


def hot(desk: LiveDesk, up: Up) -> set[str]:
    return {name for name in desk.workers(up) if name.startswith("hot@")}


def documents(log: KafkaLog, topic: str, event: type[Any]) -> list[Any]:
    if not log.partitions(topic):
        return []
    found = [decode_any(record.value) for record in log.scan(topic, 0, 0, committed=True)]
    return [document for document in found if isinstance(document, event)]


def decided(log: KafkaLog) -> Counter[str]:
    """Decisions by the instrument's own hot task."""
    if not log.partitions("orders.intent"):
        return Counter()
    headers = [unpack(record.header or b"") for record in log.scan("orders.intent", 0, 0, committed=True)]
    return Counter(header.writer for header in headers)


def flows(log: KafkaLog, chosen: set[str]) -> None:
    """Wait until each of these has sent more intents, as committed."""
    before = decided(log)
    until(lambda: all(decided(log)[name] > before[name] for name in chosen), f"intents of {sorted(chosen)}")


def trading(log: KafkaLog) -> set[str]:
    """The hot tasks whose partition has an instrument that trades."""
    return set(decided(log))


def rows(log: KafkaLog, topic: str, partition: int) -> list[tuple[int, int]]:
    found: list[tuple[int, int]] = []
    for record in log.scan(topic, partition, 0, committed=True):
        header = unpack(record.header or b"")
        part = decode_rows(header.schema, header.version, record.value, header.count)
        found += zip(part["root_seq"].tolist(), part["root_part"].tolist(), strict=True)
    assert len(set(found)) == len(found), f"{topic}[{partition}] has a row twice"
    return found


def assert_nothing_is_lost_or_doubled(log: KafkaLog) -> None:
    for topic in TOPICS:
        if not topic.transactional or topic.name in ("state", "dlq", "control"):
            continue
        full = topic.name.replace("<source>", "simulator")
        for partition in range(log.partitions(full)):
            next_seq: Counter[str] = Counter()
            for record in log.scan(full, partition, 0, committed=True):
                header = unpack(record.header or b"")
                assert header.seq == next_seq[header.writer], f"{full}[{partition}] of {header.writer}"
                next_seq[header.writer] += header.count
    for partition in range(PARTITIONS):
        assert rows(log, "ticks.simulator", partition) == rows(log, "scores", partition)
        raw = sum(1 for _ in log.scan("raw.simulator", partition, 0, committed=True))
        done = progress(
            log, state_topic="state", state_partition=partition, task=f"normalise@{partition}",
            input_topic="raw.simulator", input_partition=partition,
        )  # fmt: skip
        assert done is None or done.inputs == raw, "a payload was passed over, or taken twice"
    intents = Counter(d.client_order_id for d in documents(log, "orders.intent", Intent))
    decisions = documents(log, "orders.decision", Decision)
    approved = Counter(d.client_order_id for d in decisions if d.verdict == "approved")
    ordered = Counter(d.client_order_id for d in documents(log, "orders", Order))
    final = Counter(d.client_order_id for d in documents(log, "executions", Execution) if d.final)
    assert Counter(d.client_order_id for d in decisions) == intents
    assert approved == ordered
    assert set(final) <= set(ordered)
    assert all(n == 1 for counted in (intents, ordered, final) for n in counted.values())
    assert len(ordered) > 10
    assert not documents(log, "control", LimitsChanged)


def test_workers_join_die_and_leave_and_nothing_is_lost_or_doubled(desk: LiveDesk, desk_log: KafkaLog) -> None:
    every = {f"hot@{partition}" for partition in range(PARTITIONS)}
    first = worker(desk)
    until(lambda: first.poll() is not None or hot(desk, first) == every, "one worker has all")
    assert first.poll() is None, first.communicate()[1]
    until(lambda: sum(decided(desk_log).values()) > 20, "intents")
    active = trading(desk_log)
    assert len(active) > 1

    second = worker(desk)  # partitions move while their tasks have open transactions
    until(lambda: bool(hot(desk, second)) and not hot(desk, first) & hot(desk, second), "two share")
    until(lambda: hot(desk, first) | hot(desk, second) == every, "two share all")
    flows(desk_log, active)

    os.kill(first.pid, signal.SIGKILL)
    third = worker(desk)  # joins while the second recovers what the first had
    first.communicate()
    until(lambda: bool(hot(desk, third)), "a third has a share")
    until(lambda: hot(desk, second) | hot(desk, third) == every and not hot(desk, second) & hot(desk, third), "shares")
    flows(desk_log, active)

    code, told, errors = desk.end(third, signal.SIGINT)
    assert code == 0, (told, errors)
    assert told["in_order"] is True
    until(lambda: hot(desk, second) == every, "the second has all")
    flows(desk_log, active)
    code, told, errors = desk.end(second, signal.SIGTERM)
    assert code == 0, (told, errors)
    assert told["in_order"] is True

    static = worker(desk, "--partitions", f"0-{PARTITIONS - 1}", "--seconds", "3")
    code, told, errors = desk.end(static)
    assert (code, told["in_order"], told["opened"]) == (0, True, False), errors
    assert_nothing_is_lost_or_doubled(desk_log)
    owners = told["figures"]["tasks"]
    assert {task["name"] for task in owners} >= every


def test_more_partitions_are_refused_with_the_reason(desk: LiveDesk, tmp_path: Path) -> None:
    (tmp_path / "topology.toml").write_text(TOPOLOGY.replace(str(PARTITIONS), str(2 * PARTITIONS), 1))
    code, _, errors = desk.run("up", str(tmp_path / "topology.toml"), "--worker", "--json")
    assert code == 2
    assert "keys would move" in errors
