"""Thousands of schedules a minute: the real runner on the memory log, with every fault that can be simulated.

Each schedule is one short run, drawn whole from its seed: mode, deployment, cuts, faults and the order of all turns. It
is brought to rest and judged by the same checks as a run on Kafka (``chaos/checks.py``). Schedule ``i`` of
``simulate(n, seed)`` has the seed ``seed + i``, so ``simulate(1, that)`` repeats it step by step.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass, field
from multiprocessing import get_context
from typing import Any

from chaos.checks import check
from chaos.findings import Findings
from chaos.sim_faults import KINDS, Faults
from chaos.sim_world import SESSIONS, World, session, world
from chaos.tape import Shape
from schemas.errors import TapedeckError
from streams.clock import monotonic_s
from streams.memory import MemoryLog

PLAY_SHARE = 0.25
SPLIT_SHARE = 0.2
READERS = 8
"""Random offsets that readers of one schedule start at."""
CHUNK = 50
"""Schedules that a process of the pool takes at a time."""
FAILURES_MAX = 5
"""Failing schedules that are told; then it ends early."""
ROUNDS_MAX = 800
"""Rounds after the last fault within which a run must come to rest."""
QUIET_ROUNDS = 5
QUIET_STEP_S = 0.06


@dataclass(frozen=True, slots=True)
class Failure:
    """A schedule that broke something.

    Attributes:
        seed: Repeats it: ``simulate(1, seed)``.
        step: Turn at which it broke, or the last where the checks found it.
        messages: What was found.
    """

    seed: int
    step: int
    messages: tuple[str, ...]

    def __str__(self) -> str:
        return f"seed {self.seed} step {self.step}: {self.messages[0]}"


@dataclass(slots=True)
class Simulated:
    """What schedules came to.

    Attributes:
        schedules: How many were run.
        steps: Turns of all of them.
        faults: Faults by kind.
        acknowledged: Inputs acknowledged.
        deaths: Lives that died.
        fenced: Lives that found themselves shut out.
        orders: Orders that left: a simulation without any proves little.
        findings: Breaches, by kind.
        failures: The first schedules that broke something.
        elapsed_s: Wall seconds.
    """

    schedules: int = 0
    steps: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    acknowledged: int = 0
    deaths: int = 0
    fenced: int = 0
    orders: int = 0
    findings: Counter[str] = field(default_factory=Counter)
    failures: list[Failure] = field(default_factory=list)
    elapsed_s: float = 0.0

    @property
    def sound(self) -> bool:
        """Whether nothing broke."""
        return not self.failures

    def add(self, other: Simulated) -> None:
        """Take another's counts in."""
        for name in ("schedules", "steps", "acknowledged", "deaths", "fenced", "orders"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.faults.update(other.faults)
        self.findings.update(other.findings)
        self.failures += other.failures


Progress = Callable[[Simulated], None]


def simulate(
    schedules: int, seed: int, plant: str | None = None, progress: Progress | None = None, *, processes: int = 1
) -> Simulated:  # fmt: skip
    """Run schedules; ends early once ``FAILURES_MAX`` have failed.

    Args:
        schedules: How many.
        seed: Of the first; the next has the next number.
        plant: A known bug to build in (``chaos/plants.py``).
        progress: Called now and then with what there is so far.
        processes: How many processes share them; 1: this one alone.
    """
    total = Simulated()
    started = monotonic_s()
    for part in _parts(schedules, seed, plant, processes):
        total.add(part)
        total.elapsed_s = monotonic_s() - started
        if progress is not None:
            progress(total)
        if len(total.failures) >= FAILURES_MAX:
            break
    del total.failures[FAILURES_MAX:]
    return total


def _parts(schedules: int, seed: int, plant: str | None, processes: int) -> Iterator[Simulated]:
    if processes == 1:
        for number in range(schedules):
            yield run_schedule(seed + number, plant)
        return
    starts = range(seed, seed + schedules, CHUNK)
    counts = [min(CHUNK, seed + schedules - start) for start in starts]
    pool = ProcessPoolExecutor(processes, mp_context=get_context("spawn"))
    try:
        yield from pool.map(_chunk, starts, counts, [plant] * len(counts))
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def _chunk(seed: int, schedules: int, plant: str | None) -> Simulated:
    """What a process of the pool does."""
    from streams.home import use_kernel_cache

    use_kernel_cache()
    return simulate(schedules, seed, plant)


def run_schedule(seed: int, plant: str | None = None) -> Simulated:
    """One schedule, from its seed to its verdict."""
    rng = random.Random(seed)
    parts = world("play" if rng.random() < PLAY_SHARE else "live", rng.random() < SPLIT_SHARE)
    number = rng.randrange(SESSIONS)
    kinds = [kind for kind in KINDS if rng.random() < 0.5]
    found, run = _run(parts, number, kinds, rng, plant)
    failed = [] if found.sound else [Failure(seed, run.steps, tuple(found.messages))]
    counts = Counter({k: v for k, v in found.as_dict().items() if isinstance(v, int) and v and k != "acknowledged"})
    return Simulated(
        1, run.steps, run.counted, found.acknowledged, sum(run.desk.deaths.values()),
        sum(actor.fenced for actor in run.desk.actors.values()), run.orders, counts, failed,
    )  # fmt: skip


def _run(parts: World, number: int, kinds: list[str], rng: random.Random, plant: str | None) -> tuple[Findings, Faults]:
    log = MemoryLog()
    expected = _reference(number) if parts.mode == "play" else ""
    run = Faults(log, parts, session(number), kinds, rng)
    found = Findings()
    with _planted(plant):
        try:
            run.run()
            if not run.settle(QUIET_ROUNDS, QUIET_STEP_S, ROUNDS_MAX):
                found.tell("lost", f"step {run.steps}", "it never comes to rest", "that all is worked off")
        except TapedeckError as error:
            found.tell("diverged", f"step {run.steps}", str(error), "that every death is repaired")
        except Exception as error:  # a crash of whatever kind is a finding like any other, and has a seed
            found.tell("diverged", f"step {run.steps}", f"{type(error).__name__}: {error}", "no crash")
    if not found.sound:
        return found, run
    shape = Shape(source=parts.opening.source, namespace=run.desk.namespace, mode=parts.mode, tasks=parts.tasks)
    found = check(
        log, shape, run.acknowledged, expected_hash=expected, starts=READERS, seed=rng.randrange(2**32),
        context=parts.context, build=parts.build,
    )  # fmt: skip
    return found, run


def _planted(plant: str | None) -> Any:
    if plant is None:
        return nullcontext()
    from chaos.plants import planted

    return planted(plant)


_references: dict[int, str] = {}


def _reference(number: int) -> str:
    """The ``order_hash`` of a play session without faults."""
    if number not in _references:
        from chaos.checks import order_hash_of
        from chaos.numbering import check_numbers
        from chaos.tape import Tape

        parts = world("play", False)
        log = MemoryLog()
        run = Faults(log, parts, session(number), [], random.Random(0))
        run.run()
        run.settle(QUIET_ROUNDS, QUIET_STEP_S, ROUNDS_MAX)
        tape = Tape(log, Shape(parts.opening.source, run.desk.namespace, "play", parts.tasks))
        _references[number] = order_hash_of(tape, check_numbers(tape, Findings()))
    return _references[number]
