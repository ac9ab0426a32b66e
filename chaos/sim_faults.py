"""One simulated run and what goes wrong in it: which faults, and when, is drawn from its generator."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Collection, Sequence
from typing import Any

from agents.topology import CLOCK, FEED
from chaos.desk import START_NS, Actor, Desk
from chaos.faulty_log import FaultyLog, Trouble
from chaos.sim_feed import FAULTS, Due, SimulatedFeed, faulted
from chaos.sim_world import NANOS, SESSION_S, World
from schemas.catalog import HALT
from schemas.codec import encode
from schemas.control import Halt, LimitChange, LimitsChanged, Resume
from schemas.header import Header, pack
from schemas.topics import topic_name
from streams.failpoints import FAILPOINTS, Failpoint
from streams.log import Log
from streams.people import PEOPLE, append
from streams.scheduler import SimulatedCrash
from streams.task_plan import CLOCK_AGE_S_MAX

KINDS = (
    "crash", "pause", "double", "delivery", "commit", "takeover", "read", "slow", "wall", "clock", "halt", "limits",
    "twin_feed", *FAULTS,
)  # fmt: skip
"""What can go wrong. In play there is no wall, nobody speaks, and the feed's line is good: orders must be the same."""

STEP_S = 0.003
"""Simulated seconds that one turn takes, at most."""
HOUR_NS = 3_600 * NANOS
DEATHS_MAX = 40
"""Deaths of one schedule: it is to end some time."""
SAID: dict[str, Any] = {"author": "chaos", "reason": "drill"}


