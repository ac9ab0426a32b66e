"""The embedded broker, against a real server in homes of its own."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, ConfigResource, NewTopic

from schemas.errors import BrokerError, ConfigError
from streams.broker import KAFKA_VERSION, EmbeddedBroker, settings
from streams.broker_jars import MAVEN_VARIABLE, server_jars
from streams.broker_process import Process
from streams.broker_start import free_port, port_is_free
from streams.home import JARS_VARIABLE

ANSWER_S_MAX = 30

HEEDS_INTERRUPTS = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
"""A process whose parent ignores interrupts, as a background job does, is born ignoring them."""
UP = """
import sys
from pathlib import Path
from streams.broker import EmbeddedBroker
print(EmbeddedBroker(Path(sys.argv[1])).up().pid)
"""


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Path]:
    """A home whose path is not plain ASCII without spaces; the broker in it is stopped afterwards."""
    folder = tmp_path / "trader's désk 交易"
    yield folder
    EmbeddedBroker(folder).down()


def produce(bootstrap: str, topic: str, value: bytes) -> None:
    producer = Producer({"bootstrap.servers": bootstrap, "log_level": 0})
    producer.produce(topic, value)
    assert producer.flush(ANSWER_S_MAX) == 0


def read_all(bootstrap: str, topic: str, count: int) -> list[bytes]:
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "reader", "log_level": 0})
    consumer.assign([TopicPartition(topic, 0, 0)])
    messages = consumer.consume(count, ANSWER_S_MAX)
    consumer.close()
    return [message.value() for message in messages]


def create_topic(bootstrap: str, name: str) -> None:
    admin: Any = AdminClient({"bootstrap.servers": bootstrap, "log_level": 0})
    admin.create_topics([NewTopic(name, 1)])[name].result(ANSWER_S_MAX)


def test_the_tape_and_the_address_survive_a_restart(desk: Path) -> None:
    broker = EmbeddedBroker(desk)
    said: list[str] = []
    first = broker.up(progress=said.append)
    assert first.running
    assert first.bootstrap is not None
    assert said[-1] == f"starting Apache Kafka {KAFKA_VERSION} at {first.bootstrap}"
    create_topic(first.bootstrap, "tape")
    produce(first.bootstrap, "tape", b"tick")

    assert broker.up().pid == first.pid  # a second `up` finds it and starts nothing
    assert broker.down()
    assert not broker.down()
    assert not broker.status().running
    assert broker.status().bootstrap is None

    second = broker.up()
    assert second.pid != first.pid
    assert second.bootstrap == first.bootstrap
    produce(first.bootstrap, "tape", b"tock")
    assert read_all(first.bootstrap, "tape", 2) == [b"tick", b"tock"]


def test_status_says_what_clients_and_people_need(desk: Path) -> None:
    broker = EmbeddedBroker(desk)
    never = broker.status().as_json()
    assert (never["running"], never["bootstrap"], never["version"]) == (False, None, KAFKA_VERSION)
    assert not desk.exists()  # asking leaves no trace
    assert not broker.down()
    assert not desk.exists()

    told = json.loads(json.dumps(broker.up().as_json()))
    assert told["running"] is True
    assert told["bootstrap"].startswith("127.0.0.1:")
    assert Path(told["data"]).is_dir()
    assert told["since"].endswith("+00:00")
    assert 0 < told["uptime_s"] < 600


def test_a_port_may_be_given(desk: Path) -> None:
    broker, port = EmbeddedBroker(desk), free_port()
    assert broker.up(port).bootstrap == f"127.0.0.1:{port}"
    with pytest.raises(BrokerError, match=r"already runs at 127\.0\.0\.1") as refused:
        broker.up(free_port(besides=port))
    assert "stop it first" in refused.value.fix
    assert broker.up(port).running


def test_a_port_taken_by_another_program_is_named(desk: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(BrokerError, match=f"port {port} is taken") as refused:
            EmbeddedBroker(desk).up(port)
    assert "another port" in refused.value.fix
    assert not EmbeddedBroker(desk).status().running


@pytest.mark.parametrize("port", [0, -1, 65_536])
def test_a_port_that_is_none_is_refused_before_anything_is_made(desk: Path, port: int) -> None:
    with pytest.raises(ConfigError, match="not a port"):
        EmbeddedBroker(desk).up(port)
    assert not desk.exists()


def test_the_last_port_being_taken_another_is_chosen(desk: Path) -> None:
    broker = EmbeddedBroker(desk)
    first = broker.up().bootstrap
    assert first is not None
    broker.down()
    with socket.create_server(("127.0.0.1", int(first.rpartition(":")[2]))):
        second = broker.up()
    assert second.running
    assert second.bootstrap != first


def test_a_broker_killed_outright_is_seen_and_comes_back_with_its_tape(desk: Path) -> None:
    broker = EmbeddedBroker(desk)
    first = broker.up()
    assert first.bootstrap is not None
    assert first.pid is not None
    create_topic(first.bootstrap, "tape")
    produce(first.bootstrap, "tape", b"tick")
    os.kill(first.pid, signal.SIGKILL)
    began = json.loads((broker.place.folder / "state.json").read_text())["began"]
    assert Process(first.pid, began).gone_within(ANSWER_S_MAX)
    assert not broker.status().running

    second = broker.up()
    assert second.pid != first.pid
    assert second.bootstrap == first.bootstrap
    assert read_all(first.bootstrap, "tape", 1) == [b"tick"]


def test_a_stale_state_file_kills_nobody(desk: Path) -> None:
    broker = EmbeddedBroker(desk)
    broker.up()
    broker.down()
    state = json.loads((broker.place.folder / "state.json").read_text())
    # The pid of last week's broker is now a stranger's: this very process.
    (broker.place.folder / "state.json").write_text(json.dumps({**state, "pid": os.getpid(), "began": "last week"}))
    assert not broker.status().running
    assert not broker.down()


@pytest.mark.parametrize("content", ["", "{", "[]", '{"pid": 1}'])
def test_a_state_file_that_is_no_state_is_no_broker(desk: Path, content: str) -> None:
    broker = EmbeddedBroker(desk)
    broker.place.folder.mkdir(parents=True)
    (broker.place.folder / "state.json").write_text(content)
    assert not broker.status().running
    assert not broker.down()


def test_two_starts_at_once_end_with_one_broker(desk: Path) -> None:
    starters = [
        subprocess.Popen([sys.executable, "-c", UP, str(desk)], stdout=subprocess.PIPE, text=True) for _ in range(2)
    ]
    answers = [starter.communicate(timeout=120)[0].strip() for starter in starters]
    assert [starter.returncode for starter in starters] == [0, 0]
    assert answers == [str(EmbeddedBroker(desk).status().pid)] * 2


def test_the_broker_does_not_hear_the_terminals_interrupt(desk: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HEEDS_INTERRUPTS + UP + "input()", str(desk)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    ) as starter:
        assert starter.stdout is not None
        pid = int(starter.stdout.readline())
        os.killpg(starter.pid, signal.SIGINT)  # as a terminal does to its foreground group
        starter.wait(ANSWER_S_MAX)
    status = EmbeddedBroker(desk).status()
    assert status.running
    assert status.pid == pid


def test_a_broker_that_cannot_start_says_why_and_where_to_read_on(desk: Path) -> None:
    broker = EmbeddedBroker(desk)
    broker.up()
    broker.down()
    (broker.place.data / "meta.properties").write_text("version=1\ncluster.id=AAAAAAAAAAAAAAAAAAAAAA\nnode.id=7\n")
    with pytest.raises(BrokerError, match="ended while starting") as refused:
        broker.up()
    assert "node" in str(refused.value)
    assert refused.value.where == str(broker.place.log)
    assert not broker.status().running


def test_a_home_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(BrokerError, match="cannot be used") as refused:
        EmbeddedBroker(tmp_path / "file").up()
    assert str(tmp_path / "file") in refused.value.where
    assert "TAPEDECK_HOME" in refused.value.fix


def test_a_comma_in_the_homes_path_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="comma"):
        EmbeddedBroker(tmp_path / "a,b").up()


def test_without_a_network_the_reader_is_told_what_to_do(
    desk: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(JARS_VARIABLE, str(tmp_path / "jars"))
    monkeypatch.setenv(MAVEN_VARIABLE, f"http://127.0.0.1:{free_port()}")
    with pytest.raises(BrokerError, match="cannot be fetched") as refused:
        EmbeddedBroker(desk).up()
    assert JARS_VARIABLE in refused.value.fix
    assert not EmbeddedBroker(desk).status().running


def test_an_interrupted_fetch_is_not_taken_for_the_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = server_jars(print)
    copied = tmp_path / "jars" / whole.folder.name
    copied.mkdir(parents=True)
    for name in whole.names():
        (copied / name).symlink_to(whole.folder / name)
    (copied / "manifest.json").write_bytes(whole.manifest.read_bytes())
    monkeypatch.setenv(JARS_VARIABLE, str(tmp_path / "jars"))
    monkeypatch.setenv(MAVEN_VARIABLE, f"http://127.0.0.1:{free_port()}")
    assert server_jars(print).names() == whole.names()

    torn = copied / whole.names()[0]
    torn.unlink()
    torn.write_bytes(b"half a jar")
    with pytest.raises(BrokerError, match="cannot be fetched"):  # it went to fetch them anew
        server_jars(print)


def test_the_server_runs_with_the_settings_written_down(desk: Path) -> None:
    status = EmbeddedBroker(desk).up()
    admin: Any = AdminClient({"bootstrap.servers": status.bootstrap, "log_level": 0})
    resource = ConfigResource(ConfigResource.Type.BROKER, "1")
    effective = admin.describe_configs([resource])[resource].result(ANSWER_S_MAX)
    wanted = settings(int(status.bootstrap.rpartition(":")[2]) if status.bootstrap else 0, 0, status.data)
    for name in set(wanted) - {"listeners", "controller.quorum.voters"}:
        assert effective[name].value == wanted[name], name
    assert all("127.0.0.1" in listener for listener in effective["listeners"].value.split(","))


def test_the_sessions_broker_answers(kafka: Any) -> None:
    create_topic(kafka.bootstrap, "session")
    produce(kafka.bootstrap, "session", b"tick")
    assert read_all(kafka.bootstrap, "session", 1) == [b"tick"]


def test_ports_are_chosen_free(desk: Path) -> None:
    assert port_is_free(free_port())
    with socket.create_server(("127.0.0.1", 0)) as taken:
        assert not port_is_free(taken.getsockname()[1])
