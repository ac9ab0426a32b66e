"""A replay in memory that is judged on the way comes to the same as one judged at its end, and holds little of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from replay import rolling
from replay.cut import Cut
from replay.judge import Judge
from replay.parity import Parity
from replay.recording import Recording
from replay.replaying import MemoryReplay
from replay.spans import open_recording
from tests.faults.test_replay_memory import dying
from tests.partitioned_desk import PartitionedDesk
from tests.replay_desk import plan_of, recorded

ROW_TOPICS = ("raw.", "ticks.", "scores", "features")


@pytest.fixture(autouse=True)
def _narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Bounds that a short run reaches."""
    monkeypatch.setattr(rolling, "LEAD_MAX", 4)
    monkeypatch.setattr(rolling, "BEHIND_MAX", 3)
    monkeypatch.setattr(rolling, "EVERY_STEPS", 8)


def played(recording: Recording, seed: int, *, watched: bool, share: float = 0.0, **more: Any) -> tuple[Any, ...]:
    """A replay, its judge, what that found, and the most records that its row topics held at a time."""
    plan = plan_of(recording, **more)
    cut = Cut(seed, records_max=7, frame_rows=3, commit_interval_s=0.01)
    replay = MemoryReplay(plan, cut=cut, fault=dying(seed, share))
    judge: Judge | None = replay.watch() if watched else None
    most = 0

    def look() -> None:
        nonlocal most
        names = [plan.namespace + name for name in ROW_TOPICS]
        topics = [t for t in replay.log.names() if t.startswith(tuple(names))]
        bounds = [replay.log.bounds(topic, 0) for topic in topics]
        most = max(most, sum(high - low for low, high in bounds))

    replay.run(look)
    judge = judge or Judge(plan, replay.log)
    found: Parity = judge.finish(whole=True)
    return judge, found, most


@pytest.mark.parametrize("seed", range(6))
def test_judged_on_the_way_it_comes_to_the_same_whoever_dies_meanwhile(seed: int) -> None:
    recording = open_recording(recorded(seed, kinds=("halt", "limits", "duplicate")))
    more: dict[str, Any] = {"split": seed % 2 == 0, "since": "ticks" if seed % 3 == 0 else "raw"}
    more["simulated"] = seed == 5
    judge, found, most = played(recording, seed, watched=False, **more)
    again, same, least = played(recording, seed, watched=True, share=0.02 * (seed % 2), **more)
    assert found == same
    assert sum(found.compared.values()) > 100 or more["simulated"]
    assert (judge.ticks, judge.orders) == (again.ticks, again.orders)
    counts = [{name: figures["count"] for name, figures in j.hops.summary().items()} for j in (judge, again)]
    assert counts[0] == counts[1]
    assert least < most


def test_ticks_that_no_order_asks_about_are_let_go_of_too() -> None:
    """The paper venue reads ticks when it has an order; a desk that sends none must not keep the day for it."""
    log = recorded(3, kinds=(), sessions=6)
    whole = open_recording(log)
    opening = whole.opening
    parameters = {**opening.parameters, "position_max": {}}
    quiet = msgspec.structs.replace(opening, parameters=parameters)
    candidate: dict[str, Any] = {"candidate": quiet, "simulated": True}
    judge, found, most = played(whole, 1, watched=False, **candidate)
    again, same, least = played(whole, 1, watched=True, **candidate)
    assert judge.orders == again.orders == 0
    assert found == same
    assert least < most // 2


def test_a_desk_of_several_partitions_lets_go_of_each(tmp_path: Path) -> None:
    """Topics of decisions and orders have one partition whatever the desk has: nothing is let go of in another."""
    desk = PartitionedDesk(tmp_path, 1, 3, seconds=2.0)
    desk.run()
    recording = open_recording(desk.log, folder=tmp_path)
    judge, found, most = played(recording, 1, watched=False)
    again, same, least = played(recording, 1, watched=True)
    assert found == same
    assert found.differing == []
    assert (judge.ticks, judge.orders) == (again.ticks, again.orders)
    assert least < most
