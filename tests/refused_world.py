"""A live normalise task over a feed of which much is bad: what tests of dead letters share."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from itertools import islice
from types import MappingProxyType
from typing import Any

from agents.context import read_context
from agents.live_plan import load_topology
from agents.opening import open_live
from agents.topology import FUSED, writers
from agents.warm import warm
from feeds.player import Event
from feeds.simulator import simulate
from operations.letters import Filed, Wanted, letters
from schemas.header import unpack
from streams.frame import decode_rows
from streams.log import Log
from streams.memory import MemoryLog
from streams.progress import progress
from streams.publisher import Publisher
from streams.runner import Task
from streams.scheduler import SimulatedCrash
from streams.task_plan import TaskPlan

SOURCE = "simulator"
RAW, TICKS = f"raw.{SOURCE}", f"ticks.{SOURCE}"
NORMALISE = FUSED[0]
BAD = b'{"stream":"btcusdt@bookTicker","data":{"u":1,"s":"BTCUSDT","b":"NaN","B":"1","a":"2","A":"1"}}'
UNKNOWN = b'{"stream":"dogeusdt@bookTicker","data":{"u":1,"s":"DOGEUSDT","b":"1","B":"1","a":"2","A":"1"}}'
TURNS_MAX = 20_000


@lru_cache
def events() -> tuple[Event, ...]:
    """Good payloads."""
    return tuple(islice(simulate(5.0, 3), 900))


class World:
    """The topics of a live run, a feed into them, and a task that may be killed."""

    def __init__(self, log: Log | None = None) -> None:
        self.log: Log = log or MemoryLog()
        self.run = open_live(self.log, load_topology(None))[0].run
        self.context = read_context(self.log, "")
        self.bad: set[int] = set()
        self.deaths: Counter[str] = Counter()
        warm(NORMALISE.build(self.context), self.context)

    def feed(self, bad_at: Iterable[int], number: int) -> None:
        """So many payloads; those at the given numbers are bad, each in its own way."""
        spoilt = set(bad_at)
        with Publisher(self.log, SOURCE) as publisher:
            first = publisher.next_seq
            for i, event in enumerate(islice(events(), number)):
                payload = (BAD if i % 2 else UNKNOWN) if i in spoilt else event.payload
                publisher.publish(payload, event.key, event.ts_recv)
        self.bad |= {first + i for i in spoilt}

    def task(self, failpoint: Callable[[str, int], None] | None = None, clock: Any = None, **more: Any) -> Task:
        """A life of the task."""
        plan = TaskPlan(
            name=NORMALISE.name, namespace="", source=SOURCE, run=self.run, mode="live", lasting=True,
            state_partition=NORMALISE.state_partition, writers=writers(FUSED, SOURCE), **more,
        )  # fmt: skip
        given = {} if clock is None else {"monotonic": clock}
        return Task(plan, NORMALISE.build(self.context), self.log, failpoint=failpoint, **given)

    def filed(self) -> list[Filed]:
        """Committed dead letters."""
        return list(letters(self.log, "", Wanted()))

    def position(self) -> int:
        """Input offset behind the newest commit."""
        found = progress(
            self.log, state_topic="state", state_partition=NORMALISE.state_partition, task=NORMALISE.name,
            input_topic=RAW,
        )  # fmt: skip
        return 0 if found is None else found.offset

    def ticks(self) -> list[tuple[int, int]]:
        """(root_seq, root_part) of committed ticks."""
        found: list[tuple[int, int]] = []
        for record in self.log.scan(TICKS, 0, 0, committed=True):
            header = unpack(record.header or b"")
            rows = decode_rows(header.schema, header.version, record.value, header.count)
            found += zip(rows["root_seq"].tolist(), rows["root_part"].tolist(), strict=True)
        return found

    def letter_seqs(self) -> list[int]:
        """Numbers of committed dead letters."""
        return [unpack(record.header or b"").seq for record in self.log.scan("dlq", 0, 0, committed=True)]


class Life:
    """Lives of a task, killed by the seed at named points, to the end of its input.

    Args:
        world: Where.
        kills: How often it dies, by failpoint; "any": anywhere.
        on_turn: Called after every turn and death.
    """

    def __init__(
        self, world: World, *, seed: int = 0, kills: Mapping[str, float] = MappingProxyType({}),
        on_turn: Callable[[], None] = lambda: None, deaths_max: int = 40, **plan: Any,
    ) -> None:  # fmt: skip
        self._world = world
        self._rng = random.Random(seed)
        self._kills = kills
        self._on_turn = on_turn
        self._deaths_max = deaths_max
        self._plan = {"records_max": 16, "frame_rows": 7, "commit_interval_s": 0.05, **plan}
        self._now_s = 0.0

    def run(self) -> None:
        """To the end of what is there; raises what ends the task."""
        task: Task | None = None
        for _ in range(TURNS_MAX):
            self._now_s += 0.01
            try:
                if task is None:
                    task = self._world.task(self._crash, lambda: self._now_s, **self._plan)
                if not task.turn(0.0) and task.inputs:
                    task.commit()
                    self._on_turn()
                    task.close()
                    return
            except SimulatedCrash as crash:
                self._world.deaths[crash.args[0]] += 1
                task = None
            self._on_turn()
        raise AssertionError("it never comes to rest")

    def _crash(self, point: str, _inputs: int) -> None:
        share = self._kills.get(point, self._kills.get("any", 0.0))
        if self._world.deaths.total() < self._deaths_max and self._rng.random() < share:
            raise SimulatedCrash(point)
