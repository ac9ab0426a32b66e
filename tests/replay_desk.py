"""A recorded live run over the memory log, under every fault, and replays of it: what tests of the replay share."""

from __future__ import annotations

import random
from collections.abc import Collection

from chaos.desk import START_NS as START_NS
from chaos.sim_faults import KINDS, Faults
from chaos.sim_world import session, world
from replay.archive.day_cuts import DAY_NS
from replay.recording import Recording
from replay.replay_plan import ReplayPlan
from streams.memory import MemoryLog

CALM = ("crash", "halt", "limits", "duplicate")


def recorded(seed: int, *, split: bool = False, kinds: Collection[str] = KINDS, sessions: int = 1) -> MemoryLog:
    """A live run that died, was halted, lost its clock and its feed's line, and came to rest."""
    log = MemoryLog()
    events = [event for n in range(sessions) for event in session((seed + n) % 8)]
    run = Faults(log, world("live", split), events, kinds, random.Random(seed))
    run.run()
    assert run.settle(5, 0.06, 800)
    return log


MIDNIGHT_NS = 20_784 * DAY_NS
"""At which the second day of ``recorded_over_days`` begins; the third begins a day later."""
NIGHTS_S = (0.12, 0.24)
"""Simulated seconds after which a day ends."""


def recorded_over_days(seed: int, *, split: bool = False, kinds: Collection[str] = CALM) -> MemoryLog:
    """A live run over three days, of each a fraction of a second around what the day before left."""
    log = MemoryLog()
    run = Faults(log, world("live", split), session(seed % 8), kinds, random.Random(seed))
    nights = (0.0, *NIGHTS_S)

    def wall() -> int:
        passed = sum(run.desk.now_s >= at for at in NIGHTS_S)
        since = nights[passed] if passed else NIGHTS_S[0]
        return MIDNIGHT_NS + max(0, passed - 1) * DAY_NS + int((run.desk.now_s - since) * 1e9) + run.desk.jump_ns

    run.desk.wall = wall  # type: ignore[method-assign]
    run.run()
    assert run.settle(5, 0.06, 800)
    return log


def plan_of(recording: Recording, *, split: bool = False, run: str = "r1", **more: object) -> ReplayPlan:
    return ReplayPlan(run=run, recording=recording, split=split, **more)  # type: ignore[arg-type]
