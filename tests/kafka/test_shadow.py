"""A candidate beside a live desk: same ticks, orders of its own, and the live topics hold nothing of it."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import orjson
import pytest

from models.artefact import read, sign
from models.linear import DEFAULT_MODEL
from schemas.header import unpack
from streams.clock import sleep_s, wall_ns
from streams.kafka import KafkaLog, connect
from tests.kafka.live_desk import LiveDesk, until
from tests.kafka.test_up import trades

pytestmark = [pytest.mark.long, pytest.mark.timeout(1_200)]
PARTITIONS = 2
OWN = ("scores", "orders.intent", "orders.decision", "orders", "executions")


def candidate(folder: Path) -> Path:
    shipped = {k: v for k, v in read(DEFAULT_MODEL).items() if k != "sha256"}
    file = folder / "candidate.json"
    file.write_bytes(orjson.dumps(sign({**shipped, "weights": [-w for w in shipped["weights"]]})))
    return file


def ordered(log: KafkaLog) -> bool:
    """Whether the shadow has ordered on every partition."""
    return all(log.bounds("shadow.candidate.orders", partition)[1] > 2 for partition in range(PARTITIONS))


def assert_gapless(log: KafkaLog) -> None:
    """Every partition of the shadow's topics has each number of its one writer once."""
    for name in OWN:
        assert log.partitions(f"shadow.candidate.{name}") == PARTITIONS
        for partition in range(PARTITIONS):
            next_seq, writers = 0, set()
            for record in log.scan(f"shadow.candidate.{name}", partition, 0, committed=True):
                assert record.header is not None
                header = unpack(record.header)
                assert header.seq == next_seq, f"{name}[{partition}]"
                next_seq += header.count
                writers.add(header.writer)
            assert len(writers) == 1, f"{name}[{partition}] of {writers}"


def test_a_shadow_orders_beside_the_live_desk_and_goes_on_where_it_stood(tmp_path: Path) -> None:
    file = candidate(tmp_path)
    topology = tmp_path / "topology.toml"
    topology.write_text(f"[tasks]\npartitions = {PARTITIONS}\n[feed]\ninstruments = 6\n")
    desk = LiveDesk(tmp_path / "desk")
    try:
        log = connect(desk.bootstrap)
        up = desk.start("up", str(topology), "--json")
        until(lambda: up.poll() is not None or trades(log), "orders")
        flags = ("--model", str(file), "--seconds", "10", "--json")
        following = desk.start("shadow", "run", "candidate", "--model", str(file), "--json")
        until(lambda: following.poll() is not None or bool(log.partitions("shadow.candidate.orders")), "its topics")
        until(lambda: following.poll() is not None or ordered(log), "orders of its own")
        assert following.poll() is None
        for name in ("hot@0", "risk@1", "venue@0"):
            os.kill(desk.workers(following)[name], signal.SIGKILL)
        assert desk.run("risk", "halt", "--scope", "all", "--reason", "test")[0] == 0
        halted_ns = wall_ns()
        sleep_s(2.0)
        assert desk.run("risk", "resume", "--scope", "all", "--reason", "test")[0] == 0
        sleep_s(5.0)
        code, first, errors = desk.end(following, signal.SIGINT)
        assert code == 0, errors
        assert first["ticks"] > 50
        assert first["orders"] > 0
        assert first["economics"]["candidate"].keys() == first["economics"]["champion"].keys()
        assert first["live_tick_to_order"]["without"]["count"] > 0
        assert first["live_tick_to_order"]["with"]["count"] > 0
        heads = [
            unpack(r.header) for p in range(PARTITIONS)
            for r in log.scan("shadow.candidate.orders", p, 0, committed=True) if r.header is not None
        ]  # fmt: skip
        assert not [head.time for head in heads if halted_ns <= head.time < halted_ns + 1_500_000_000]
        assert_gapless(log)
        following = desk.start("shadow", "run", "candidate", "--model", str(file), "--json")
        until(lambda: following.poll() is not None or len(desk.workers(following)) == 3 * PARTITIONS, "its tasks")
        assert desk.run("shadow", "report", "candidate", "--model", str(file), "--json")[1]["orders"] >= first["orders"]
        os.kill(following.pid, signal.SIGKILL)
        following.communicate()
        code, second, errors = desk.run("shadow", "run", "candidate", *flags)
        assert code == 0, errors
        assert second["ticks"] > first["ticks"]
        assert_gapless(log)
        following = desk.start("shadow", "run", "candidate", "--model", str(file), "--json")
        until(lambda: following.poll() is not None or len(desk.workers(following)) == 3 * PARTITIONS, "its tasks")
        code, last, errors = desk.end(following, signal.SIGINT)
        assert code == 0, errors
        assert last["ticks"] >= second["ticks"]
        assert desk.end(up, signal.SIGINT)[0] in (0, 130)
        for name in ("orders.intent", "orders", "executions"):
            writers = {unpack(r.header).writer for r in log.scan(name, 0, 0, committed=False) if r.header is not None}
            assert {writer.partition("@")[0] for writer in writers} <= {"hot", "risk", "venue"}
        log.close()
    finally:
        desk.close()
