"""Brokers of a run's own: one or three, each behind a proxy, in a folder of theirs; killed and started at will.

Each has three listeners. Tasks are told the proxy's address; brokers, and the rig that reads back, talk directly.
"""

from __future__ import annotations

import base64
import os
import resource
import secrets
import shutil
import signal
import subprocess
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from chaos.keeper import note
from chaos.proxy import Proxy
from schemas.errors import BrokerError
from streams.broker_archive import archive_options
from streams.broker_jars import ServerJars, server_jars
from streams.broker_process import Process, java_environment, spawn
from streams.broker_settings import LOOPBACK, logging_settings, properties, settings
from streams.broker_start import FORMAT_S_MAX, START_S_MAX, Place, Ports, free_port, java_command, wait_ready

STOP_S_MAX = 20.0
REPLICAS = 3
IN_SYNC = 2
FULL_AFTER_BYTES = 16_384
"""A broker's files may grow by so much when its disk is made full."""
FALL_S_MAX = 20.0
"""How long a broker with a full disk may take to fall; then it is killed."""

_ALONE = {"default.replication.factor": "1", "min.insync.replicas": "1"}
_REPLICATED = {
    "default.replication.factor": str(REPLICAS),
    "min.insync.replicas": str(IN_SYNC),
    "offsets.topic.replication.factor": str(REPLICAS),
    "transaction.state.log.replication.factor": str(REPLICAS),
    "transaction.state.log.min.isr": str(IN_SYNC),
    "share.coordinator.state.topic.replication.factor": str(REPLICAS),
    "share.coordinator.state.topic.min.isr": str(IN_SYNC),
}


class Node:
    """One broker and its proxy.

    Args:
        number: From 0.
        folder: Holds everything of it.
    """

    def __init__(self, number: int, folder: Path) -> None:
        self.number = number
        self.place = Place(folder)
        self.ports = Ports(free_port(), free_port())
        self.behind = free_port()
        self.proxy = Proxy(free_port(), self.behind)
        self._process: Process | None = None

    @property
    def controller(self) -> str:
        """As in the quorum's list of voters."""
        return f"{self.number + 1}@{LOOPBACK}:{self.ports.controller}"

    def prepare(
        self, voters: str, replicated: bool, cluster_id: str, jars: ServerJars, options: tuple[str, ...]
    ) -> None:
        """Write the settings and format the storage.

        Raises:
            BrokerError: It cannot be formatted.
        """
        self._jars, self._options = jars, options
        place = self.place
        place.log.parent.mkdir(parents=True)
        pattern = place.log.with_name("broker.%g.log")
        place.logging_properties.write_text(properties(logging_settings(pattern)), encoding="ascii")
        base = settings(self.ports.clients, self.ports.controller, place.data)
        own = {
            "node.id": str(self.number + 1),
            "controller.quorum.voters": voters,
            "listeners": ",".join((
                f"PLAINTEXT://{self.ports.bootstrap}", f"PROXIED://{LOOPBACK}:{self.behind}",
                f"CONTROLLER://{LOOPBACK}:{self.ports.controller}",
            )),
            "advertised.listeners": f"PLAINTEXT://{self.ports.bootstrap},PROXIED://{LOOPBACK}:{self.proxy.port}",
            "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,PROXIED:PLAINTEXT,CONTROLLER:PLAINTEXT",
        }  # fmt: skip
        written = base | (_REPLICATED if replicated else _ALONE) | own
        place.server_properties.write_text(properties(written), encoding="ascii")
        arguments = ("format", "-t", cluster_id, "-c", str(place.server_properties))
        done = subprocess.run(
            java_command(jars, options, "kafka.tools.StorageTool", *arguments), capture_output=True, text=True,
            check=False, timeout=FORMAT_S_MAX, env=java_environment(),
        )  # fmt: skip
        if done.returncode:
            raise BrokerError(
                "Kafka's storage cannot be formatted", kind="unformatted", got=done.stderr.strip()[-200:],
                where=str(place.data),
            )  # fmt: skip

    def launch(self) -> None:
        """Start it; does not wait."""
        logged = f"-Djava.util.logging.config.file={self.place.logging_properties}"
        options = (*self._options, logged)
        command = java_command(self._jars, options, "kafka.Kafka", str(self.place.server_properties))
        self._process = spawn(command, self.place.java_output)
        note(self.place.folder.parent, self._process)

    def wait(self) -> None:
        """Wait until it answers.

        Raises:
            BrokerError: It ended, or stays silent.
        """
        if self._process is not None:
            wait_ready(self.place, self._process, self.ports, START_S_MAX)

    @property
    def alive(self) -> bool:
        """Whether its process lives."""
        return self._process is not None and self._process.alive()

    def kill(self) -> None:
        """SIGKILL it."""
        self._signal(signal.SIGKILL)
        if self._process is not None:
            self._process.gone_within(STOP_S_MAX)

    def stop(self) -> None:
        """SIGSTOP it."""
        self._signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """SIGCONT it."""
        self._signal(signal.SIGCONT)

    def fill_disk(self) -> None:
        """Let no file of it grow further, as if its disk were full; it falls, or is killed after a while.

        By a limit on the size of its files: what a write then gives is an I/O error, as on a full disk, and no other
        program on the machine is harmed.
        """
        if self._process is None or not self.alive:
            return
        sizes = [path.stat().st_size for path in self.place.data.rglob("*.log") if path.exists()]
        most = max(sizes, default=0) + FULL_AFTER_BYTES
        with suppress(ProcessLookupError):
            resource.prlimit(self._process.pid, resource.RLIMIT_FSIZE, (most, resource.RLIM_INFINITY))
        if not self._process.gone_within(FALL_S_MAX):
            self.kill()

    def end(self) -> None:
        """End it for good, and its proxy."""
        if self._process is not None:
            self.go_on()
            self._process.end(STOP_S_MAX)
        self.proxy.close()

    def _signal(self, number: int) -> None:
        if self._process is not None and self._process.alive():
            with suppress(ProcessLookupError):
                os.kill(self._process.pid, number)


