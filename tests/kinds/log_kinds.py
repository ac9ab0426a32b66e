"""Trouble with the log, with what it holds, and with the processes that work on it."""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path
from typing import Any

import numpy as np

from agents.answers import EARLY_MAX, Answers
from agents.context import read_context
from agents.supervisor import Supervisor
from agents.topology import HOP_FACTORIES
from agents.worker_spec import WorkerSpec
from feeds.definitions import DEFINITIONS
from feeds.venues import adapter_of
from replay.plan import PlayPlan, open_run
from schemas.catalog import SCORE_SCHEMA
from schemas.codec import encode
from schemas.control import End
from schemas.decision import Decision
from schemas.document import Root
from schemas.errors import (
    BrokerError,
    DeliveryError,
    Fenced,
    SnapshotError,
    StateDiverged,
    TaskFailed,
)
from schemas.header import Header, Side, no_stamps, pack
from schemas.score import SCORE
from streams.broker import EmbeddedBroker
from streams.broker_jars import MAVEN_VARIABLE
from streams.broker_lock import held
from streams.broker_process import Process, _look
from streams.broker_start import free_port
from streams.home import HOME_VARIABLE, JARS_VARIABLE
from streams.log import TopicSpec
from streams.memory import MemoryLog
from streams.outputs import Output
from streams.publisher import Publisher
from streams.scheduler import Scheduler
from streams.sides import Sides
from streams.state_bytes import dump, load
from streams.task_plan import TaskPlan
from tests.kinds.registry import Desk, trigger

PLAN = PlayPlan(run="r", speed=0.0)
ROOT = Root(source="x", seq=0)

trigger("broker")(lambda _: BrokerError("my plugin's cluster is gone", got="x", fix="y"))
trigger("delivery")(lambda _: DeliveryError("my plugin's record is gone", got="x", fix="y"))
trigger("fenced")(lambda _: Fenced("my plugin was taken over", got="x", fix="y"))
trigger("state_diverged")(lambda _: StateDiverged("my plugin forgot", got="x", allowed="y"))
trigger("snapshot")(lambda _: SnapshotError("my plugin's snapshot is old", got="x", allowed="y"))
trigger("task_failed")(lambda _: TaskFailed("my plugin gave up", got="x"))


# ---- the memory log keeps Kafka's rules


def memory(topic: str = "t") -> MemoryLog:
    log = MemoryLog()
    log.create([TopicSpec(topic)])
    return log


@trigger("fenced.taken_over")
def a_writer_whose_id_was_taken(_: Desk) -> Any:
    log = memory()
    former = log.writer("id")
    log.writer("id")
    return former.begin()


@trigger("delivery.transaction_open")
def a_transaction_within_another(_: Desk) -> Any:
    writer = memory().writer("id")
    writer.begin()
    return writer.begin()


trigger("delivery.no_transaction")(lambda _: memory().writer("id").commit())
trigger("delivery.no_topic")(lambda _: memory().appender().append("elsewhere", 0, None, b"", None))
trigger("broker.no_topic")(lambda _: memory().bounds("elsewhere", 0))
trigger("snapshot.position_gone")(lambda _: memory().reader({("t", 0): 5}))


@trigger("delivery.closed")
def a_publisher_that_was_closed(_: Desk) -> Any:
    publisher = Publisher(MemoryLog(), "x")
    publisher.close()
    return publisher.publish(b"{}", "spot:BTCUSDT", 1)


@trigger("delivery.unacknowledged")
def a_broker_that_does_not_acknowledge(desk: Desk) -> Any:
    publisher = Publisher(MemoryLog(), "x")
    desk.patch.setattr(publisher._appender, "flush", lambda _timeout_s: 3)
    return publisher.flush(0.1)


@trigger("snapshot.numbers_gone")
def a_source_whose_records_are_gone(_: Desk) -> Any:
    log = MemoryLog()
    first = Publisher(log, "x")
    first.publish(b"{}", "spot:BTCUSDT", 1)
    first.close()
    log.truncate("raw.x", 0, 1)
    return Publisher(log, "x")


# ---- snapshots


trigger("snapshot.torn")(lambda _: load("risk/1", dump("risk/1", {}, {})[:-1]))
trigger("snapshot.foreign")(lambda _: load("risk/1", dump("hot/1", {}, {})))


@trigger("snapshot.other_instruments")
def books_of_other_instruments(_: Desk) -> Any:
    two, all_of_them = adapter_of("binance", DEFINITIONS[:2]), adapter_of("binance")
    return two.restore(all_of_them.snapshot(all_of_them.start()))


