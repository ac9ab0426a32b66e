"""From the flags of ``tapedeck demo`` to a plan: every flag and file checked before anything starts."""

from __future__ import annotations

import math
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from agents.topology import TaskHops, deployment, task_named
from console.figures import NANOS
from feeds.simulated_instruments import INSTRUMENTS, INSTRUMENTS_MAX
from replay.plan import PlayPlan
from schemas.errors import ConfigError
from streams.clock import wall_ns

NANOS_PER_MS = 1_000_000
SECONDS_DEFAULT = 60.0
SECONDS_MAX = 7 * 86_400.0
SPEED_MAX = 1_000_000.0
VENUE_LATENCY_MS_MAX = 3_600_000.0
SEED_MAX = 2**64 - 1
INPUTS_MAX = 2**63 - 1
"""Largest N of ``--kill TASK@N``."""
MAX = "max"
"""``--speed max``: as fast as it goes."""
RANDOM_BYTES = 2
"""Of a run id: tells apart runs that are opened in the same second."""


@dataclass(frozen=True, slots=True)
class Choices:
    """The flags as given; None where a flag was not."""

    seconds: float | None = None
    instruments: int | None = None
    seed: int = 1
    speed: str = "1"
    venue_latency_ms: float = 50.0
    captures: Sequence[Path] = ()
    split: bool = False
    kills: Sequence[str] = ()
    limits: Path | None = None
    model: Path | None = None


def plan_of(choices: Choices) -> PlayPlan:
    """The plan of a new run.

    Raises:
        ConfigError: A flag or a file is wrong; names it, and the key within a file.
    """
    if choices.seconds is not None:
        _check_number(choices.seconds, "--seconds", SECONDS_MAX)
        if choices.captures:  # a flag that did nothing would be worse
            raise ConfigError("captures are played whole", kind="flags_conflict",
                              got="--capture", allowed="--seconds or --capture",
                              where="--seconds")  # fmt: skip
    instruments = INSTRUMENTS if choices.instruments is None else choices.instruments
    if not 1 <= instruments <= INSTRUMENTS_MAX:
        raise ConfigError("out of range", kind="out_of_range", got=str(instruments), allowed=f"1 to {INSTRUMENTS_MAX}",
                          where="--instruments")  # fmt: skip
    if choices.instruments is not None and choices.captures:
        raise ConfigError("captures say what they are of", kind="flags_conflict",
                          got="--capture", allowed="--instruments or --capture",
                          where="--instruments")  # fmt: skip
    if not 0 <= choices.seed <= SEED_MAX:
        raise ConfigError(
            "not a seed", kind="out_of_range", got=str(choices.seed), allowed=f"0 to {SEED_MAX}", where="--seed"
        )
    _check_number(choices.venue_latency_ms, "--venue-latency-ms", VENUE_LATENCY_MS_MAX, least=1 / NANOS_PER_MS)
    chosen: dict[str, Any] = {
        "speed": speed_of(choices.speed),
        "kills": kills_of(choices.kills, deployment(choices.split)),
    }
    if choices.limits is not None:
        chosen["limits"] = _limits(choices.limits)
    if choices.captures:
        _check_captures(choices.captures)
    if choices.model is not None:
        chosen["model"] = _model(choices.model)
    return PlayPlan(
        run=run_id(), captures=tuple(choices.captures), instruments=instruments, seed=choices.seed,
        split=choices.split,
        seconds=SECONDS_DEFAULT if choices.seconds is None else choices.seconds,
        venue_latency_ns=round(choices.venue_latency_ms * NANOS_PER_MS), **chosen,
    )  # fmt: skip


def run_id() -> str:
    """Id of a run opened now: the UTC time, so that ids sort by age, and a random suffix."""
    now = datetime.fromtimestamp(wall_ns() // NANOS, UTC)
    return f"{now:%Y%m%dt%H%M%S}-{secrets.token_hex(RANDOM_BYTES)}"


def speed_of(text: str) -> float:
    """Log seconds per wall second; 0 for ``max``.

    Raises:
        ConfigError: Neither ``max`` nor a positive number.

    >>> speed_of("1"), speed_of("0.5"), speed_of("max")
    (1.0, 0.5, 0.0)
    """
    if text == MAX:
        return 0.0
    try:
        speed = float(text)
    except ValueError:
        speed = math.nan
    if not 0 < speed <= SPEED_MAX:
        raise ConfigError(
            "not a speed", kind="bad_speed", got=repr(text), allowed="1, a number above 0, or max", where="--speed"
        )
    return speed


def kills_of(texts: Sequence[str], tasks: tuple[TaskHops, ...]) -> dict[str, list[int]]:
    """Inputs after which each task is killed, by task name.

    Raises:
        ConfigError: Not ``TASK@N``, or no such task.
    """
    kills: dict[str, list[int]] = {}
    for text in texts:
        name, at, number = text.partition("@")
        if not at or not (number.isascii() and number.isdigit()) or not 1 <= int(number) <= INPUTS_MAX:
            raise ConfigError(
                "not a kill",
                kind="bad_kill",
                got=repr(text),
                allowed="TASK@N, N from 1 on, e.g. risk@500",
                where="--kill",
            )
        kills.setdefault(task_named(name, tasks), []).append(int(number))
    return kills


def _check_captures(paths: Sequence[Path]) -> None:
    from feeds.captures import open_captures

    open_captures(paths)


def _limits(path: Path) -> dict[str, Any]:
    from agents.limits import load_limits

    return load_limits(path)


def _model(path: Path) -> dict[str, Any]:
    from features.view import DEFAULT_VIEW
    from models.linear import load_file

    return load_file(path, view=DEFAULT_VIEW.hash, features=DEFAULT_VIEW.names).artefact


def _check_number(value: float, flag: str, most: float, least: float = 0.0) -> None:
    if not least <= value <= most or value <= 0:
        raise ConfigError(
            "out of range", kind="out_of_range", got=f"{value:g}", allowed=f"above 0, up to {most:g}", where=flag
        )