class Faults:
    """A run under faults.

    Args:
        log: Where.
        parts: What the run is.
        events: What the feed sends.
        kinds: Faults that happen.
        rng: Draws all.

    Attributes:
        desk: The desk.
        steps: Turns so far.
        counted: Faults by kind.
        acknowledged: (source, source_seq) of what publishers were told is durable.
    """

    def __init__(
        self, log: Log, parts: World, events: Sequence[Due], kinds: Collection[str], rng: random.Random
    ) -> None:  # fmt: skip
        self.steps = 0
        self.counted: Counter[str] = Counter()
        self.acknowledged: set[tuple[str, int]] = set()
        self.rng = rng
        self._live = parts.mode == "live"
        self._kinds = set(kinds)
        self._source = parts.opening.source
        self._log = log
        self._trouble = Trouble(
            append=self._share("delivery", 0.004), commit=self._share("commit", 0.03),
            takeover=self._share("takeover", 0.1), read=self._share("read", 0.01), slow=self._share("slow", 0.4),
            late_reports=0.5 * (rng.random() < 0.5),
        )  # fmt: skip
        self._crash = self._share("crash", rng.choice((0.002, 0.01)))
        self._points = frozenset(rng.sample(FAILPOINTS, rng.randint(1, len(FAILPOINTS))))
        self._faulty = FaultyLog(log, rng, self._trouble)
        cuts = {
            "commit_interval_s": rng.choice((0.01, 0.04, 0.2)), "heartbeat_s": 0.2, "hold_s": rng.choice((0.0, 0.01)),
            "clock_age_s_max": rng.choice((0.13, CLOCK_AGE_S_MAX)),
        }  # fmt: skip
        self.desk = Desk(
            log, parts.opening, parts.definitions, parts.context, parts.tasks, parts.stages, rng,
            namespace="" if self._live else "demo.r.",
            cut=lambda: {**cuts, "records_max": rng.randint(1, 60), "frame_rows": rng.randint(1, 40)},
            failpoint=self._failpoint, tasks_log=self._faulty,
        )  # fmt: skip
        events = faulted(events, [k for k in FAULTS if k in self._kinds], rng) if self._live else list(events)
        self.counted.update(k for k in FAULTS if k in self._kinds and self._live)
        self._events = events
        self.desk.actors[FEED] = Actor(self._feed)
        if "twin_feed" in self._kinds:
            self.desk.actors["twin"] = Actor(self._feed)
            self.counted["twin_feed"] += 1
        self._names = sorted(self.desk.actors)
        self._tasks = [hops.name for hops in parts.tasks]
        self._wakes: dict[int, list[str]] = {}
        self._clock_from = 0

    @property
    def orders(self) -> int:
        """Orders that left."""
        topic = topic_name(self.desk.namespace, "orders")
        return sum(1 for _ in self._log.scan(topic, 0, 0, committed=True))

    def run(self) -> None:
        """All turns up to the last fault.

        Raises:
            TapedeckError: A promise is broken.
        """
        while self.desk.now_s < SESSION_S * 1.1 and self.steps < 2_000:
            self.steps += 1
            self.desk.now_s += self.rng.random() * STEP_S
            name = self.rng.choice(self._names)
            if name != CLOCK or self.steps >= self._clock_from:
                self.desk.actors[name].turn(self.rng)
            if self._kinds:
                self._interfere()

    def settle(self, quiet_rounds: int, step_s: float, rounds_max: int) -> bool:
        """No more faults: everything is worked off and committed.

        Raises:
            TapedeckError: A promise is broken.
        """
        self._trouble.end()
        self._crash = 0.0
        for name in self._tasks:
            self.desk.actors[name].wake()
        if not self.desk.settle(quiet_rounds, step_s, rounds_max, self._quiet):
            return False
        if self._live:
            for name in self._tasks:
                self.desk.actors[name].commit()
        return True

    def _quiet(self) -> bool:
        feeds = [actor for name, actor in self.desk.actors.items() if name in (FEED, "twin")]
        if not all(actor.at_work.done for actor in feeds):
            return False
        return self._live or all(self.desk.actors[name].at_work.done for name in self._tasks)

    def _share(self, kind: str, share: float) -> float:
        return share if kind in self._kinds else 0.0

    def _failpoint(self, task: str) -> Failpoint:
        def crash(point: str, _inputs: int) -> None:
            if self._crash and point in self._points and self.rng.random() < self._crash:
                if self.counted["crash"] >= DEATHS_MAX:
                    return
                self.counted["crash"] += 1
                raise SimulatedCrash(f"{task} at {point}")

        return crash

    def _feed(self) -> SimulatedFeed:
        live = self._live
        return SimulatedFeed(
            self._faulty, self._source, self.desk.namespace, self._events, self.rng,
            (lambda: self.desk.now_s) if live else None,
            (lambda _due: self.desk.wall()) if live else (lambda due: START_NS + int(due.at_s * NANOS)),
            "" if live else "r", lambda seq: self.acknowledged.add((self._source, seq)),
        )  # fmt: skip

    def _interfere(self) -> None:
        """Wake who has slept long enough; now and then, a fault from without."""
        for name in self._wakes.pop(self.steps, ()):
            self.desk.actors[name].wake()
        self.counted["broker"] = self._faulty.failures
        if self.rng.random() >= 0.02:
            return
        kind = self.rng.choice(("pause", "double", "wall", "clock", "halt", "limits"))
        if kind not in self._kinds or (not self._live and kind not in ("pause", "double")):
            return
        self.counted[kind] += 1
        task = self.desk.actors[self.rng.choice(self._tasks)]
        if kind == "pause":
            task.sleep()
            name = next(n for n, actor in self.desk.actors.items() if actor is task)
            self._wakes.setdefault(self.steps + self.rng.randint(2, 80), []).append(name)
        elif kind == "double":
            task.twin()
        elif kind == "wall":
            self.desk.jump_ns += self.rng.choice((-HOUR_NS, HOUR_NS))
        elif kind == "clock":
            self._clock_from = self.steps + self.rng.randint(20, 200)
        else:
            self._speak(kind)

    def _speak(self, kind: str) -> None:
        """A person halts, resumes or changes a limit, or dies with the words half said."""
        ts = self.desk.wall()
        if kind == "limits":
            change = self.rng.choice((
                LimitChange(table="default", key="notional_max", value=self.rng.choice((1, 500, 25_000))),
                LimitChange(table="account", key="message_rate_max", value=self.rng.choice((1, 25))),
                LimitChange(table="default", key="price_collar_bps", value=self.rng.choice((0.0, 10.0))),
                LimitChange(table="instrument", name="spot:BTCUSDT", key="position_max",
                            value=self.rng.choice((None, "0.0001", "0.4"))),
            ))  # fmt: skip
            append(self._log, LimitsChanged(changes=[change], ts=ts, **SAID), namespace=self.desk.namespace)
            return
        state: Any = self.rng.choice(("REDUCING", "HALTED"))
        halt = Halt(scope="all", state=state, ts=ts, **SAID)
        draw = self.rng.random()
        if draw < 0.2:
            writer = self._log.writer(PEOPLE)
            writer.begin()
            header = Header(schema=HALT.number, version=1, seq=2**20, time=ts, writer=PEOPLE)
            writer.append(topic_name(self.desk.namespace, "control"), 0, b"", encode(halt), pack(header))
        elif draw < 0.6:
            append(self._log, halt, namespace=self.desk.namespace)
        else:
            append(self._log, Resume(scope="all", ts=ts, **SAID), namespace=self.desk.namespace)
