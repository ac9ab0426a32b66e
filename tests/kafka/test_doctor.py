"""``tapedeck doctor`` on a real broker of its own: what is well, what is planted, and that the fix mends it."""

from __future__ import annotations

import io
import os
import re
import shlex
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import msgspec
import orjson
import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient

from agents.topology import FUSED, topic_specs
from console.main import main
from replay.plan import PlayPlan
from schemas.catalog import CLOCK, RUN
from schemas.clock import Clock
from schemas.codec import encode
from schemas.header import HEADER_KEY, Header, no_stamps, pack
from streams.broker import EmbeddedBroker
from streams.clock import sleep_s, wall_ns
from streams.cluster import Cluster
from streams.config import BOOTSTRAP_VARIABLE
from streams.home import HOME_VARIABLE
from streams.kafka import connect
from streams.snapshot import TaskState, record_header, to_bytes

REPOSITORY = Path(__file__).resolve().parents[2]
ENDED_S_MAX = 120.0
STALLED_MS = 200_000

pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A home with a broker of its own: live topics have no prefix, so nobody else may see them."""
    folder = tmp_path_factory.mktemp("doctor")
    broker = EmbeddedBroker(folder)
    try:
        broker.up()
        yield folder
    finally:
        broker.down()


def tapedeck(home: Path, *arguments: str) -> tuple[int, str]:
    """Exit code and standard output of a command in that home, run in this process: a start of Python costs seconds."""
    out = io.StringIO()
    with pytest.MonkeyPatch.context() as environment, redirect_stdout(out), redirect_stderr(errors := io.StringIO()):
        environment.setenv(HOME_VARIABLE, str(home))
        environment.delenv(BOOTSTRAP_VARIABLE, raising=False)
        code = main(arguments)
    assert out.getvalue(), errors.getvalue()
    return code, out.getvalue()


def report(home: Path, *options: str) -> tuple[int, str, dict[str, dict[str, str]]]:
    """Exit code, verdict, and findings by check; of two with one name the graver."""
    code, out = tapedeck(home, *options, "doctor", "--json")
    assert len(out.splitlines()) == 1, out
    told: dict[str, Any] = orjson.loads(out)
    assert told.keys() == {"verdict", "findings"}
    assert all(f.keys() == {"check", "status", "found", "wanted", "fix"} for f in told["findings"])
    assert all(f["fix"] for f in told["findings"] if f["status"] in ("warn", "fail")), "no way to mend it is told"
    ordered = sorted(told["findings"], key=lambda f: ("ok", "unknown", "warn", "fail").index(f["status"]))
    return code, told["verdict"], {f["check"]: f for f in ordered}


def mended_by(home: Path, fix: str) -> None:
    """Does what a finding advises."""
    program, *arguments = shlex.split(fix)
    assert program == "tapedeck"
    assert tapedeck(home, *arguments)[0] == 0


def bootstrap(home: Path) -> str:
    address = EmbeddedBroker(home).status().bootstrap
    assert address is not None
    return address


@pytest.fixture
def live(home: Path) -> str:
    """Address of the broker, on which a live run has been opened and each task and the clock have just spoken."""
    address = bootstrap(home)
    log = connect(address)
    log.create(topic_specs("", "simulator"))
    run = msgspec.structs.replace(PlayPlan(run="live").opening(), mode="live")
    old_ms = wall_ns() // 1_000_000 - STALLED_MS
    sent(address, "control", 0, b"", encode(run), documented(RUN.number), old_ms)
    sent(address, "raw.simulator", 0, b"k", b"payload", None, old_ms)
    sent(address, "raw.simulator", 0, b"k", b"payload", None)
    for task in FUSED:
        commit(address, task.name)
    sent(address, "clock", 0, b"", encode(Clock(ts=wall_ns())), documented(CLOCK.number))
    log.close()
    return address


@pytest.fixture
def ticking(live: str) -> Iterator[None]:
    """The live run's clock, ten times a second: however long a look takes, it is fresh."""
    over = threading.Event()

    def tick() -> None:
        producer = Producer({"bootstrap.servers": live})
        header = [(HEADER_KEY, documented(CLOCK.number))]
        while not over.wait(0.1):
            producer.produce("clock", encode(Clock(ts=wall_ns())), b"", 0, headers=header)
            producer.poll(0)
        assert producer.flush(30) == 0

    thread = threading.Thread(target=tick)
    thread.start()
    yield
    over.set()
    thread.join()