@trigger("snapshot.no_run")
def a_namespace_without_a_run(_: Desk) -> Any:
    log = MemoryLog()
    log.create([TopicSpec("control"), TopicSpec("definitions")])
    return read_context(log, "")


@trigger("snapshot.side_gone")
def a_side_record_that_was_applied_and_is_gone(desk: Desk) -> Any:
    log = MemoryLog()
    open_run(log, PLAN)
    desk.patch.setattr("streams.sides.SIDE_WAIT_S", 0.01)
    strategy = HOP_FACTORIES["strategy"](read_context(log, PLAN.namespace))
    plan = TaskPlan(name="strategy", namespace=PLAN.namespace, source=PLAN.source, run="r", mode="live")
    sides = Sides(log, plan, [strategy])
    sides.recall({Side(place=0, input=0, partition=0, writer_crc=1, seq=7)}, 0)
    return sides.apply_live([strategy], [strategy.start()], 0)


# ---- broken promises


class Recovery:
    """An output that has left one record, and a life that must regenerate it."""

    def __init__(self) -> None:
        self.log = memory("orders")
        self.output = Output("orders", 0, "risk")
        self.writer = self.log.writer("risk")
        self.writer.begin()

    def left(self, schema: int, value: bytes) -> None:
        header = Header(schema=schema, version=1, seq=0, time=1, writer="risk")
        self.log.appender().append("orders", 0, b"", value, pack(header))
        self.output.recall(self.log)

    def document(self, run: str) -> None:
        end = End(run=run, ts=1, inputs=0)
        self.output.append_document(self.writer, b"", end, no_stamps(), 0, (), ())


@trigger("state_diverged.other_row")
def another_row(_: Desk) -> Any:
    recovery = Recovery()
    recovery.left(SCORE_SCHEMA.number, np.zeros(1, SCORE).tobytes())
    rows = np.ones(1, SCORE)
    return recovery.output.append_rows(recovery.writer, SCORE_SCHEMA, rows, no_stamps(), np.zeros(1, np.int64), (), ())


@trigger("state_diverged.other_document")
def another_document(_: Desk) -> Any:
    recovery = Recovery()
    recovery.left(22, encode(End(run="before", ts=1, inputs=0)))
    return recovery.document("after")


@trigger("state_diverged.too_little")
def less_than_there_was(_: Desk) -> Any:
    recovery = Recovery()
    recovery.left(22, encode(End(run="before", ts=1, inputs=0)))
    return recovery.output.check_regenerated()


@trigger("state_diverged.hole")
def a_missing_number(_: Desk) -> Any:
    from streams.inputs import Input
    from streams.log import Record

    rows = np.zeros(1, SCORE).tobytes()
    source = Input(MemoryLog(), "scores", 0)
    headers = [Header(schema=SCORE_SCHEMA.number, version=1, seq=seq, time=1, writer="hot") for seq in (0, 5)]
    source.push([Record("scores", 0, i, None, rows, pack(header)) for i, header in enumerate(headers)])
    while source.take() is not None:  # what stands before the hole is handed out
        continue
    return None


@trigger("state_diverged.unknown_answers")
def answers_to_nobody(_: Desk) -> Any:
    answers = Answers()
    for i in range(EARLY_MAX + 1):
        answers.put(
            Decision(
                client_order_id=str(i), root=ROOT, ts=1, account="a", strategy="s", instrument_id=1,
                instrument="spot:BTCUSDT", verdict="denied", reasons=["late"], checks=[],
            )
        )  # fmt: skip
    return None


# ---- tasks


def supervised(body: str) -> Supervisor:
    supervisor = Supervisor(command=lambda _spec: [sys.executable, "-S", "-E", "-c", body], backoff_s=(0.0,))
    supervisor.start(WorkerSpec(bootstrap="", namespace="", run="r", source="x", task="risk"))
    return supervisor


def waited(body: str) -> Any:
    supervisor = supervised(body)
    try:
        return supervisor.wait_ready()
    finally:
        supervisor.close()


trigger("task_failed.task_ended")(lambda _: waited("raise SystemExit(4)"))


@trigger("broker.task_ended")
def a_task_that_has_lost_kafka(desk: Desk) -> Any:
    desk.patch.setattr("agents.supervisor.DEATHS_MAX", 0)
    return waited("raise SystemExit(3)")


@trigger("task_failed.not_ready")
def a_task_that_does_not_come_up(desk: Desk) -> Any:
    desk.patch.setattr("agents.supervisor.READY_S_MAX", 0.2)
    return waited("import os\nwhile os.read(0, 1): pass")


class Waits:
    done = False

    def turn(self, wait_s: float) -> bool:
        return False

    def close(self) -> None: ...