class Cluster:
    """All brokers of a run.

    Args:
        folder: Holds them; removed by whoever made it.
        brokers: 1 or 3.
    """

    def __init__(self, folder: Path, brokers: int) -> None:
        self.nodes = tuple(Node(n, folder / f"broker-{n}") for n in range(brokers))

    @property
    def direct(self) -> str:
        """Bootstrap address past the proxies."""
        return ",".join(node.ports.bootstrap for node in self.nodes)

    @property
    def proxied(self) -> str:
        """Bootstrap address of the tasks."""
        return ",".join(f"{LOOPBACK}:{node.proxy.port}" for node in self.nodes)

    def up(self, progress: Callable[[str], None]) -> None:
        """Format and start all, and wait until they answer.

        Raises:
            BrokerError: One does not start.
        """
        jars = server_jars(progress)
        options = archive_options(jars, progress)
        cluster_id = base64.urlsafe_b64encode(secrets.token_bytes(16)).decode().rstrip("=").replace("-", "A")
        voters = ",".join(node.controller for node in self.nodes)
        for node in self.nodes:
            node.prepare(voters, len(self.nodes) > 1, cluster_id, jars, options)
            node.proxy.start()
        for node in self.nodes:
            node.launch()
        for node in self.nodes:
            node.wait()

    def heal(self) -> None:
        """Whatever was done to brokers and network is undone.

        Raises:
            BrokerError: A broker does not come back.
        """
        for node in self.nodes:
            node.go_on()
            node.proxy.flow()
            if not node.alive:
                node.launch()
        for node in self.nodes:
            node.wait()

    def down(self) -> None:
        """End all."""
        for node in self.nodes:
            node.end()


def remove(folder: Path) -> None:
    """Remove a run's folder, whatever is left in it."""
    shutil.rmtree(folder, ignore_errors=True)
