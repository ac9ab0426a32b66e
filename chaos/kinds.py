"""Every kind of fault: its name, what it does, how long a run it needs, and what is drawn of it from the seed.

What carries a fault out stands in ``chaos/faults``, under the same name. A kind whose means are not there in a run
(one broker, a play run) is not drawn there.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from schemas.errors import ConfigError
from streams.failpoints import FAILPOINTS

Arguments = Mapping[str, Any]
"""What was drawn of one fault: plain values, so that a schedule can be printed and compared."""

SECONDS_MIN = 30.0
"""Shortest run."""
LONG_S = 180.0
"""From this length on an outage lasts ``OUTAGE_S``, and a stopped task stays stopped past every timeout."""
OUTAGE_S = 60.0
OUTAGE_SHARE = 0.2
"""Of a shorter run."""
PAUSE_LONG_S = 65.0
"""Past ``streams.kafka_writer.TRANSACTION_MS_MAX``, the longest timeout there is."""
HOUR_NS = 3_600_000_000_000

TASKS = ("normalise", "hot", "risk", "venue")
"""Tasks that are chains of hops: those with state and a transactional id."""
Draw = Callable[[random.Random, float], dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of fault.

    Attributes:
        name: As in ``--faults`` and in the report.
        does: In one line, for people.
        draw: Arguments from the seed, given the run's length, s.
        needs_s: Shortest run in which it is drawn.
        brokers: Brokers that it needs.
        live: It needs a live run: a play run has no clock, and control opens it once.
        most: Times in a run; 0: any number.
    """

    name: str
    does: str
    draw: Draw
    needs_s: float = SECONDS_MIN
    brokers: int = 1
    live: bool = False
    most: int = 0


def _task(rng: random.Random, _seconds: float) -> dict[str, Any]:
    return {"task": rng.choice(TASKS)}


def _any_task(rng: random.Random, _seconds: float) -> dict[str, Any]:
    return {"task": rng.choice((*TASKS, "clock"))}


def _failpoint(rng: random.Random, _seconds: float) -> dict[str, Any]:
    return {"task": rng.choice(TASKS), "point": rng.choice(FAILPOINTS), "after": rng.randint(1, 20)}


def _pause(rng: random.Random, seconds: float) -> dict[str, Any]:
    return {"task": rng.choice(TASKS), "for_s": PAUSE_LONG_S if seconds >= LONG_S else round(rng.uniform(0.5, 2.5), 2)}


def _for(least_s: float, most_s: float) -> Draw:
    return lambda rng, _seconds: {"for_s": round(rng.uniform(least_s, most_s), 2)}


def _network(rng: random.Random, _seconds: float) -> dict[str, Any]:
    how = rng.choice(("delay", "stall", "cut", "cut-commit-request", "cut-commit-answer"))
    return {"how": how, "for_s": round(rng.uniform(0.5, 3.0), 2), "delay_ms": rng.randint(5, 120)}


def _messages(rng: random.Random, _seconds: float) -> dict[str, Any]:
    return {"messages": rng.randint(1, 40)}


def _storm(rng: random.Random, _seconds: float) -> dict[str, Any]:
    return {"times": rng.randint(2, 4)}


def _limits(rng: random.Random, _seconds: float) -> dict[str, Any]:
    return {"key": rng.choice(("price_collar_bps", "notional_max")), "share": rng.choice((0.25, 0.5, 0.75))}


def _release(rng: random.Random, _seconds: float) -> dict[str, Any]:
    return {"what": rng.choice(("parameters", "model", "view")), "rest_ms": rng.randint(100, 900),
            "weight": round(rng.uniform(0.5, 2.0), 3)}  # fmt: skip


def _clock(rng: random.Random, _seconds: float) -> dict[str, Any]:
    # The clock process may not jump forward: what is written then bars every later order, as it must, and the rest of
    # the run would prove nothing.
    task = rng.choice((*TASKS, "clock"))
    shift = -HOUR_NS if task == "clock" else rng.choice((-HOUR_NS, HOUR_NS))
    return {"task": task, "shift_ns": shift, "for_s": round(rng.uniform(1.0, 3.0), 2)}