trigger("task_failed.stuck")(lambda _: Scheduler({"risk": Waits}, 0).run(lambda: None))


# ---- Kafka


@trigger("delivery.away")
def a_record_for_a_broker_that_is_away(desk: Desk) -> Any:
    from streams.kafka_writer import KafkaAppender

    desk.patch.setattr("streams.kafka_writer.APPEND_S_MAX", 0.2)
    appender = KafkaAppender(f"127.0.0.1:{free_port()}")
    try:
        appender.append("t", 0, None, b"", None)
        return appender.flush(10.0)
    finally:
        appender.close()


@trigger("broker.unreadable", kafka=True)
def a_topic_that_kafka_will_not_read(desk: Desk) -> Any:
    from streams.kafka_reader import KafkaReader

    reader = KafkaReader(desk.bootstrap, {("no topic's name!", 0): 0}, False)
    try:
        for _ in range(20):
            reader.read(1, 1.0)
    finally:
        reader.close()


@trigger("broker.topic_refused", kafka=True)
def a_topic_that_kafka_will_not_make(desk: Desk) -> Any:
    from streams.kafka import connect

    log = connect(desk.bootstrap)
    try:
        return log.create([TopicSpec("no topic's name!")])
    finally:
        log.close()


@trigger("broker.already_running", kafka=True)
def another_port_than_it_runs_on(_: Desk) -> Any:
    return EmbeddedBroker().up(free_port())


# ---- the embedded broker, without a server


def broker(desk: Desk) -> EmbeddedBroker:
    return EmbeddedBroker(desk.folder / "home")


@trigger("broker.not_running")
def nothing_named_and_nothing_running(desk: Desk) -> Any:
    from streams.bootstrap import find_bootstrap

    desk.patch.setenv(HOME_VARIABLE, str(desk.folder))
    desk.patch.delenv("TAPEDECK_BOOTSTRAP", raising=False)
    desk.patch.chdir(desk.folder)
    return find_bootstrap()


@trigger("broker.away")
def a_port_where_nobody_listens(_: Desk) -> Any:
    from streams.kafka import connect

    return connect(f"127.0.0.1:{free_port()}", timeout_s=0.5)


@trigger("broker.port_taken")
def a_port_that_another_program_has(desk: Desk) -> Any:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return broker(desk).up(taken.getsockname()[1])


@trigger("broker.no_free_port")
def a_machine_without_a_free_port(desk: Desk) -> Any:
    desk.patch.setattr("streams.broker_start.port_is_free", lambda _port: False)
    return free_port()


@trigger("broker.folder_unusable")
def a_home_that_is_no_folder(desk: Desk) -> Any:
    desk.file("", "home")
    return broker(desk).up()


@trigger("broker.busy")
def a_lock_that_is_held(desk: Desk) -> Any:
    def quietly(_said: str) -> None: ...

    lock = desk.folder / "lock"
    with (
        held(lock, doing="starting Kafka", timeout_s=1.0, progress=quietly),
        held(lock, doing="starting Kafka", timeout_s=0.0, progress=quietly),  # as another process would
    ):
        return None


def fetching(desk: Desk, jars: Path) -> Any:
    desk.patch.setenv(JARS_VARIABLE, str(jars))
    desk.patch.setenv(MAVEN_VARIABLE, f"http://127.0.0.1:{free_port()}")
    return broker(desk).up()


trigger("broker.jars_unfetched")(lambda desk: fetching(desk, desk.folder / "jars"))
trigger("broker.jars_unwritable")(lambda desk: fetching(desk, desk.file("", "jars")))


@trigger("broker.jars_foreign")
def a_mirror_that_serves_other_files(desk: Desk) -> Any:
    from streams.broker_jars import _check

    return _check([desk.file("another server", "kafka.jar")], "http://mirror")


@trigger("broker.unformatted")
def java_that_cannot_format(desk: Desk) -> Any:
    desk.patch.setattr("streams.broker_start.java_command", lambda *_a: [sys.executable, "-c", "raise SystemExit(1)"])
    return broker(desk).up()


@trigger("broker.start_silent")
def a_server_that_says_nothing(desk: Desk) -> Any:
    from streams.broker_start import Place, Ports, wait_ready

    port = free_port()
    return wait_ready(
        Place(desk.folder), Process(os.getpid(), _look(os.getpid())[1]), Ports(port, port), timeout_s=0.05
    )


@trigger("broker.start_ended")
def a_server_that_ended(desk: Desk) -> Any:
    from streams.broker_start import Place, Ports, wait_ready

    return wait_ready(Place(desk.folder), Process(0, "never"), Ports(1, 2))
