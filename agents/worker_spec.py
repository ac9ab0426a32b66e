"""What a supervisor tells a worker process, and how the worker answers: JSON on the command line, JSON lines back."""

from __future__ import annotations

import sys
from typing import Any, Literal

import msgspec

from streams.breaker import BAD_MIN, BAD_SHARE_MAX
from streams.timed import Sender


class FeedSpec(msgspec.Struct, frozen=True, kw_only=True):
    """What the feed process plays: capture files, the simulator, or a venue's live feed where ``symbols`` are named.

    ``simulate_seconds`` None is an endless session, ``start_ns`` None one that starts at the fixed moment of plays.
    """

    captures: list[str] = []
    simulate_seconds: float | None = 0.0
    seed: int = 1
    instruments: int = 3
    start_ns: int | None = None
    speed: float = 0.0
    folder: str = ""
    symbols: list[str] = []
    market: str = ""
    url: str = ""
    rest_url: str = ""
    connections: int = 1


class WorkerSpec(msgspec.Struct, frozen=True, kw_only=True):
    """Everything a worker process needs to know.

    Attributes:
        task: Its name: of a chain of hops, ``feed``, ``clock`` or ``health``.
        module: What the process runs.
        expendable: Nothing waits for it, and the run goes on without it.
        hops: Hops of a chain; none for the others.
        writers: Who writes each topic of the run, by table name.
        partition: Of a chain that there is once a partition.
        partitions: How many there are.
        apart: Each partition is a desk of its own (``streams.task_plan.TaskPlan``).
        lease_s: Ends itself when its supervisor says nothing for so long; 0: only when it is gone.
        die_after: Inputs after which it kills itself, for drills.
        bad_share_max: Largest share of refused inputs among the last ones, of a chain of hops.
        bad_min: So many must be refused before their share counts.
        feed: Of the feed.
        window_s: Length of a window of feed health, of the monitor.
        folder: Where the paths of the desk's own code begin.
        borrowed: Full names of topics of another run that are read, by table name.
        recorded: File of the order that a replay's task follows (``streams/recorded_order.py``); empty: none.
        timed: Who writes its input, where it is taken by log time: ``streams.timed.Sender``; none: it is not.
        merged: File of the order in which several writers' records are taken (``streams/ordered.py``); empty: none.
        cold: Kernels are not compiled, nor loaded, before the first record: a drill, to measure what that costs.
        metrics_host: Where its metrics listen.
        metrics_port: At which port; 0 for a free one, None for no metrics.
    """

    bootstrap: str
    namespace: str
    run: str
    source: str
    task: str
    module: str = "agents.worker"
    expendable: bool = False
    hops: list[str] = []
    writers: dict[str, str | tuple[str, ...]] = {}
    partition: int = 0
    partitions: int = 1
    apart: bool = False
    lease_s: float = 0.0
    mode: Literal["live", "play"] = "play"
    die_after: int | None = None
    bad_share_max: float = BAD_SHARE_MAX
    bad_min: int = BAD_MIN
    feed: FeedSpec | None = None
    window_s: int = 0
    folder: str = "."
    borrowed: dict[str, str] = {}
    recorded: str = ""
    merged: str = ""
    timed: list[Sender] = []
    cold: bool = False
    metrics_host: str = ""
    metrics_port: int | None = None


def say(event: str, **fields: Any) -> None:
    """One JSON line to the supervisor."""
    sys.stdout.write(msgspec.json.encode({"event": event, **fields}).decode() + "\n")
    sys.stdout.flush()
