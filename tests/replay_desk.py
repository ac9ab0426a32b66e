"""A recorded live run over the memory log, under every fault, and replays of it: what tests of the replay share."""

from __future__ import annotations

import random
from collections.abc import Collection

from chaos.desk import START_NS as START_NS
from chaos.sim_faults import KINDS, Faults
from chaos.sim_world import session, world
from replay.recording import Recording
from replay.replay_plan import ReplayPlan
from streams.memory import MemoryLog


def recorded(seed: int, *, split: bool = False, kinds: Collection[str] = KINDS, sessions: int = 1) -> MemoryLog:
    """A live run that died, was halted, lost its clock and its feed's line, and came to rest."""
    log = MemoryLog()
    events = [event for n in range(sessions) for event in session((seed + n) % 8)]
    run = Faults(log, world("live", split), events, kinds, random.Random(seed))
    run.run()
    assert run.settle(5, 0.06, 800)
    return log


def plan_of(recording: Recording, *, split: bool = False, run: str = "r1", **more: object) -> ReplayPlan:
    return ReplayPlan(run=run, recording=recording, split=split, **more)  # type: ignore[arg-type]
