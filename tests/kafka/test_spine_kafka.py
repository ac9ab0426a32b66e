"""The whole way on a real Kafka, a process a task: the memory log's orders, whatever is killed or written there."""

from __future__ import annotations

import gzip
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Producer

from agents.topology import FEED
from replay.plan import PlayPlan
from replay.session import KafkaSession, MemorySession
from replay.summary import summarise
from schemas.catalog import BY_NUMBER, RAW, TICK_SCHEMA
from schemas.codec import decode
from schemas.dead_letter import DeadLetter
from schemas.header import HEADER_KEY, Header, pack
from streams.kafka import KafkaLog, connect

FILES = ("spot_btcusdt_20240808", "usdm_btcusdt_20240808")
LINES = 6_000
SAME = ("order_hash", "ticks", "captured", "trades", "intents", "orders", "denied", "executions", "gaps", "pnl")
PROCESSES = ("normalise", "hot", "risk", "venue")


@pytest.fixture(scope="module")
def captures(data_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Sequence[Path]:
    folder = tmp_path_factory.mktemp("captures")
    for name in FILES:
        with gzip.open(data_dir / "binance" / f"{name}.gz", "rb") as file:
            (folder / name).write_bytes(b"".join(islice(file, LINES)))
    return [folder / name for name in FILES]


@pytest.fixture(scope="module")
def in_memory(captures: Sequence[Path]) -> dict[str, Any]:
    session = MemorySession(PlayPlan(run="r", captures=captures, speed=0.0))
    session.run(lambda: None)
    return summarise(session)[0]


@pytest.fixture(scope="module")
def broker(request: pytest.FixtureRequest) -> Iterator[KafkaLog]:
    log = connect(request.getfixturevalue("kafka").bootstrap)
    yield log
    log.close()


class Run:
    """One session on Kafka, played to its end."""

    def __init__(self, log: KafkaLog, folder: Path, captures: Sequence[Path], **plan: Any) -> None:
        self.events: list[dict[str, Any]] = []
        self.plan = PlayPlan(run=f"t{uuid.uuid4().hex[:12]}", captures=captures, **{"speed": 0.0, **plan})
        self.log = log
        self.session = KafkaSession(log, self.plan, folder, self.events.append)

    def play(self, on_progress: Callable[[], None] = lambda: None) -> dict[str, Any]:
        try:
            self.session.run(on_progress)
            pids = self.session._supervisor.pids
            summary, _ = summarise(self.session)
        finally:
            self.session.close()
        assert pids == {}, "every process has ended by itself"
        return summary

    def letters(self) -> list[DeadLetter]:
        records = self.log.scan(self.plan.topic("dlq"), 0, 0, committed=True)
        return [decode(record.value, DeadLetter) for record in records]


def assert_same(summary: Mapping[str, Any], expected: Mapping[str, Any]) -> None:
    assert (summary["lost"], summary["duplicated"]) == (0, 0)
    assert {k: summary[k] for k in SAME} == {k: expected[k] for k in SAME}


@pytest.mark.parametrize("split", [False, True], ids=["fused", "split"])
def test_kafka_gives_the_orders_of_the_memory_log(
    broker: KafkaLog, tmp_path: Path, captures: Sequence[Path], in_memory: dict[str, Any], split: bool
) -> None:
    run = Run(broker, tmp_path, captures, split=split)
    summary = run.play()
    assert_same(summary, in_memory)
    assert summary["restarts"] == {}
    assert summary["dead_letters"] == 0
    assert {event["event"] for event in run.events} == {"ready", "done"}
    tick_to_order = summary["hops"]["tick_to_order"]
    assert tick_to_order["count"] == summary["orders"]
    assert 0 < tick_to_order["p50_us"] <= tick_to_order["p99_us"]


def bad_records(run: Run) -> list[tuple[str, bytes, bytes | None, str]]:
    """(table name, value, header, code) of what a stock producer might write."""
    ticks = run.plan.topic("ticks.<source>")
    genuine = next(r for r in run.log.scan(ticks, 0, 0, committed=False) if r.header is not None)
    assert genuine.header is not None
    raw = Header(schema=RAW.number, version=RAW.version, seq=3, time=1, writer="stranger")
    schema = Header(schema=max(BY_NUMBER) + 1, version=1, seq=0, time=1, writer="stranger")
    version = Header(schema=RAW.number, version=9, seq=0, time=1, writer="stranger")
    return [
        ("raw.<source>", b"no header, no message", None, "bad_payload"),
        ("raw.<source>", b"{}", pack(raw)[:20], "bad_frame"),
        ("raw.<source>", b"{}", pack(schema), "bad_frame"),
        ("raw.<source>", b"{}", pack(version), "bad_frame"),
        ("raw.<source>", b"{}", pack(raw), "bad_frame"),
        ("raw.<source>", genuine.value, genuine.header, "bad_frame"),
        ("ticks.<source>", genuine.value[:-9], genuine.header, "bad_frame"),
        ("ticks.<source>", b"cut", pack(Header(schema=TICK_SCHEMA.number, version=1, seq=7, time=1, writer="stranger")),
         "bad_frame"),
        ("ticks.<source>", b"no header", None, "bad_frame"),
    ]  # fmt: skip


def test_every_process_killed_and_strangers_at_the_door_change_nothing(
    broker: KafkaLog, tmp_path: Path, captures: Sequence[Path], in_memory: dict[str, Any]
) -> None:
    kills = {FEED: [4_000], "normalise": [3_000], "hot": [5_000], "risk": [40], "venue": [25]}
    run = Run(broker, tmp_path, captures, kills=kills, speed=16.0)
    planted: list[tuple[str, bytes, bytes | None, str]] = []

    def intrude() -> None:
        ticks = run.plan.topic("ticks.<source>")
        if planted or broker.bounds(ticks, 0)[1] == 0:
            return
        planted.extend(bad_records(run))
        producer = Producer({"bootstrap.servers": broker.bootstrap})
        for table_name, value, header, _ in planted:
            headers: Any = None if header is None else [(HEADER_KEY, header)]
            producer.produce(run.plan.topic(table_name), value, b"spot:BTCUSDT", partition=0, headers=headers)
        assert producer.flush(10.0) == 0

    summary = run.play(intrude)
    assert_same(summary, in_memory)
    assert summary["restarts"] == dict.fromkeys(kills, 1)
    assert run.session.kills_left() == {}
    assert sorted(e["task"] for e in run.events if e["event"] == "died") == sorted(kills)
    letters = run.letters()
    assert Counter((letter.topic, letter.code) for letter in letters) == Counter(
        (run.plan.topic(table_name), code) for table_name, _, _, code in planted
    )
    assert summary["dead_letters"] == len(planted) > 0
    assert {letter.task for letter in letters} == {"normalise", "hot"}
    assert all(letter.reason for letter in letters)


def test_stopped_early_it_drains_and_ends_in_order(broker: KafkaLog, tmp_path: Path, captures: Sequence[Path]) -> None:
    run = Run(broker, tmp_path, captures, speed=1.0)
    looks = [0]

    def look() -> None:
        looks[0] += 1
        if looks[0] == 10:
            run.session.stop()

    summary = run.play(look)
    assert (summary["lost"], summary["duplicated"]) == (0, 0)
    assert 0 < summary["captured"] < 2 * LINES
