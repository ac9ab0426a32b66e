"""The embedded Kafka: a real Apache Kafka 4.4 below Tapedeck's home, up with one call, and it outlives its caller.

It is what runs when no bootstrap server is configured, and what the tests use. Data, and the address if it is still
free, stay the same from one start to the next. Single broker: it survives the death of processes, not a power loss
(Kafka acknowledges before fsync).

The state file says which process serves this folder; a lock makes two calls at once end with one server.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from schemas.errors import BrokerError, ConfigError
from streams.broker_archive import archive_options
from streams.broker_jars import KAFKA_VERSION, server_jars
from streams.broker_lock import held
from streams.broker_process import Process
from streams.broker_settings import settings
from streams.broker_start import START_S_MAX, Place, Ports, free_port, launch, port_is_free, wait_ready
from streams.clock import wall_ns
from streams.home import HOME_VARIABLE, broker_dir

__all__ = ["KAFKA_VERSION", "BrokerStatus", "EmbeddedBroker", "settings"]

STOP_S_MAX = 30.0
"""How long the server may take to close its logs (0.3 to 1 s measured) before it is killed."""

LOCK_S_MAX = 2 * START_S_MAX + STOP_S_MAX
"""How long to wait for another process that starts or stops this server."""

START_TRIES_MAX = 3
"""Starts with new ports when another program takes a port between its choice and its use."""

PORT_MAX = 65_535


@dataclass(frozen=True, slots=True)
class BrokerStatus:
    """What is known of the embedded broker without asking it.

    Args:
        running: Whether its process lives.
        bootstrap: The address for clients, ``127.0.0.1:PORT``; None when it does not run.
        version: Of Apache Kafka.
        data: Where its log segments lie.
        pid: Its process; None when it does not run.
        since: When it was started, ISO 8601, UTC; None when it does not run.
        uptime_s: Seconds since then.
        log: The server's log.
    """

    running: bool
    bootstrap: str | None
    version: str
    data: str
    pid: int | None
    since: str | None
    uptime_s: float
    log: str

    def as_json(self) -> dict[str, object]:
        """The same as a dictionary of plain values."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class _State:
    """The state file. Ports stay when the process goes, so that clients' configurations remain valid."""

    clients_port: int
    controller_port: int
    pid: int = 0
    began: str = ""
    since_ns: int = 0

    @property
    def ports(self) -> Ports:
        return Ports(self.clients_port, self.controller_port)

    @property
    def process(self) -> Process:
        return Process(self.pid, self.began)


def _silent(_message: str) -> None:
    """Progress that nobody listens to."""


