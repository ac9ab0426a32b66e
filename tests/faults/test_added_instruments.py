"""A live desk gets further instruments: all that its tasks know goes on, each instrument by its id."""

from __future__ import annotations

from pathlib import Path

import pytest

from agents.answers import Pending
from agents.context import read_context
from agents.live_plan import LivePlan, load_topology
from agents.opening import open_live
from agents.topology import FUSED
from schemas.catalog import INTENT
from schemas.errors import ConfigError
from schemas.header import Header, pack
from streams.memory import MemoryLog
from streams.runner import Task
from streams.task_plan import TaskPlan


def topology(folder: Path, instruments: int) -> LivePlan:
    file = folder / f"{instruments}.toml"
    file.write_text(f"[feed]\ninstruments = {instruments}\n")
    return load_topology(file)


def life(log: MemoryLog, name: str) -> Task:
    hops = next(task for task in FUSED if task.name == name)
    context = read_context(log, "")
    plan = TaskPlan(
        name=name, namespace="", source="simulator", run=context.run.run, mode="play" if name == "venue" else "live",
        lasting=True, state_partition=hops.state_partition,
    )  # fmt: skip
    return Task(plan, hops.build(context), log)


def test_positions_open_intents_and_touches_go_on_in_their_instruments_slots(tmp_path: Path) -> None:
    log = MemoryLog()
    open_live(log, topology(tmp_path, 3))
    before = read_context(log, "").instruments
    hot, venue = life(log, "hot"), life(log, "venue")
    strategy = hot._states[2]
    strategy.position[:3] = [10, 20, 30]
    strategy.unanswered[2] = 1
    strategy.answers.expect(Pending("id", 1, 2))
    hot._states[0].times[:3] = [1, 2, 3]
    venue._states[0].touch["bid_price"][:3] = [7, 8, 9]
    for task in (hot, venue):
        task.commit()
        task.close()

    _, opened = open_live(log, topology(tmp_path, 10))
    assert opened
    instruments = read_context(log, "").instruments
    hot, venue = life(log, "hot"), life(log, "venue")
    slots = [instruments.index(definition) for definition in before[:3]]
    assert len(instruments) > len(before)
    for task in (hot, venue):
        assert task.succession is not None
        assert (task.succession.rewarmed, task.succession.migrated) == ([], {})
    strategy = hot._states[2]
    assert strategy.position[slots].tolist() == [10, 20, 30]
    assert int(strategy.position.sum()) == 60
    assert strategy.unanswered.nonzero()[0].tolist() == [slots[2]]
    assert strategy.answers.dump()["pending"] == [["id", 1, slots[2]]]
    assert hot._states[0].times[slots].tolist() == [1, 2, 3]
    assert venue._states[0].touch["bid_price"][slots].tolist() == [7, 8, 9]
    assert len(venue._states[0].touch) == len(instruments)


def test_a_refused_opening_changes_nothing(tmp_path: Path) -> None:
    log = MemoryLog()
    open_live(log, topology(tmp_path, 3))
    task = life(log, "hot")
    task.commit()
    task.close()
    writer = log.writer("hot")
    writer.begin()
    left = Header(schema=INTENT.number, version=INTENT.version, seq=0, time=1, writer="hot")
    writer.append("orders.intent", 0, b"k", b"{}", pack(left))
    writer.close()
    before = read_context(log, "").instruments
    with pytest.raises(ConfigError, match="did not end in order"):
        open_live(log, topology(tmp_path, 10))
    assert read_context(log, "").instruments == before
    _, opened = open_live(log, topology(tmp_path, 3))
    assert not opened
    life(log, "hot").close()
