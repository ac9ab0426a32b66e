"""A run on a real Kafka, archived by the commands a user types, deleted from Kafka, and replayed all the same."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import orjson
import pytest
from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient

from replay.archive.topics import archived_topics, is_compacted
from replay.joined_log import JoinedLog
from replay.plan import PlayPlan
from streams.kafka import KafkaLog, connect
from streams.log import Record

COMMAND_S_MAX = 120


def command(bootstrap: str, *arguments: object) -> list[str]:
    return [sys.executable, "-m", "console.main", "--bootstrap", bootstrap, *map(str, arguments)]


def ran(bootstrap: str, folder: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "TAPEDECK_ARCHIVE": str(folder)}
    return subprocess.run(command(bootstrap, *arguments), capture_output=True, text=True, timeout=COMMAND_S_MAX,
                          env=environment)  # fmt: skip


def contents(log: Any, topics: list[str]) -> dict[str, list[Record]]:
    return {topic: list(log.scan(topic, 0, 0, committed=True)) for topic in topics if not is_compacted(topic)}


def delete_all(bootstrap: str, log: KafkaLog, topics: list[str]) -> None:
    """As retention would, at its greediest."""
    ends = [TopicPartition(t, 0, log.bounds(t, 0)[1]) for t in topics if not is_compacted(t)]
    admin = AdminClient({"bootstrap.servers": bootstrap})  # held: what it was asked for ends with it
    for future in admin.delete_records(ends).values():
        future.result(30)


def test_it_follows_a_log_and_ends_whole(played: tuple[str, PlayPlan], tmp_path: Path) -> None:
    bootstrap, plan = played
    folder = tmp_path / "archive"
    following = subprocess.Popen(
        command(bootstrap, "archive", "run", "--run", plan.namespace, "--every", "0.2", "--archive", folder),
        stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        deadline = time.monotonic() + COMMAND_S_MAX
        while not list(folder.glob(f"{plan.topic('orders')}/0/*.json")) and time.monotonic() < deadline:
            time.sleep(0.05)
        following.send_signal(signal.SIGINT)
        _, told = following.communicate(timeout=COMMAND_S_MAX)
    finally:
        following.kill()
    assert following.returncode == 0, told
    assert "Traceback" not in told
    assert ran(bootstrap, folder, "archive", "verify").returncode == 0
    assert ran(bootstrap, folder, "archive", "list", "--json").returncode == 0


@pytest.mark.long
def test_a_run_is_archived_and_replays_without_kafkas_records_and_without_its_topics(
    played: tuple[str, PlayPlan], tmp_path: Path
) -> None:
    bootstrap, plan = played
    folder = tmp_path / "archive"
    done = ran(bootstrap, folder, "archive", "write", "--run", plan.run, "--json")
    assert done.returncode == 0, done.stderr
    assert orjson.loads(done.stdout)["records"][plan.topic("orders")] > 1
    again = ran(bootstrap, folder, "archive", "write", "--run", plan.run, "--json")
    assert orjson.loads(again.stdout)["segments"] == 0
    done = ran(bootstrap, folder, "archive", "verify", "--json")
    assert done.returncode == 0, done.stdout
    log = connect(bootstrap)
    topics = archived_topics(log.names(plan.namespace), plan.namespace)
    expected = contents(log, topics)
    assert contents(JoinedLog(None, folder), [t for t in topics if expected.get(t)]) == {
        t: records for t, records in expected.items() if records
    }
    delete_all(bootstrap, log, topics)
    assert contents(log, [plan.topic("orders")]) == {plan.topic("orders"): []}
    assert contents(JoinedLog(log, folder), topics) == expected
    done = ran(bootstrap, folder, "replay", plan.run, "--speed", "max", "--json")
    assert done.returncode == 0, done.stderr
    assert orjson.loads(done.stdout.splitlines()[-1])["identical"]
    admin = AdminClient({"bootstrap.servers": bootstrap})
    for future in admin.delete_topics(log.names(plan.namespace)).values():
        future.result(30)
    log.close()
    done = ran(bootstrap, folder, "replay", plan.run, "--log", "memory", "--json")
    assert done.returncode == 0, done.stderr
    assert orjson.loads(done.stdout.splitlines()[-1])["identical"]
    segment = next(folder.glob(f"{plan.topic('ticks.<source>')}/0/*.parquet"))
    segment.write_bytes(segment.read_bytes()[:-1] + b"!")
    done = ran(bootstrap, folder, "archive", "verify", "--json")
    assert done.returncode == 1
    (problem,) = orjson.loads(done.stdout)["problems"]
    assert (problem["file"], problem["topic"]) == (str(segment), plan.topic("ticks.<source>"))
    done = ran(bootstrap, folder, "replay", plan.run, "--log", "memory", "--json")
    assert done.returncode == 4
    assert segment.name in done.stderr
    assert "Traceback" not in done.stderr