def documented(schema: int) -> bytes:
    return pack(Header(schema=schema, version=1, seq=0, time=0, writer="people", stamps=no_stamps()))


def commit(address: str, name: str, timestamp_ms: int | None = None) -> None:
    """A snapshot of a task at the beginning of its input, at a time of the past if one is given."""
    (task,) = (task for task in FUSED if task.name == name)
    state = to_bytes(TaskState({"input": {"ordinal": 0, "offset": 0}, "snapshots": 1, "outputs": {}}, [], []))
    sent(address, "state", task.state_partition, name.encode(), state, record_header(name, 1, 0), timestamp_ms)


def sent(
    address: str, topic: str, partition: int, key: bytes, value: bytes, header: bytes | None,
    timestamp_ms: int | None = None,
) -> None:  # fmt: skip
    """A record at a time of our choice, durable."""
    producer = Producer({"bootstrap.servers": address})
    producer.produce(
        topic, value, key, partition, timestamp=timestamp_ms or wall_ns() // 1_000_000,
        headers=None if header is None else [(HEADER_KEY, header)],
    )  # fmt: skip
    assert producer.flush(30) == 0


def test_a_fresh_broker_is_well(home: Path) -> None:
    code, verdict, found = report(home)
    assert code == 0
    assert verdict in ("ok", "warn")
    for check in ("python", "packages", "numba", "broker", "broker version", "broker settings", "replication",
                  "broker limits", "consumer groups", "jars"):  # fmt: skip
        assert found[check]["status"] == "ok", found[check]
    assert {
        "cpu",
        "memory",
        "open files",
        "disk",
        "days left",
        "clock offset",
        "kernels",
        "crashes",
        "broker log",
    } <= found.keys()


def test_a_broker_that_is_named_is_asked_for_its_version(home: Path, kafka: Any) -> None:
    found = report(home, "--bootstrap", kafka.bootstrap)[2]
    assert "features of Kafka 4.4 (metadata.version 33, transaction.version 2)" in found["broker version"]["found"]
    assert found["days left"]["status"] == "unknown"


def test_a_live_run_that_commits_is_well_and_its_days_are_counted(home: Path, live: str, ticking: None) -> None:
    code, _, found = report(home)
    assert code == 0, found
    assert found["tasks"]["found"].startswith("normalise, hot, risk, venue: alive")
    assert found["clock"]["status"] == found["feed"]["status"] == found["topics"]["status"] == "ok"
    assert found["days left"]["status"] in ("ok", "warn", "fail")
    assert "a day (by the last" in found["days left"]["found"]


def test_doctor_changes_nothing_in_the_log(home: Path, live: str) -> None:
    before = everything(live)
    report(home)
    assert everything(live) == before


def everything(address: str) -> dict[tuple[str, int], tuple[int, int]]:
    log = connect(address)
    try:
        return {(name, p): log.bounds(name, p) for name in log.names() for p in range(log.partitions(name))}
    finally:
        log.close()


@pytest.mark.parametrize(
    ("topic", "setting", "value"),
    [("state", "cleanup.policy", "delete"), ("orders", "retention.ms", "604800000"),
     ("raw.simulator", "max.message.bytes", "1000000")],
)  # fmt: skip
def test_a_topic_with_a_wrong_setting_is_found_and_mended_by_what_is_advised(
    home: Path, live: str, topic: str, setting: str, value: str
) -> None:
    cluster = Cluster(live)
    cluster.change_topic(topic, {setting: value})
    code, verdict, found = report(home)
    assert (code, verdict) == (1, "fail")
    assert found[f"topic {topic}"]["found"] == f"{setting}={value}"
    mended_by(home, found[f"topic {topic}"]["fix"])
    assert f"topic {topic}" not in report(home)[2]
    assert cluster.topic_settings([topic])[topic][setting].value != value


