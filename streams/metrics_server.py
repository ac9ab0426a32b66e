"""Serves ``/metrics``: readings put into Prometheus' text when somebody asks, in a thread of its own.

One scrape at a time; a client that says nothing is dropped after ``CLIENT_S_MAX``. The Prometheus library is imported
here and nowhere else, and only by a process that listens.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

from schemas.errors import ConfigError
from streams.metrics import COMMIT_BUCKETS_S, METRICS, Counted, Reading

CLIENT_S_MAX = 5.0
"""A client that neither asks nor reads for so long is dropped: the next one waits behind it."""
LOOKS_MAX = 3
"""Looks at readings that change under the scrape; then they are left out of its answer, and counted."""
CLOSE_LOOK_S = 0.25
PATH = "/metrics"
HOST = "127.0.0.1"
"""Where nobody says otherwise: only this machine can ask."""

Readings = Callable[[], Iterable[Reading]]


class Endpoint:
    """Where a process tells how it is.

    Args:
        task: Name of the process.
        readings: What it tells.
        host: Address to listen on.
        port: Port; 0 for a free one.

    Attributes:
        port: Where it listens.

    Raises:
        ConfigError: The port is taken, or may not be listened on.
    """

    def __init__(self, task: str, readings: Sequence[Readings], *, host: str = HOST, port: int = 0) -> None:
        render = _renderer(_Collector(task, readings))
        try:
            self._server = _Server((host, port), _handler(render))
        except OSError as error:
            raise ConfigError(
                f"{task}: no metrics", kind="metrics_port", got=error.strerror or str(error), where=f"{host}:{port}",
                fix="give another port with --metrics-port, or 0 for a free one; the desk goes on without",
            ) from error  # fmt: skip
        self.port = int(self._server.server_address[1])
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(CLOSE_LOOK_S,), name="metrics", daemon=True
        )
        self._thread.start()

    def close(self) -> None:
        """Listen no more."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class _Server(HTTPServer):
    """Asks nobody for the name of its own address, which the library's would."""

    def server_bind(self) -> None:
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = str(self.server_address[0]), int(self.server_address[1])

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is no trouble of ours."""


def _handler(render: Callable[[str], tuple[bytes, str]]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = CLIENT_S_MAX

        def do_GET(self) -> None:
            if self.path.partition("?")[0] != PATH:
                self.send_error(404, f"only {PATH} is here")
                return
            body, kind = render(self.headers.get("Accept", ""))
            self.send_response(200)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            """Standard error is for what matters."""

    return Handler


class _Collector:
    """Readings as metric families of the Prometheus library, in the table's order."""

    def __init__(self, task: str, readings: Sequence[Readings]) -> None:
        self._task = task
        self._readings = tuple(readings)
        self._failures = 0

    def collect(self) -> Iterator[Any]:
        """A family for each metric that was read."""
        found: dict[str, list[Reading]] = {}
        for reading in self._read():
            found.setdefault(reading.name, []).append(reading)
        for name, metric in METRICS.items():
            if name in found:
                yield _family(metric.type, name, metric.help, ("task", *metric.labels), self._task, found[name])

    def describe(self) -> list[Any]:
        """Nothing: what there is to read is known when it is read."""
        return []

    def _read(self) -> list[Reading]:
        found: list[Reading] = []
        for readings in self._readings:
            for _ in range(LOOKS_MAX):
                try:
                    found += list(readings())
                    break
                except (RuntimeError, LookupError):  # the process's own thread changed what was looked at
                    continue
            else:
                self._failures += 1
        return [*found, Reading("tapedeck_scrape_failures_total", self._failures)]


def _family(
    kind: str, name: str, meaning: str, labels: tuple[str, ...], task: str, readings: Sequence[Reading]
) -> Any:  # fmt: skip
    from prometheus_client import core

    made: Any
    if kind == "histogram":
        made = core.HistogramMetricFamily(name, meaning, labels=labels)
    elif kind == "counter":
        made = core.CounterMetricFamily(name, meaning, labels=labels)
    else:
        made = core.GaugeMetricFamily(name, meaning, labels=labels)
    for reading in readings:
        values = (task, *reading.labels)
        if isinstance(reading.value, Counted):
            made.add_metric(values, buckets=_cumulative(reading.value), sum_value=reading.value.total)
        else:
            made.add_metric(values, float(reading.value))
    return made


def _cumulative(counted: Counted) -> list[tuple[str, float]]:
    """Buckets as Prometheus has them: each holds all that is not longer.

    >>> _cumulative(Counted((1, 0, 2) + (0,) * 11, 0.5))[:3]
    [('0.002', 1.0), ('0.005', 1.0), ('0.01', 3.0)]
    """
    made, so_far = [], 0.0
    for bound, count in zip((*map(str, COMMIT_BUCKETS_S), "+Inf"), counted.buckets, strict=True):
        so_far += count
        made.append((bound, so_far))
    return made


def _renderer(collector: _Collector) -> Callable[[str], tuple[bytes, str]]:
    """Text and its content type, by what the client says it accepts."""
    from prometheus_client import CollectorRegistry, ProcessCollector
    from prometheus_client.exposition import choose_encoder

    registry = CollectorRegistry()
    registry.register(collector)
    ProcessCollector(registry=registry)

    def render(accepts: str) -> tuple[bytes, str]:
        encode, kind = choose_encoder(accepts)
        return encode(registry), kind

    return render


def info(run: Callable[[], str]) -> Readings:
    """Which run and version a process is of; a supervisor's run changes at a release."""
    from importlib.metadata import version

    installed = version("tapedeck")
    return lambda: [Reading("tapedeck_process_info", 1, (run(), installed))]


def labelled(name: str, values: Mapping[str, float]) -> Iterator[Reading]:
    """Readings of a metric with one label."""
    for label, value in values.items():
        yield Reading(name, value, (label,))
