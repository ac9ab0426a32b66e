"""Readings of the processes that are no tasks: feed, clock, and the supervisor of all."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from agents.supervisor import Supervisor
from feeds.live_feed import LiveFeed
from streams.metrics import Reading
from streams.metrics_server import Readings, labelled
from streams.task_metrics import of_producer
from streams.ticker import Ticker


def of_feed(feed: LiveFeed) -> list[Readings]:
    """Payloads of this life, and what Kafka has acknowledged of them."""
    first = sum(feed.publisher.durable)

    def readings() -> Iterator[Reading]:
        yield Reading("tapedeck_published_total", feed.sent)
        yield Reading("tapedeck_acknowledged_total", sum(feed.publisher.durable) - first)
        yield from of_producer(feed.publisher)

    return [readings]


def of_clock(ticker: Ticker) -> list[Readings]:
    """Records of this life."""

    def readings() -> Iterator[Reading]:
        yield Reading("tapedeck_published_total", ticker.written)
        yield from of_producer(ticker.appender)

    return [readings]


def of_supervisor(supervisor: Supervisor, names: Sequence[str], stalls: Mapping[str, int]) -> list[Readings]:
    """Which processes are up, how often each was brought back, how often one had stalled."""

    def readings() -> Iterator[Reading]:
        up = {name: supervisor.runs(name) for name in names}
        restarts = {name: supervisor.restarts.get(name, 0) for name in names}
        yield from labelled("tapedeck_task_up", up)
        yield from labelled("tapedeck_task_restarts_total", restarts)
        yield from labelled("tapedeck_task_stalls_total", {name: stalls.get(name, 0) for name in names})

    return [readings]
