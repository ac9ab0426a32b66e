"""The one table of topics: what each carries, who writes it, how long it is kept.

Live topics have no prefix. Every other run has a namespace of its own: ``demo.<run>.``, ``replay.<run>.``.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Literal

import msgspec

from schemas.catalog import (
    CLOCK,
    DEAD_LETTER,
    DECISION,
    DEFINITION,
    END,
    EXECUTION,
    FEATURE_SCHEMA,
    FEED_HEALTH,
    HALT,
    INTENT,
    LIMITS,
    ORDER,
    PIN_TAG,
    RAW,
    RELEASE,
    RESUME,
    RETRIED,
    RETRY,
    RUN,
    SCORE_SCHEMA,
    SNAPSHOT,
    TICK_SCHEMA,
    Schema,
)  # fmt: skip

Kept = Literal["archive", "for ever", "compacted"]

SOURCE = "<source>"
"""Stands in the table where a topic's name has its source."""


class Topic(msgspec.Struct, frozen=True, kw_only=True):
    """One row of the table.

    ``spread``: as many partitions as the topology has, by instrument. All others but ``state`` have one,
    whoever writes there.
    """

    name: str
    schemas: tuple[Schema, ...]
    key: str
    written_by: str
    kept: Kept = "archive"
    transactional: bool = True
    spread: bool = False
    about: str = ""

    def made_by(self, hops: Collection[str]) -> bool:
        """Whether one of these hops writes it: ``written_by`` names one, or two that never are in one run."""
        return not set(hops).isdisjoint(self.written_by.split(" or "))


TOPICS: tuple[Topic, ...] = (
    Topic(name="raw.<source>", schemas=(RAW, END), key="market:symbol", written_by="publishers", transactional=False,
          spread=True,
          about="payloads exactly as received, with ts_recv and source_seq: the only door for what comes from outside; "
                "an execution system's reports in raw.<gateway>"),
    Topic(name="ticks.<source>", schemas=(TICK_SCHEMA, END), key="none", written_by="normalise", spread=True,
          about="tick frames, same partitions as raw; a trade taken back or corrected is told by further rows"),
    Topic(name="definitions", schemas=(DEFINITION,), key="market:symbol", written_by="people, loaders",
          kept="for ever", transactional=False, about="instruments: increments, multiplier, settlement; append-only"),
    Topic(name="clock", schemas=(CLOCK,), key="none", written_by="clock", transactional=False,
          about="live: wall time ten times a second, time as a record"),
    Topic(name="features", schemas=(FEATURE_SCHEMA, END), key="none", written_by="feature", spread=True,
          about="feature vectors, row for row where deployed split; else of rows that led to an intent, and a sample"),
    Topic(name="scores", schemas=(SCORE_SCHEMA, END), key="none", written_by="score", spread=True,
          about="each score, row for row"),
    Topic(name="orders.intent", schemas=(INTENT, END), key="market:symbol", written_by="strategy",
          about="what a strategy wants; nothing has been checked yet"),
    Topic(name="orders.decision", schemas=(DECISION, END), key="market:symbol", written_by="risk",
          about="approved or denied, each check's value and limit"),
    Topic(name="orders", schemas=(ORDER, END), key="market:symbol", written_by="risk",
          about="approved orders, for execution systems"),
    Topic(name="executions", schemas=(EXECUTION, END), key="market:symbol", written_by="venue or gateway",
          about="acks, fills, rejects"),
    Topic(name="control", schemas=(RUN, HALT, RESUME, LIMITS, RELEASE, RETRY, RETRIED, PIN_TAG), key="none",
          written_by="people", kept="for ever", about="opening of runs, halt, resume, limits, retries, releases, pins"),
    Topic(name="state", schemas=(SNAPSHOT,), key="task", written_by="every task", kept="compacted",
          about="agents' snapshots, committed with the outputs they stand for"),
    Topic(name="dlq", schemas=(DEAD_LETTER,), key="as the input's", written_by="every task",
          about="every rejected input, whole, with reason and place"),
    Topic(name="feed.health", schemas=(FEED_HEALTH,), key="source, instrument, window and input positions",
          written_by="monitor", transactional=False,
          about="by source and instrument, windows by log time of rate, gaps, staleness, skew, suspect ticks, rejects"),
)  # fmt: skip


_SPREAD = frozenset(topic.name for topic in TOPICS if topic.spread)


def is_spread(table_name: str) -> bool:
    """Whether a topic of the table has as many partitions as the topology.

    >>> is_spread("ticks.<source>"), is_spread("orders.intent")
    (True, False)
    """
    return table_name in _SPREAD


def topic_name(namespace: str, name: str, source: str = "") -> str:
    """Full Kafka name of a topic of the table.

    >>> topic_name("demo.r1.", "ticks.<source>", "binance")
    'demo.r1.ticks.binance'
    >>> topic_name("", "orders")
    'orders'
    """
    return namespace + name.replace(SOURCE, source)


def table_row(name: str) -> Topic | None:
    """The row of the table that a name without its namespace belongs to; None for a stranger's topic.

    >>> found = table_row("ticks.binance")
    >>> found.name if found else None
    'ticks.<source>'
    """
    for topic in TOPICS:
        stem, source, _ = topic.name.partition(SOURCE)
        if name == topic.name or (source and name.startswith(stem) and len(name) > len(stem)):
            return topic
    return None
