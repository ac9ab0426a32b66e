"""Replays over the memory log: what was recorded live comes again to the byte, whatever happened while it was."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from agents.topology import TaskHops
from chaos.findings import Findings
from chaos.numbering import check_numbers
from chaos.readers import check_readers
from chaos.sim_world import world
from chaos.tape import Shape, Tape
from models.artefact import sign
from replay.cut import Cut, Fault
from replay.parity import Parity, compare
from replay.recording import Recording
from replay.replaying import MemoryReplay
from replay.spans import open_recording
from replay.stress import HARMLESS, KINDS, Injected, Stress
from schemas.catalog import END
from schemas.control import Halt
from schemas.errors import ConfigError, SnapshotError
from schemas.header import unpack
from streams.agent import Agent, Out, RowsOut
from streams.guarded import GuardedLog
from streams.log import TopicSpec
from streams.memory import MemoryLog
from streams.people import append
from streams.scheduler import SimulatedCrash
from tests.partitioned_desk import PartitionedDesk
from tests.replay_desk import START_NS, plan_of, recorded

SEEDS = range(24)


def dying(seed: int, share: float) -> Fault:
    """Has tasks die in the middle of their work."""
    rng = random.Random(seed)

    def die(task: str, point: str, _inputs: int) -> None:
        if point in ("step", "produced", "committed") and rng.random() < share:
            raise SimulatedCrash(task)

    return die


def replayed(
    recording: Recording, *, split: bool, cut: Cut | None = None, share: float = 0.0, **more: Any
) -> tuple[MemoryReplay, Parity]:
    plan = plan_of(recording, split=split, **more)
    fault = dying(0 if cut is None else cut.seed, share)
    replay = MemoryReplay(plan, cut=cut, build=world("live", split).build, fault=fault)
    replay.run()
    return replay, compare(replay.plan, replay.log)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_live_run_under_faults_comes_again_to_the_byte_fused_and_split(seed: int) -> None:
    recording = open_recording(recorded(seed, split=seed % 3 == 0))
    for split in (False, True):
        cut = Cut(seed, records_max=1 + seed * 7 % 60, frame_rows=1 + seed * 5 % 40, commit_interval_s=0.05)
        _, parity = replayed(recording, split=split, cut=cut)
        assert parity.differing == []
        assert parity.compared["ticks.<source>"] > 20
        assert parity.compared["scores"] > 20


def test_the_runs_that_come_again_made_orders_and_were_halted_and_denied() -> None:
    counted: dict[str, int] = {}
    for seed in SEEDS:
        _, parity = replayed(open_recording(recorded(seed)), split=False)
        for name, count in parity.compared.items():
            counted[name] = counted.get(name, 0) + count
    assert counted["orders.intent"] > counted["orders"] > len(SEEDS)
    assert counted["executions"] > len(SEEDS) // 2
    assert counted["dlq"] > 5


@pytest.mark.parametrize("seed", range(6))
def test_a_replay_whose_own_tasks_die_comes_to_the_same(seed: int) -> None:
    recording = open_recording(recorded(seed))
    _, parity = replayed(recording, split=seed % 2 == 0, cut=Cut(seed, records_max=9), share=0.03)
    assert parity.identical


@pytest.mark.parametrize("seed", range(6))
def test_a_replay_from_ticks_on_comes_to_the_same(seed: int) -> None:
    _, parity = replayed(open_recording(recorded(seed)), split=seed % 2 == 0, since="ticks")
    assert parity.identical
    assert parity.compared["scores"] > 20
    assert "ticks.<source>" not in parity.compared


def test_replays_from_the_middle_of_history_begin_with_the_recorded_states() -> None:
    begun = 0
    for seed in range(8):
        recording = open_recording(
            recorded(seed, kinds=("crash", "halt", "limits", "duplicate")), since_ns=START_NS + 180_000_000
        )
        begun += bool(recording.states)
        for split in (False, True):
            _, parity = replayed(recording, split=split)
            assert parity.differing == []
            assert 0 < parity.compared["ticks.<source>"] < 40 or not recording.states
    assert begun >= 4, "where nothing was committed by then, they begin with the first record"


@pytest.mark.parametrize("seed", range(4))
def test_a_replay_up_to_the_middle_of_history_stops_there(seed: int) -> None:
    recording = open_recording(recorded(seed, kinds=("crash", "halt")), until_ns=START_NS + 180_000_000)
    _, parity = replayed(recording, split=False)
    assert parity.differing == []
    assert parity.compared["scores"] > 5


@pytest.mark.parametrize("seed", range(2))
def test_a_desk_of_three_partitions_whose_tasks_die_and_move_comes_again(seed: int, tmp_path: Path) -> None:
    """Which partition's intent was decided first is nobody's rule; the replay follows what risk told."""
    desk = PartitionedDesk(tmp_path, seed, 3, kills=0.002)
    taken = {40: "hot@1", 90: "normalise@2", 140: "risk", 200: "venue@0"}
    desk.run(lambda number: desk.take_over(taken[number]) if number in taken else None)
    recording = open_recording(desk.log, folder=tmp_path)
    for split in (False, True):
        replay = MemoryReplay(plan_of(recording, split=split), cut=Cut(seed, records_max=31))
        replay.run()
        parity = compare(replay.plan, replay.log)
        assert parity.differing == []
        assert parity.compared["orders.decision"] > 20
        assert parity.compared["ticks.<source>"] > 1_000


def stressed(recording: Recording, *faults: Injected) -> Parity:
    return replayed(recording, split=False, stress=Stress(faults))[1]


@pytest.mark.parametrize("kind", KINDS)
def test_a_fault_that_loses_no_input_changes_no_byte_and_any_other_is_found(kind: str) -> None:
    recording = open_recording(recorded(4, kinds=("halt",)))
    stress = Stress((Injected(kind, 50_000_000),))
    parity = stressed(recording, *stress.faults)
    if kind in HARMLESS:
        assert parity.differing == []
        assert parity.compared["orders"] > 0
    else:
        assert parity.first_divergence is not None


def test_a_burst_comes_so_many_times_as_fast_and_what_follows_keeps_its_spacing() -> None:
    burst = Stress(burst=10.0, burst_at_ns=1_000_000_000)
    due = [burst.offset_ns(s * 1_000_000_000) / 1e9 for s in (0, 1, 6, 11, 12)]
    assert due == [0.0, 1.0, 1.5, 2.0, 3.0]


class OneUlpOff:
    """The feature hop, one of whose values is off by the last bit once."""

    def __init__(self, feature: Agent) -> None:
        self._feature = feature

    def __getattr__(self, name: str) -> Any:
        return getattr(self._feature, name)

    def step(self, state: Any, batch: Any) -> Out:
        out = self._feature.step(state, batch)
        made = out.rows[0]
        rows = made.rows.copy()
        for i in np.flatnonzero(batch.origins["ordinal"][: len(rows)] == 17):
            rows["values"][i, 2] = np.nextafter(rows["values"][i, 2], np.inf)
        return Out(out.consumed, [RowsOut(made.topic, rows, made.index)], out.documents, out.rejects, out.waits)


def test_one_value_off_by_its_last_bit_is_found_and_named() -> None:
    recording = open_recording(recorded(2, split=True, kinds=()))

    def build(task: TaskHops, context: Any) -> Sequence[Agent]:
        stages: Any = world("live", True).build(task, context)
        return [OneUlpOff(stage) if stage.name == "feature" else stage for stage in stages]

    replay = MemoryReplay(plan_of(recording, split=True), build=build)
    replay.run()
    parity = compare(replay.plan, replay.log)
    assert not parity.identical
    first = parity.first_divergence
    assert first is not None
    assert (first["topic"], first["seq"], first["kind"], first["fields"]) == ("features", 17, "changed", ["values"])
    was, now = first["recorded"]["values"], first["replayed"]["values"]
    assert [a == b for a, b in zip(was, now, strict=True)] == [True, True, False, *[True] * (len(was) - 3)]


def test_two_replays_give_the_same_and_what_each_writes_is_numbered_without_hole_or_repeat() -> None:
    recording = open_recording(recorded(5, kinds=("crash", "halt", "limits", "clock")))
    first, parity = replayed(recording, split=False)
    again, second = replayed(recording, split=False, run="r2")
    assert parity.identical
    assert parity.digest == second.digest
    for replay in (first, again):
        tape, found = Tape(replay.log, Shape(recording.source, replay.plan.namespace)), Findings()
        said = check_numbers(tape, found)
        check_readers(tape, 5, 1, found)
        assert found.messages == []
        assert len(said["scores", 0, "hot"]) == parity.compared["scores"]


def asked(
    recording: Recording, *, split: bool, cut: Cut, model: dict[str, Any] | None, share: float = 0.0
) -> tuple[MemoryReplay, Parity]:
    plan = plan_of(recording, split=split, model=model, simulated=True)
    replay = MemoryReplay(plan, cut=cut, fault=dying(cut.seed, share))
    replay.run()
    return replay, compare(replay.plan, replay.log)


@pytest.mark.parametrize("since_ns", [None, START_NS + 180_000_000])
def test_two_replays_of_a_candidate_that_was_never_live_give_the_same_bytes(since_ns: int | None) -> None:
    recording = open_recording(recorded(4, kinds=("crash", "halt", "limits")), since_ns=since_ns)
    weights = [-w for w in recording.opening.model["weights"]]
    artefact = {k: v for k, v in recording.opening.model.items() if k != "sha256"}
    candidate = sign({**artefact, "weights": weights})
    ran = [
        asked(recording, split=split, cut=Cut(seed, records_max=records_max), model=candidate, share=share)
        for split, seed, records_max, share in ((False, 1, 3, 0.0), (False, 2, 60, 0.02), (True, 3, 11, 0.0))
    ]
    orders = []
    for replay, parity in ran:
        assert not parity.identical
        assert parity.first_divergence is not None
        assert parity.first_divergence["topic"] == "scores", "the first thing that the model changes"
        topic = replay.plan.topic("orders.intent")
        orders.append([
            (r.key, r.value) for r in replay.log.scan(topic, 0, 0, committed=True)
            if r.header is not None and unpack(r.header).schema != END.number
        ])  # fmt: skip
    assert ran[0][1].digest == ran[1][1].digest
    assert len(orders[0]) > 3
    assert orders[0] == orders[1] == orders[2]


def test_what_people_had_said_holds_in_a_question_too() -> None:
    """A run that was halted for good before its first intent lets none through, whoever asks."""
    log = recorded(4, kinds=())
    free, _ = asked(open_recording(log), split=False, cut=Cut(), model=None)
    append(log, Halt(scope="all", state="HALTED", author="a", reason="r", ts=START_NS))
    halted, _ = asked(open_recording(log), split=False, cut=Cut(), model=None)
    through = [sum(1 for _ in r.log.scan(r.plan.topic("orders"), 0, 0, committed=True)) - 1 for r in (free, halted)]
    assert through[0] > 0
    assert through[1] == 0


def test_nothing_recorded_is_refused_in_one_line() -> None:
    with pytest.raises(SnapshotError, match="no run was opened"):
        open_recording(MemoryLog())
    log = recorded(1, kinds=())
    with pytest.raises(ConfigError, match="nothing to replay"):
        open_recording(log, since_ns=START_NS + 10**15)


def test_a_run_of_its_own_can_write_nowhere_else() -> None:
    """Each way to the log that there is, tried with the name of a live order topic."""
    log = MemoryLog()
    log.create([TopicSpec("orders"), TopicSpec("replay.r1.orders")])
    guarded = GuardedLog(log, "replay.r1.")
    with pytest.raises(ConfigError, match="may not write there"):
        guarded.appender().append("orders", 0, b"", b"", b"")
    with pytest.raises(ConfigError, match="may not write there"):
        guarded.writer("risk")
    writer = guarded.writer("replay.r1.risk")
    writer.begin()
    with pytest.raises(ConfigError, match="may not write there"):
        writer.append("orders", 0, b"", b"", b"")
    with pytest.raises(ConfigError, match="may not write there"):
        writer.append("replay.r10.orders", 0, b"", b"", b"")
    with pytest.raises(ConfigError, match="may not write there"):
        guarded.create([TopicSpec("orders.intent")])
    with pytest.raises(ConfigError, match="may not write there"):
        GuardedLog(log, "")
    writer.append("replay.r1.orders", 0, b"", b"", b"")
    writer.commit()
    assert log.bounds("orders", 0) == (0, 0)
