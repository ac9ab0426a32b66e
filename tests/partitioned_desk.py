"""A live desk of several partitions over the memory log, in simulated time: what tests of scaling out share."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from agents.context import read_context
from agents.live_plan import load_topology
from agents.opening import open_live
from agents.topology import TaskHops, writers
from agents.warm import warm
from feeds.live_feed import LiveFeed
from feeds.simulator import simulate
from schemas.codec import decode_any
from schemas.errors import Fenced
from schemas.header import Header, unpack
from streams.frame import decode_rows
from streams.log import Record
from streams.memory import MemoryLog
from streams.publisher import Publisher
from streams.runner import Task
from streams.scheduler import SimulatedCrash
from streams.task_plan import TaskPlan
from streams.ticker import Ticker

SOURCE = "simulator"
START_NS = 1_795_557_600_000_000_000
STEP_S = 0.004
QUIET_ROUNDS = 400
INSTRUMENTS = 6
ROUNDS_MAX = 50_000


class PartitionedDesk:
    """Clock, feed and every partition's tasks in one thread, turned in an order drawn from a seed.

    Attributes:
        zombies: Tasks that somebody else has taken over and that do not know it yet.
    """

    def __init__(self, folder: Path, seed: int, partitions: int, *, seconds: float = 4.0, kills: float = 0.0) -> None:
        self.rng = random.Random(seed)
        self.kills = kills
        self.now_s = 0.0
        self.deaths: Counter[str] = Counter()
        self.zombies: list[tuple[str, Task]] = []
        self.fenced = 0
        self.log = MemoryLog()
        file = folder / f"topology-{partitions}.toml"
        file.write_text(f"[tasks]\npartitions = {partitions}\n[feed]\ninstruments = {INSTRUMENTS}\n")
        self.plan = load_topology(file)
        open_live(self.log, self.plan)
        self.context = read_context(self.log, "", folder)
        for hops in self.plan.tasks:
            warm(hops.build(self.context), self.context)
        self.makers: dict[str, Callable[[], Any]] = {t.name: partial(self.task, t) for t in self.plan.tasks}
        self.makers["clock"] = lambda: Ticker(self.log, "clock", wall=self.wall, monotonic=lambda: self.now_s)
        self.at_work = {name: self.born(name) for name in self.makers}
        self.at_work["feed"] = LiveFeed(
            iter(simulate(seconds, seed, start_ns=START_NS, instruments=INSTRUMENTS)), Publisher(self.log, SOURCE),
            origin_ns=START_NS, first_ns=START_NS, wall=self.wall,
        )  # fmt: skip

    def wall(self) -> int:
        return START_NS + int(self.now_s * 1e9)

    def task(self, hops: TaskHops) -> Task:
        plan = TaskPlan(
            name=hops.name, namespace="", source=SOURCE, run="r", mode="play" if hops.chain == "venue" else "live",
            lasting=True, partition=hops.partition, state_partition=hops.state_partition,
            commit_every_batch=hops.commit_every_batch, commit_interval_s=0.1,
            records_max=self.rng.randrange(20, 80), frame_rows=self.rng.randrange(1, 60),
            writers=writers(self.plan.tasks, SOURCE, hops.partition),
        )  # fmt: skip
        return Task(
            plan, hops.build(self.context), self.log, failpoint=self.failpoint(hops.name),
            monotonic=lambda: self.now_s, wall=self.wall,
        )  # fmt: skip

    def failpoint(self, name: str) -> Callable[[str, int], None]:
        def crash(point: str, _inputs: int) -> None:
            # Not where there is nothing to do: it would never come to rest.
            if point != "poll" and self.rng.random() < self.kills:
                raise SimulatedCrash(name)

        return crash

    def take_over(self, name: str) -> None:
        """Another worker starts a task that is at work here: this one goes on until it is told."""
        self.zombies.append((name, self.at_work[name]))
        self.at_work[name] = self.born(name)

    def born(self, name: str) -> Any:
        """A task that has come up, however often it died on its way."""
        while True:
            try:
                return self.makers[name]()
            except SimulatedCrash:
                self.deaths[name] += 1

    def turn(self, name: str) -> bool:
        """One turn, or a death and another life; whether anything moved."""
        try:
            return bool(self.at_work[name].turn(0.0))
        except SimulatedCrash:
            self.deaths[name] += 1
            self.at_work[name] = self.born(name)
            return True

    def run(self, on_round: Callable[[int], None] = lambda _round: None) -> None:
        """To the end of the feed, and until nothing has moved for a while but the clock."""
        quiet = rounds = 0
        while quiet < QUIET_ROUNDS:
            rounds += 1
            assert rounds < ROUNDS_MAX, "it never comes to rest"
            on_round(rounds)
            self.now_s += STEP_S
            moved = False
            for name in self.rng.sample(sorted(self.at_work), len(self.at_work)):
                moved |= self.turn(name) and name != "clock"
            self._turn_zombies()
            quiet = 0 if moved or not self.at_work["feed"].done else quiet + 1
        self.kills = 0.0
        for task in self.plan.tasks:
            self.at_work[task.name].commit()

    def _turn_zombies(self) -> None:
        for name, task in list(self.zombies):
            try:
                task.turn(0.0)
            except (Fenced, SimulatedCrash):
                self.fenced += 1
                self.zombies.remove((name, task))

    def records(self, topic: str, partition: int = 0) -> Iterator[tuple[Record, Header]]:
        """Committed records of a partition; fails where a writer's numbers have a hole or come twice."""
        next_seq: Counter[str] = Counter()
        for record in self.log.scan(topic, partition, 0, committed=True):
            assert record.header is not None
            header = unpack(record.header)
            where = f"{topic}[{partition}] of {header.writer}"
            assert header.seq == next_seq[header.writer], f"{where}: {header.seq} for {next_seq[header.writer]}"
            next_seq[header.writer] += header.count
            yield record, header

    def documents(self, topic: str, event: type[Any]) -> list[Any]:
        found = [decode_any(record.value) for record, _ in self.records(topic)]
        return [document for document in found if isinstance(document, event)]

    def rows(self, topic: str, partition: int) -> Any:
        found = [decode_rows(h.schema, h.version, r.value, h.count) for r, h in self.records(topic, partition)]
        return np.concatenate(found)
