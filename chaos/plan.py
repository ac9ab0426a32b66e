"""What a run of chaos is: checked, before anything starts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from chaos.kinds import SECONDS_MIN, Kind, kinds_for
from chaos.schedule import Planned, schedule, spread
from schemas.errors import ConfigError

SECONDS_MAX = 7 * 86_400.0
SEED_MAX = 2**63 - 1
BROKERS = (1, 3)
BRINGS_OUT: Mapping[str, tuple[str, ...]] = {
    "zombie": ("two-at-once", "pause-twin"),
    "stale-state": ("kill", "failpoint"),
    "lost-side": ("halt", "limits", "kill"),
}
"""Faults without which a planted bug does no harm: a run of its own has no others, unless some are asked for."""
LIVE_ONLY = "lost-side"
"""In play sides are taken by log time: nobody is told where."""
PARTITIONS = 2
"""Of a topology whose workers come and go."""


@dataclass(frozen=True, slots=True)
class ChaosPlan:
    """A run.

    Attributes:
        seconds: Under load.
        seed: Of the schedule and of the simulated market.
        kinds: Faults that are drawn.
        brokers: 1 or 3.
        captures: Recorded files; empty: a live run on the simulator.
        plant: A bug to build in; empty: none.
    """

    seconds: float
    seed: int
    kinds: tuple[Kind, ...]
    brokers: int = 1
    captures: tuple[Path, ...] = ()
    plant: str = ""

    @property
    def planned(self) -> tuple[Planned, ...]:
        """The faults, in time."""
        return spread(self._drawn, self.partitions)

    @property
    def partitions(self) -> int:
        """Of the topology: several where workers share them out in this run."""
        return PARTITIONS if any(fault.kind == "rebalance" for fault in self._drawn) else 1

    @property
    def _drawn(self) -> tuple[Planned, ...]:
        return schedule(self.seed, self.seconds, self.kinds)


def check_plant(plant: str) -> None:
    """Refuse a bug that is not known; empty is none.

    Raises:
        ConfigError: There is no such plant.
    """
    from chaos.plants import PLANTS

    if plant and plant not in PLANTS:
        raise ConfigError("no such plant", kind="no_plant", got=plant, allowed=", ".join(PLANTS), where="--plant")


def plan_of(
    seconds: float, seed: int, faults: Sequence[str], brokers: int, captures: Sequence[Path], plant: str
) -> ChaosPlan:
    """A checked plan.

    Raises:
        ConfigError: A value is out of range, a kind of fault is unknown or does not fit, a capture cannot be used.
    """
    if not SECONDS_MIN <= seconds <= SECONDS_MAX:
        raise ConfigError("out of range", kind="out_of_range", got=f"{seconds:g}",
                          allowed=f"{SECONDS_MIN:g} to {SECONDS_MAX:g}", where="--seconds")  # fmt: skip
    if not 0 <= seed <= SEED_MAX:
        raise ConfigError("out of range", kind="out_of_range", got=str(seed), allowed="0 to 2**63 - 1", where="--seed")
    if brokers not in BROKERS:
        raise ConfigError("out of range", kind="out_of_range", got=str(brokers), allowed="1 or 3", where="--brokers")
    if captures:
        from feeds.captures import open_captures

        open_captures(captures)
    check_plant(plant)
    if plant == LIVE_ONLY and captures:
        raise ConfigError("this plant does not fit the run", kind="no_plant", got=plant, allowed="without --capture",
                          where="--plant")  # fmt: skip
    kinds = kinds_for(tuple(faults), seconds, brokers, live=not captures)
    if plant in BRINGS_OUT and not faults:
        kinds = tuple(kind for kind in kinds if kind.name in BRINGS_OUT[plant])
    return ChaosPlan(seconds, seed, kinds, brokers, tuple(captures), plant)
