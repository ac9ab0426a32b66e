"""docker-compose.yml as far as it runs without Docker: its Kafka's settings on a real Kafka, its services' commands.

Each service's command is run as it stands, in a process instead of a container; of the address alone another is put in.
"""

from __future__ import annotations

import base64
import os
import secrets
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest

from agents.topology import FUSED
from streams.broker import EmbeddedBroker
from streams.broker_archive import archive_options
from streams.broker_jars import server_jars
from streams.broker_process import java_environment, spawn
from streams.broker_settings import LOOPBACK, properties
from streams.broker_start import free_port, java_command, port_is_free
from streams.clock import monotonic_s, sleep_s
from streams.cluster import Cluster
from streams.home import HOME_VARIABLE
from streams.kafka import KafkaLog, connect
from streams.snapshot import newest_record
from tests.compose_file import (
    CLIENTS_PORT,
    CONTROLLER_PORT,
    DATA,
    NETWORK,
    NETWORK_PORT,
    SERVICES,
    TASKS,
    composed,
)

START_S_MAX = 90.0
READY_S_MAX = 240.0
"""A cold machine compiles kernels first, six processes at once."""
ENDED_S_MAX = 240.0

pytestmark = pytest.mark.timeout(900)


def test_the_composed_settings_start_a_kafka_that_both_sides_reach(tmp_path: Path) -> None:
    ports: dict[int, int] = {}
    for port in (CLIENTS_PORT, NETWORK_PORT, CONTROLLER_PORT):
        ports[port] = next(free for _ in range(100) if (free := free_port()) not in ports.values())
    settings = {name: here(value, ports, tmp_path / "data") for name, value in composed().items()}
    described = tmp_path / "server.properties"
    described.write_text(properties(settings), encoding="ascii")
    jars = server_jars(print)
    cluster_id = base64.urlsafe_b64encode(secrets.token_bytes(16)).decode().rstrip("=").replace("-", "A")
    formatting = java_command(
        jars, (), "kafka.tools.StorageTool", "format", "-t", cluster_id, "-c", str(described)
    )  # fmt: skip
    subprocess.run(formatting, check=True, capture_output=True, timeout=START_S_MAX, env=java_environment())
    options = archive_options(jars, print)
    process = spawn(java_command(jars, options, "kafka.Kafka", str(described)), tmp_path / "java.out")
    try:
        for port in (CLIENTS_PORT, NETWORK_PORT):  # each client is sent on to the address of the side it came from
            assert answering(f"{LOOPBACK}:{ports[port]}") == f"{LOOPBACK}:{ports[port]}"
    finally:
        process.end(START_S_MAX)
    assert all(port_is_free(port) for port in ports.values())


def here(value: str, ports: dict[int, int], data: Path) -> str:
    """A setting with this test's ports and folder, on the loopback interface alone."""
    for written, free in ports.items():
        value = value.replace(f":{written}", f":{free}")
    for host in ("//0.0.0.0", "//kafka"):
        value = value.replace(host, f"//{LOOPBACK}")
    return value.replace(DATA, str(data))


def answering(address: str) -> str:
    """The address to which a client that asks there is sent."""
    connect(address, START_S_MAX).close()
    (advertised,) = Cluster(address).brokers().values()
    return advertised


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A home with a broker of its own: live topics have no prefix, so nobody else may see them."""
    folder = tmp_path_factory.mktemp("compose")
    broker = EmbeddedBroker(folder)
    try:
        broker.up()
        yield folder
    finally:
        broker.down()


def command(service: str, bootstrap: str) -> list[str]:
    """The service's own command line, but for the broker's address."""
    tapedeck = shutil.which("tapedeck", path=str(Path(sys.executable).parent))
    assert tapedeck is not None, "the package's script is not installed"
    words = SERVICES[service]["command"]
    assert NETWORK in words
    return [tapedeck, *(bootstrap if word == NETWORK else word for word in words)]


@pytest.mark.long
def test_every_services_command_runs_is_found_well_by_doctor_and_ends_when_asked(home: Path, tmp_path: Path) -> None:
    bootstrap = EmbeddedBroker(home).status().bootstrap
    assert bootstrap is not None
    environment = {**os.environ, HOME_VARIABLE: str(home)}
    log = connect(bootstrap)
    processes: dict[str, subprocess.Popen[bytes]] = {}
    try:
        for service in TASKS:
            output = (tmp_path / service).open("wb")
            processes[service] = subprocess.Popen(
                command(service, bootstrap), cwd=tmp_path, env=environment, stdin=subprocess.DEVNULL,
                stdout=output, stderr=subprocess.STDOUT, start_new_session=True,
            )  # fmt: skip
            output.close()
        wait_for(log, processes, tmp_path)
        doctor = subprocess.run(
            [*command("doctor", bootstrap), "--json"], cwd=tmp_path, env=environment, capture_output=True,
            timeout=ENDED_S_MAX, check=False,
        )  # fmt: skip
        findings = {finding["check"]: finding for finding in orjson.loads(doctor.stdout)["findings"]}
        assert doctor.returncode == 0, findings
        assert findings["tasks"]["status"] == "ok", findings["tasks"]
        for process in processes.values():
            process.send_signal(signal.SIGTERM)
        codes = {service: process.wait(ENDED_S_MAX) for service, process in processes.items()}
        assert codes == dict.fromkeys(TASKS, 0), said(processes, tmp_path)
    finally:
        for process in processes.values():
            if process.poll() is None:
                process.kill()
                process.wait()
        log.close()


def wait_for(log: KafkaLog, processes: dict[str, subprocess.Popen[bytes]], folder: Path) -> None:
    """Return when each task has committed, and clock and feed have spoken: the log's word, not theirs."""
    deadline_s = monotonic_s() + READY_S_MAX
    while missing := [service for service in processes if not spoken(log, service)]:
        ended = [service for service, process in processes.items() if process.poll() is not None]
        assert not ended, (ended, said(processes, folder))
        assert monotonic_s() < deadline_s, (missing, said(processes, folder))
        sleep_s(0.2)


def spoken(log: KafkaLog, service: str) -> bool:
    topics = log.names()
    if service == "clock":
        return "clock" in topics and log.bounds("clock", 0)[1] > 0
    if service == "feed":
        return any(log.bounds(topic, 0)[1] > 0 for topic in topics if topic.startswith("raw."))
    (task,) = (task for task in FUSED if task.name == service)
    return "state" in topics and newest_record(log, "state", task.state_partition, task.name) is not None


def said(processes: dict[str, subprocess.Popen[bytes]], folder: Path) -> dict[str, str]:
    """The end of what each process has written."""
    return {service: (folder / service).read_text(errors="replace")[-500:] for service in processes}
