"""Where the ``/metrics`` of a live run's processes listen, and what a worker tells."""

from __future__ import annotations

from typing import Any

from agents import process_metrics
from agents.worker_live import Draining
from agents.worker_spec import WorkerSpec, say
from feeds.live_feed import LiveFeed
from schemas.errors import ConfigError
from streams.metrics_server import Endpoint, Readings, info
from streams.ticker import Ticker


def listen(spec: WorkerSpec, work: Any) -> int | None:
    """Listen where the spec says; the port. None where it cannot be: that is said, and the work goes on without."""
    assert spec.metrics_port is not None, "nobody asked for metrics"
    try:
        readings = [info(lambda: spec.run), *readings_of(work)]
        return Endpoint(spec.task, readings, host=spec.metrics_host, port=spec.metrics_port).port
    except ConfigError as error:
        say("no_metrics", task=spec.task, code=error.kind, message=error.told)
        return None


def readings_of(work: Any) -> list[Readings]:
    """What a process tells, by what it does."""
    if isinstance(work, Draining) and not work.done:  # one that has left holds nothing
        from agents import desk_metrics

        return desk_metrics.of_task(work.task, work.context)
    if isinstance(work, LiveFeed):
        return process_metrics.of_feed(work)
    if isinstance(work, Ticker):
        return process_metrics.of_clock(work)
    return []