def test_a_missing_topic_is_found_and_mended_and_then_there_is_nothing_to_mend(home: Path, live: str) -> None:
    client = AdminClient({"bootstrap.servers": live})
    for future in client.delete_topics(["scores"]).values():
        future.result(30)
    found = report(home)[2]
    assert found["topics"]["found"] == "missing: scores"
    mended_by(home, found["topics"]["fix"])
    assert report(home)[2]["topics"]["status"] == "ok"
    assert tapedeck(home, "topics", "mend") == (0, "nothing to mend\n")
    assert orjson.loads(tapedeck(home, "topics", "mend", "--json")[1]) == {"mended": []}


def test_a_task_whose_snapshot_is_old_while_its_input_grew_is_found(home: Path, live: str, ticking: None) -> None:
    commit(live, "normalise", wall_ns() // 1_000_000 - STALLED_MS)
    code, verdict, found = report(home, "--bootstrap", live)
    assert (code, verdict) == (1, "fail")
    stalled = found["task normalise"]
    assert stalled["status"] == "fail"
    assert "last commit 3 min" in stalled["found"]
    assert not stalled["found"].startswith("stalled: lag 0 ")
    assert stalled["fix"].startswith(f"tapedeck --bootstrap {live} up --only normalise")


def test_a_consumer_group_is_told_with_its_lag(home: Path, live: str) -> None:
    reader = Consumer({"bootstrap.servers": live, "group.id": "desk", "enable.auto.commit": False})
    reader.commit(offsets=[TopicPartition("raw.simulator", 0, 0)], asynchronous=False)
    reader.close()
    log = connect(live)
    end = log.bounds("raw.simulator", 0)[1]
    log.close()
    assert report(home)[2]["consumer groups"]["found"] == f"lag in records: desk {end}, no members"


def test_people_get_a_table_that_fits_and_commands_that_can_be_copied(home: Path, live: str, ticking: None) -> None:
    cluster = Cluster(live)
    cluster.change_topic("state", {"cleanup.policy": "delete"})
    environment = {name: value for name, value in os.environ.items() if name != BOOTSTRAP_VARIABLE}
    done = subprocess.run(
        [sys.executable, "-m", "console.main", "doctor"], cwd=REPOSITORY, text=True, capture_output=True,
        timeout=ENDED_S_MAX, check=False, env={**environment, HOME_VARIABLE: str(home)},
    )  # fmt: skip
    mended_by(home, "tapedeck topics mend")
    assert done.returncode == 1
    table, _, rest = done.stdout.partition("to mend\n")
    assert all(len(line) <= 80 for line in table.splitlines())
    assert re.search(r"^fail +topic state +cleanup.policy=delete$", table, re.MULTILINE)
    assert "  tapedeck topics mend\n" in rest
    assert "1 fail" in rest.splitlines()[-1]


def test_a_broker_that_was_killed_is_found_and_brought_back_by_what_is_advised(home: Path) -> None:
    pid = EmbeddedBroker(home).status().pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    while EmbeddedBroker(home).status().running:
        sleep_s(0.01)
    code, verdict, found = report(home)
    assert (code, verdict) == (1, "fail")
    assert found["broker process"]["status"] == "warn"
    assert (found["broker"]["status"], found["broker"]["fix"]) == ("fail", "tapedeck broker up")
    assert found["tasks"]["status"] == "unknown"
    assert found["numba"]["status"] == "ok", "the rest is looked at all the same"
    mended_by(home, found["broker"]["fix"])
    assert report(home)[2]["broker"]["status"] == "ok"


def test_a_cluster_that_does_not_answer_is_a_finding_and_no_error(home: Path) -> None:
    code, verdict, found = report(home, "--bootstrap", "127.0.0.1:1")
    assert (code, verdict) == (1, "fail")
    assert "127.0.0.1:1 does not answer" in found["broker"]["found"]
