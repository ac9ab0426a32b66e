"""``tapedeck chaos --simulate``: thousands of schedules in memory, and what they came to."""

from __future__ import annotations

import os
import sys
from functools import partial
from typing import TYPE_CHECKING, Any

from console.terminal import complain, emit, is_screen, show

if TYPE_CHECKING:
    from chaos.simulation import Simulated

SCHEDULES_MAX = 100_000_000
SCHEDULE_S_MAX = 0.2
"""What a schedule may take on the slowest machine, all in all; on two cores it takes 0.04 s."""
BREACH, INTERRUPTED = 1, 130


def run_simulated(schedules: int, seed: int, plant: str, *, json: bool) -> int:
    """Simulate, tell, and return the exit code.

    Raises:
        ConfigError: A value is out of range, or there is no such plant.
    """
    from chaos.deadline import SLACK_S, Deadline
    from chaos.plan import SEED_MAX, check_plant
    from chaos.report import simulated_document
    from chaos.simulation import simulate
    from console.interrupts import Interrupted, Interrupts
    from schemas.errors import ConfigError

    for value, most, flag in ((schedules, SCHEDULES_MAX, "--simulate"), (seed, SEED_MAX - SCHEDULES_MAX, "--seed")):
        if not (1 if flag == "--simulate" else 0) <= value <= most:
            raise ConfigError("out of range", kind="out_of_range", got=str(value), allowed=f"up to {most}", where=flag)
    check_plant(plant)
    bar = _Bar(schedules)
    bound_s = SLACK_S + SCHEDULE_S_MAX * schedules
    with Interrupts(), Deadline(bound_s, partial(complain, event="breach", level="error")):
        try:
            found = simulate(schedules, seed, plant or None, bar.look, processes=min(os.cpu_count() or 1, schedules))
        except Interrupted:
            complain("interrupted", event="interrupted", code="interrupted", exit=INTERRUPTED)
            return INTERRUPTED
        finally:
            bar.close()
    for failure in found.failures:
        for message in failure.messages:
            complain(f"seed {failure.seed} step {failure.step}: {message}", event="breach", level="error")
        complain(f"to repeat it: tapedeck chaos --simulate 1 --seed {failure.seed}", event="breach", level="error")
    document = simulated_document(seed, found)
    if json:
        import orjson

        emit(orjson.dumps(document).decode())
    else:
        show(_told(found))
    return 0 if found.sound else BREACH


def _told(found: Simulated) -> str:
    a_minute = found.schedules / found.elapsed_s * 60 if found.elapsed_s else 0.0
    faults = ", ".join(f"{kind} {number:,}" for kind, number in sorted(found.faults.items()))
    return (
        f"{found.schedules:,} schedules, {found.steps:,} steps, {a_minute:,.0f} a minute\nfaults: {faults}\n"
        f"{found.acknowledged:,} inputs, {found.orders:,} orders, {found.deaths:,} deaths, {found.fenced:,} fenced: "
        f"{'all holds' if found.sound else 'BREACH'}"
    )


class _Bar:
    """A bar on a terminal, nothing elsewhere."""

    def __init__(self, schedules: int) -> None:
        self._progress: Any = None
        if is_screen(sys.stderr):
            from rich.console import Console
            from rich.progress import Progress

            self._progress = Progress(console=Console(stderr=True), transient=True)
            self._task = self._progress.add_task("schedules", total=schedules)
            self._progress.start()

    def look(self, found: Simulated) -> None:
        """Show how far it is."""
        if self._progress is not None:
            self._progress.update(self._task, completed=found.schedules)

    def close(self) -> None:
        """Take the bar away."""
        if self._progress is not None:
            self._progress.stop()
