"""A desk over the memory log in simulated time: clock, feed and tasks in one thread, turned in an order from a seed.

What a supervisor does on a machine is done here for every task by :class:`Actor`: one that dies is brought back, one
that sleeps is replaced by a twin, and when it wakes it must find itself shut out.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from agents.context import Context
from agents.topology import CLOCK, TaskHops, source_of, topic_specs, writers
from schemas.catalog import DEFINITION
from schemas.codec import encode
from schemas.control import RunOpened
from schemas.definition import Definition
from schemas.errors import BrokerError, Fenced
from schemas.header import Header, no_stamps, pack
from schemas.topics import topic_name
from streams.agent import Agent
from streams.failpoints import Failpoint, nothing
from streams.log import Log
from streams.people import PEOPLE, append
from streams.runner import Task
from streams.scheduler import SimulatedCrash
from streams.task_plan import TaskPlan
from streams.ticker import Ticker

START_NS = 1_795_557_600_000_000_000
"""Wall time at which a simulated desk begins."""


class Turning(Protocol):
    """What an actor runs: a task, a feed, a clock."""

    def turn(self, wait_s: float) -> bool:
        """One piece of work."""
        ...


class Actor:
    """A process under supervision, and its twins.

    Args:
        make: Begins a life of it.

    Attributes:
        lives: Those at work, the newest last.
        asleep: Lives that were stopped in mid-work.
        deaths: How often one died.
        fenced: How often one found itself shut out.
    """

    def __init__(self, make: Callable[[], Any]) -> None:
        self.lives: list[Any] = []
        self.asleep: list[Any] = []
        self.deaths = 0
        self.fenced = 0
        self._make = make

    @property
    def at_work(self) -> Any:
        """The newest life; begins one where there is none.

        Raises:
            SimulatedCrash: It died while it began.
            BrokerError: It found no broker.
        """
        if not self.lives:
            self.lives.append(self._make())
        return self.lives[-1]

    def turn(self, rng: random.Random) -> bool:
        """Let one of the lives do a piece of work, and bring back what dies of it."""
        return self._turn(rng.choice(self.lives) if len(self.lives) > 1 else None)

    def turn_all(self) -> bool:
        """Let each of the lives do a piece of work."""
        return any([self._turn(life) for life in (*self.lives[:-1], None)])  # noqa: C419  all, not the first that moves

    def succeed(self) -> None:
        """Begin another life in the place of those that have done their work."""
        for life in self.lives:
            life.close()
        self.lives.clear()

    def twin(self) -> None:
        """Begin another life while one is at work."""
        try:
            self.lives.append(self._make())
        except (SimulatedCrash, BrokerError):
            self.deaths += 1

    def sleep(self) -> None:
        """Stop the newest life in mid-work; the next turn begins another."""
        if self.lives:
            self.asleep.append(self.lives.pop())

    def wake(self) -> None:
        """Let the sleeping go on beside the others."""
        self.lives[:0] = self.asleep
        self.asleep = []

    def commit(self) -> None:
        """Commit what the newest life has; the others must find themselves shut out when they try.

        Raises:
            BrokerError: It cannot.
        """
        for life in self.lives[:-1]:
            try:
                life.commit()
            except BrokerError as error:
                self._end(life, error)
        self.at_work.commit()

    def _turn(self, life: Any | None) -> bool:
        """One piece of work of a life; None: of the newest."""
        try:
            life = self.at_work if life is None else life
            return bool(life.turn(0.0))
        except (SimulatedCrash, BrokerError) as error:
            self._end(life, error)
            return True

    def _end(self, life: Any, error: Exception) -> None:
        self.fenced += isinstance(error, Fenced)
        self.deaths += not isinstance(error, Fenced)
        if life in self.lives:
            self.lives.remove(life)
            life.close()


class Desk:
    """A run over one log.

    Args:
        log: Where; topics, definitions and the opening are written here.
        opening: The record that opens the run.
        definitions: Instruments.
        context: What the agents are built from.
        tasks: Its tasks.
        stages: Agents of each task; they keep no state, so lives share them.
        rng: Draws everything.
        namespace: Topic prefix.
        cut: Draws how a life reads, frames and commits: arguments of ``TaskPlan``.
        failpoint: What happens at the failpoints of a task.

    Attributes:
        now_s: Simulated seconds since the start.
        jump_ns: How far the wall has been set off.
    """

    def __init__(
        self, log: Log, opening: RunOpened, definitions: Sequence[Definition], context: Context,
        tasks: Sequence[TaskHops], stages: Mapping[str, Sequence[Agent]], rng: random.Random, *, namespace: str = "",
        cut: Callable[[], dict[str, Any]] = dict, failpoint: Callable[[str], Failpoint] = lambda _task: nothing,
        tasks_log: Log | None = None,
    ) -> None:  # fmt: skip
        self.log = log
        self.rng = rng
        self.now_s = 0.0
        self.jump_ns = 0
        self.source = opening.source
        self.namespace = namespace
        self.tasks = tuple(tasks)
        self._opening = opening
        self._stages = stages
        self._cut = cut
        self._failpoint = failpoint
        self._tasks_log = tasks_log or log
        self.context = context
        log.create(topic_specs(namespace, self.source, gateway=opening.gateway or ""))
        appender = log.appender()
        for seq, definition in enumerate(definitions):
            header = Header(schema=DEFINITION.number, version=1, seq=seq, time=0, writer=PEOPLE, stamps=no_stamps())
            topic = topic_name(namespace, "definitions")
            appender.append(topic, 0, definition.instrument.encode(), encode(definition), pack(header))
        append(log, opening, namespace=namespace)
        self.actors: dict[str, Actor] = {hops.name: Actor(self._maker(hops)) for hops in self.tasks}
        if opening.mode == "live":
            self.actors[CLOCK] = Actor(self._ticker)

    @property
    def deaths(self) -> Counter[str]:
        """Deaths by actor."""
        return Counter({name: actor.deaths for name, actor in self.actors.items()})

    def wall(self) -> int:
        """Wall time, ns: it may jump."""
        return START_NS + int(self.now_s * 1e9) + self.jump_ns

    def monotonic(self) -> float:
        """Seconds that never jump."""
        return self.now_s

    def settle(
        self, quiet_rounds: int, step_s: float, rounds_max: int, quiet: Callable[[], bool],
        on_round: Callable[[int], None] = lambda _round: None,
    ) -> bool:  # fmt: skip
        """Turn all, round by round, until nothing but the clock has moved for a while.

        Args:
            quiet_rounds: For so many rounds.
            step_s: Simulated seconds that a round takes.
            rounds_max: After so many it never comes to rest: False.
            quiet: Whether it may be at rest at all.
            on_round: Called before each round.
        """
        still = 0
        for number in range(1, rounds_max + 1):
            on_round(number)
            self.now_s += step_s
            moved = False
            for name in self.rng.sample(sorted(self.actors), len(self.actors)):
                moved |= self.actors[name].turn_all() and name != CLOCK
            still = 0 if moved or not quiet() else still + 1
            if still >= quiet_rounds:
                return True
        return False

    def _maker(self, hops: TaskHops) -> Callable[[], Task]:
        live, source = self._opening.mode == "live", source_of(hops, self._opening)

        def make() -> Task:
            plan = TaskPlan(
                name=hops.name, namespace=self.namespace, source=source, run=self._opening.run,
                mode="live" if live and "venue" not in hops.hops else "play", lasting=live,
                state_partition=hops.state_partition, commit_every_batch=hops.commit_every_batch,
                writers=writers(self.tasks, source), **self._cut(),
            )  # fmt: skip
            return Task(
                plan, self._stages[hops.name], self._tasks_log, failpoint=self._failpoint(hops.name),
                monotonic=self.monotonic, wall=self.wall,
            )  # fmt: skip

        return make

    def _ticker(self) -> Ticker:
        return Ticker(self.log, topic_name(self.namespace, CLOCK), wall=self.wall, monotonic=self.monotonic)