class EmbeddedBroker:
    """The one broker of a home.

    Args:
        home: The home it belongs to; by default the one of this process (:mod:`streams.home`).
    """

    def __init__(self, home: Path | None = None) -> None:
        self.place = Place((home.absolute() / "broker") if home else broker_dir())

    def up(self, port: int | None = None, *, progress: Callable[[str], None] = _silent) -> BrokerStatus:
        """Start it unless it runs, and wait until it answers.

        Args:
            port: The clients' port; by default that of last time if it is free, else a free one.
            progress: Told what takes long: the fetch of the jars, the preparation, the start.

        Raises:
            BrokerError: A port is taken, the jars cannot be fetched, the folder cannot be written, or the server ends
                or stays silent while starting.
            ConfigError: The port is no port, or the folder's path cannot be used.
        """
        if port is not None and not 0 < port <= PORT_MAX:
            raise ConfigError("not a port", kind="bad_port", got=str(port), allowed=f"1 to {PORT_MAX}", where="port")
        if not self.status().running:
            # Before the lock is taken: a fetch may last longer than others should wait for a start.
            archive_options(server_jars(progress), progress)
        with self._only_one("starting", progress):
            state = self._read()
            if state is None or not state.process.alive():
                self._start(port, progress)
            elif port not in (None, state.clients_port):
                raise BrokerError(
                    f"the broker already runs at {state.ports.bootstrap}",
                    kind="already_running",
                    got=f"port {port}",
                    fix="stop it first, or leave the port out",
                )
            else:  # started a moment ago by a process that was interrupted, perhaps: it may not answer yet
                wait_ready(self.place, state.process, state.ports)
        return self.status()

    def down(self, timeout_s: float = STOP_S_MAX) -> bool:
        """Stop it if it runs: SIGTERM to its process only, SIGKILL after the bound. Returns whether it ran."""
        if self._read() is None:
            return False
        with self._only_one("stopping", _silent):
            state = self._read()
            if state is None:
                return False
            was_running = state.process.end(timeout_s)
            self._write(replace(state, pid=0, began="", since_ns=0))
        return was_running

    def status(self) -> BrokerStatus:
        """Whether it runs, and where. A state file whose process died says that it does not run."""
        state = self._read()
        running = state is not None and state.process.alive()
        since_ns = state.since_ns if state is not None and running else None
        return BrokerStatus(
            running=running,
            bootstrap=state.ports.bootstrap if state is not None and running else None,
            version=KAFKA_VERSION,
            data=str(self.place.data),
            pid=state.pid if state is not None and running else None,
            since=None if since_ns is None else datetime.fromtimestamp(since_ns / 1e9, UTC).isoformat(),
            uptime_s=0.0 if since_ns is None else max(0.0, (wall_ns() - since_ns) / 1e9),
            log=str(self.place.log),
        )

    def died(self) -> bool:
        """Whether it ended without having been stopped: killed, fallen, or its machine was."""
        state = self._read()
        return state is not None and state.pid != 0 and not state.process.alive()

    def _start(self, port: int | None, progress: Callable[[str], None]) -> None:
        """Start a server, with other ports if another program was quicker, and record it before it answers."""
        jars = server_jars(progress)
        options = archive_options(jars, progress)
        for attempt in range(1, START_TRIES_MAX + 1):
            ports = self._ports(port)
            progress(f"starting Apache Kafka {KAFKA_VERSION} at {ports.bootstrap}")
            process = launch(self.place, jars, ports, *options)
            self._write(_State(ports.clients, ports.controller, process.pid, process.began, wall_ns()))
            try:
                return wait_ready(self.place, process, ports)
            except BrokerError:
                died = not process.alive()
                process.end(STOP_S_MAX)
                robbed = died and not (port_is_free(ports.clients) and port_is_free(ports.controller))
                if not robbed or attempt == START_TRIES_MAX:
                    raise
        raise AssertionError("unreachable: the last attempt returns or raises")

    def _ports(self, port: int | None) -> Ports:
        """Last time's ports where they are free, the given one in any case."""
        if port is not None and not port_is_free(port):
            raise BrokerError(
                f"port {port} is taken by another program",
                kind="port_taken",
                where=f"127.0.0.1:{port}",
                fix="give another port, leave it out to have a free one chosen, or stop that program",
            )
        last = self._read()
        clients = port or (last.clients_port if last and port_is_free(last.clients_port) else free_port())
        if last and last.controller_port != clients and port_is_free(last.controller_port):
            return Ports(clients, last.controller_port)
        return Ports(clients, free_port(besides=clients))

    @property
    def _state_file(self) -> Path:
        return self.place.folder / "state.json"

    def _read(self) -> _State | None:
        """The state file, or None if there is none that can be understood."""
        try:
            return _State(**json.loads(self._state_file.read_bytes()))
        except (OSError, ValueError, TypeError):
            return None

    def _write(self, state: _State) -> None:
        """Replace the state file whole: a reader sees the old one or the new one."""
        fresh = self._state_file.with_suffix(".new")
        with fresh.open("w", encoding="ascii") as file:
            json.dump(asdict(state), file, indent=1)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(self._state_file)

    @contextmanager
    def _only_one(self, doing: str, progress: Callable[[str], None]) -> Iterator[None]:
        """Hold this broker's lock; a folder that cannot be written becomes a plain error."""
        try:
            self.place.folder.mkdir(parents=True, exist_ok=True)
            lock = self.place.folder / "lock"
            with held(lock, doing=f"{doing} Kafka", timeout_s=LOCK_S_MAX, progress=progress):
                yield
        except OSError as error:
            raise BrokerError(
                f"the broker's folder cannot be used: {error.strerror or error}",
                kind="folder_unusable",
                where=str(error.filename or self.place.folder),
                fix=f"make it writable and see that the disk has room, or set {HOME_VARIABLE} to another folder",
            ) from error