def _outage(rng: random.Random, seconds: float) -> dict[str, Any]:
    return {"for_s": OUTAGE_S if seconds >= LONG_S else round(OUTAGE_SHARE * seconds, 2),
            "tasks": rng.choice((["hot"], ["risk"], ["normalise"], ["venue"], list(TASKS)))}  # fmt: skip


def _rebalance(rng: random.Random, _seconds: float) -> dict[str, Any]:
    return {"during": rng.choice(("transaction", "recovery")), "leaves": rng.choice(("in order", "killed")),
            "for_s": round(rng.uniform(0.5, 1.8), 2)}  # fmt: skip


def _node(rng: random.Random, _seconds: float) -> dict[str, Any]:
    return {"node": rng.randrange(3), "for_s": round(rng.uniform(2.0, 5.0), 2)}


KINDS: Mapping[str, Kind] = {kind.name: kind for kind in (
    Kind("kill", "SIGKILL a task at any moment", _any_task),
    Kind("failpoint", "SIGKILL a task at a named failpoint of the runner", _failpoint),
    Kind("pause-twin", "SIGSTOP a task, a twin takes over, SIGCONT it", _pause),
    Kind("two-at-once", "start the same task a second time", _task),
    Kind("broker-kill", "SIGKILL the broker and start it again", _for(0.2, 2.0)),
    Kind("broker-stop", "SIGSTOP the broker, SIGCONT it", _for(1.0, 4.0)),
    Kind("network", "delay, stall or cut what tasks and broker say to each other, also in mid-commit", _network),
    Kind("feed-kill", "SIGKILL the feed", lambda _rng, _seconds: {}),
    Kind("feed-reconnect", "SIGKILL the feed again and again", _storm, live=True),
    Kind("feed-duplicate", "the feed publishes messages twice", _messages, live=True),
    Kind("feed-reorder", "the feed publishes messages in another order", _messages, live=True),
    Kind("feed-gap", "the feed misses messages", _messages, live=True),
    Kind("feed-twin", "two publishers of one source", _for(0.5, 2.0), live=True),
    Kind("halt", "a person halts trading and resumes it", _for(0.5, 2.0), live=True),
    Kind("limits", "a person lowers a limit and raises it again", _limits, live=True),
    Kind("release", "the desk is cut over to other parameters, another model or another view", _release, live=True),
    Kind("clock-jump", "the wall clock of a task or of the clock jumps by an hour", _clock, live=True),
    Kind("disk-full-broker", "the broker's disk takes no more: it falls, and is started again with room",
         _for(0.2, 1.0)),
    Kind("disk-full-local", "a task can write no file of its own, and is killed so", _task),
    Kind("outage", "tasks stay down while the feed goes on, then catch up", _outage, most=1),
    Kind("rebalance", "a second worker takes partitions over, and leaves in mid-transaction or in mid-recovery",
         _rebalance, live=True, most=2),
    Kind("broker-loss", "one of three brokers is lost, and comes back", _node, brokers=3),
)}  # fmt: skip
"""By name."""


def kinds_for(names: tuple[str, ...], seconds: float, brokers: int, *, live: bool) -> tuple[Kind, ...]:
    """The kinds that a run draws from.

    Args:
        names: Those asked for; none: all that fit.
        seconds: Length of the run.
        brokers: Brokers of the run.
        live: Whether it is a live run.

    Raises:
        ConfigError: A name is unknown, or does not fit this run.
    """
    for name in names:
        if name not in KINDS:
            raise ConfigError(
                "no such kind of fault", kind="no_fault", got=name, allowed=", ".join(KINDS), where="--faults"
            )
        if why := _unfit(KINDS[name], seconds, brokers, live=live):
            raise ConfigError("this kind of fault does not fit the run", kind="no_fault", got=name, allowed=why,
                              where="--faults")  # fmt: skip
    chosen = names or tuple(KINDS)
    return tuple(KINDS[n] for n in dict.fromkeys(chosen) if not _unfit(KINDS[n], seconds, brokers, live=live))


def _unfit(kind: Kind, seconds: float, brokers: int, *, live: bool) -> str:
    if seconds < kind.needs_s:
        return f"from --seconds {kind.needs_s:g} on"
    if brokers < kind.brokers:
        return f"with --brokers {kind.brokers}"
    if kind.live and not live:
        return "without --capture"
    return ""
