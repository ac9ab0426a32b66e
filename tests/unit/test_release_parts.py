"""Parts of a release: its id, the record that decides, who may work on a run, what doctor says, whose a number is."""

from __future__ import annotations

import json
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest

from agents.builds import check_run
from agents.context import context_of, read_context
from agents.handover import clock_ticks, complete, waits_for
from agents.live_plan import LivePlan, load_topology
from agents.opening import open_live
from agents.release_cut import announce
from agents.release_report import AtWork, Span, spans, written_by
from agents.release_watch import Release, ReleaseWatch, release_of
from agents.strategy import KIND_2, Strategy
from agents.successor import Successor
from agents.topology import FUSED, TaskHops
from operations import releases
from schemas.catalog import CLOCK
from schemas.control import RunOpened, TaskStart
from schemas.errors import BrokerError, ConfigError, SnapshotError
from schemas.header import Header, pack
from streams.build import build_hash
from streams.clock import wall_ns
from streams.log import TopicSpec
from streams.memory import MemoryLog
from streams.people import append
from streams.snapshot import TaskState, record_header, to_bytes
from streams.state_bytes import dump, load


def plan_with(folder: Path, rest_ms: int) -> LivePlan:
    file = folder / f"rest{rest_ms}.toml"
    file.write_text(f"[strategy]\nrest_ms = {rest_ms}\n")
    return load_topology(file)


def snapshot(log: MemoryLog, task: TaskHops, run: str, left_to: str = "", **outputs: int) -> None:
    writer = log.writer(task.name)
    writer.begin()
    values = {
        "run": run, "build": build_hash(), "left_to": left_to, "input": {"offset": 7, "ordinal": 9},
        "outputs": {name: [seq, 0] for name, seq in outputs.items()},
    }  # fmt: skip
    stages = task.build(read_context(log, ""))
    state = TaskState(values, [s.snapshot(s.start()) for s in stages], [None] * len(stages))
    header = record_header(task.name, 1, 0)
    writer.append("state", task.state_partition, task.name.encode(), to_bytes(state), header)
    writer.commit()


def opened() -> tuple[MemoryLog, RunOpened]:
    log = MemoryLog()
    return log, open_live(log, load_topology(None))[0]


def test_a_release_is_named_by_what_computes_and_by_nothing_else() -> None:
    opening = load_topology(None).opening("r")
    other: list[dict[str, Any]] = [
        {"build": "f" * 64}, {"model": {**opening.model, "sha256": "f" * 64}}, {"strategy": "s"},
        {"view": [{"family": "spread"}]}, {"code": [{"kind": "strategy", "load": "x", "sha256": "y"}]},
        {"parameters": {**opening.parameters, "rest_ms": 1}},
    ]  # fmt: skip
    ids = {release_of(msgspec.structs.replace(opening, **changed)) for changed in ({}, *other)}
    assert len(ids) == 1 + len(other)
    same = msgspec.structs.replace(opening, run="x", account="y", seed=9, limits={}, starts={"hot": start(1)})
    assert release_of(same) == release_of(opening)


def start(seq: int) -> TaskStart:
    return TaskStart(offset=seq, inputs=seq, seqs={"features": seq, "scores": seq, "orders.intent": 0})


def test_of_two_cuts_at_once_the_first_counts_and_the_same_one_is_made_once(tmp_path: Path) -> None:
    log, before = opened()
    first, other = plan_with(tmp_path, 10), plan_with(tmp_path, 20)
    slow, twin = ReleaseWatch(log), ReleaseWatch(log)
    made = announce(log, ReleaseWatch(log), first, "a", "b")
    with pytest.raises(ConfigError, match="another release is under way"):
        announce(log, slow, other, "a", "b")
    assert announce(log, twin, first, "c", "d").opening.run == made.opening.run
    watch = ReleaseWatch(log)
    assert watch.cut == made
    assert made.from_run == before.run


def test_the_successor_opens_when_all_have_left_and_not_before(tmp_path: Path) -> None:
    log, before = opened()
    watch = ReleaseWatch(log)
    for task in FUSED:
        snapshot(log, task, before.run)
    made = announce(log, watch, plan_with(tmp_path, 10), "a", "b")
    for at, task in enumerate(FUSED):
        assert waits_for(log, made) == [later.name for later in FUSED[at:]]
        assert complete(log, watch) is None
        snapshot(log, task, before.run, made.opening.run, scores=40 + at)
    run = complete(log, watch)
    assert run is not None
    assert run.run == made.opening.run
    assert run.starts["hot"] == TaskStart(offset=7, inputs=9, seqs={"scores": 41})
    assert complete(log, watch) is None, "it is over"
    assert ReleaseWatch(log).succeeded(before.run)


def test_a_task_that_never_came_up_in_a_run_need_not_leave_it_and_comes_up_in_it_no_more(tmp_path: Path) -> None:
    log, before = opened()
    watch = ReleaseWatch(log)
    bad = announce(log, watch, plan_with(tmp_path, 10), "a", "b")
    for task in FUSED:
        snapshot(log, task, before.run, bad.opening.run)
    assert complete(log, watch) is not None
    back = announce(log, watch, load_topology(None), "a", "rollback")
    late = log.writer("risk")
    for task in FUSED[:2]:
        snapshot(log, task, bad.opening.run, back.opening.run)
    with pytest.raises(ConfigError) as refused:
        check_run(log, bad.opening.run, FUSED[2])
    assert refused.value.kind == "config.other_release"
    run = complete(log, watch)
    assert run is not None
    assert run.run == back.opening.run
    assert run.run != before.run
    with pytest.raises(Exception, match="took this transactional id over"):
        late.begin()


def test_a_run_that_was_left_at_rest_is_cut_over_at_once(tmp_path: Path) -> None:
    log, before = opened()
    watch = ReleaseWatch(log)
    made = announce(log, watch, plan_with(tmp_path, 10), "a", "b")
    assert complete(log, watch, at_rest=True) is not None
    assert watch.run == made.opening.run != before.run
    run, fresh = open_live(log, plan_with(tmp_path, 10))
    assert (run.run, fresh) == (made.opening.run, False)


def test_what_comes_up_with_the_successors_files_completes_a_cut_that_nobody_watches(tmp_path: Path) -> None:
    log, _ = opened()
    made = announce(log, ReleaseWatch(log), plan_with(tmp_path, 10), "a", "b")
    with pytest.raises(ConfigError, match="a release cut is under way"):
        open_live(log, plan_with(tmp_path, 20))
    run, fresh = open_live(log, plan_with(tmp_path, 10))
    assert (run.run, fresh) == (made.opening.run, True)


def test_junk_and_cuts_from_other_runs_change_nothing(tmp_path: Path) -> None:
    log, before = opened()
    made = announce(log, ReleaseWatch(log), plan_with(tmp_path, 10), "a", "b")
    other = MemoryLog()
    open_live(other, load_topology(None))
    append(other, msgspec.structs.replace(made, from_run="another"))
    other.appender().append("control", 0, b"", b"{", None)
    watch = ReleaseWatch(other)
    assert (watch.run, watch.cut) == (before.run, None)


def test_each_number_is_told_its_release_also_where_a_run_wrote_nothing() -> None:
    first = load_topology(None).opening("one")
    second = msgspec.structs.replace(first, run="two", build="2" * 64, starts={"hot": start(10)})
    third = msgspec.structs.replace(first, run="three", build="3" * 64, starts={"hot": start(10)})
    history = [Release(opening, None) for opening in (first, second, third)]
    scores = [span for span in spans(history) if span.topic == "scores"]
    assert [(span.run, span.first, span.end) for span in scores] == [("one", 0, 10), ("three", 10, None)]
    found: list[Span | None] = [written_by(history, "scores", "hot", seq) for seq in (0, 9, 10, 999)]
    assert [span.run for span in found if span is not None] == ["one", "one", "three", "three"]
    assert written_by(history, "elsewhere", "hot", 0) is None


def test_doctor_names_builds_that_differ() -> None:
    mine, other = AtWork("hot", "r", "a" * 64), AtWork("risk", "r", "b" * 64)
    well = releases.judge("rel-1", "a" * 64, "r", [mine], "tapedeck")
    assert (well.status, well.found) == ("ok", f"rel-1, build {'a' * 12}")
    mixed = releases.judge("rel-1", "a" * 64, "r", [mine, other], "tapedeck")
    assert mixed.status == "fail"
    assert f"risk: build {'b' * 12}" in mixed.found
    behind = releases.judge("rel-1", "a" * 64, "r2", [mine, AtWork("venue")], "tapedeck")
    assert (behind.status, "hot" in behind.found) == ("warn", True)


def test_doctor_tells_of_a_cut_under_way(tmp_path: Path) -> None:
    log, _ = opened()
    assert [finding.status for finding in releases.findings(log, "tapedeck")] == ["ok"]
    announce(log, ReleaseWatch(log), plan_with(tmp_path, 10), "a", "b")
    (finding,) = releases.findings(log, "tapedeck")
    assert finding.status == "warn"
    assert "normalise, hot, risk, venue" in finding.found
    assert releases.findings(MemoryLog(), "tapedeck") == []


def test_positions_and_what_is_unanswered_carry_over_by_instrument_not_by_slot() -> None:
    plan = load_topology(None)
    few = context_of(plan.opening("r"), plan.definitions[1:], plan.folder)
    many = context_of(plan.opening("r2"), plan.definitions, plan.folder)
    before = Strategy(few)
    state = before.start()
    state.position[:] = range(5, 5 + len(state.position))
    after = Strategy(many)
    held = dict(zip([d.instrument_id for d in few.instruments], state.position.tolist(), strict=True))
    carried = after.restore(before.snapshot(state))
    now = dict(zip([d.instrument_id for d in many.instruments], carried.position.tolist(), strict=True))
    assert {instrument: now[instrument] for instrument in held} == held
    assert [now[i] for i in now if i not in held] == [0]


def test_a_strategys_snapshot_from_before_instruments_were_named_migrates() -> None:
    plan = load_topology(None)
    context = context_of(plan.opening("r2"), plan.definitions, plan.folder)
    strategy = Strategy(context)
    state = strategy.start()
    state.position[:] = 7
    arrays, values = load("strategy/3", strategy.snapshot(state))
    old = dump(KIND_2, arrays, {"answers": values["answers"], "run": "r1"})
    carried = strategy.restore(strategy.migrations[KIND_2](old))
    assert carried.position.tolist() == state.position.tolist()
    assert json.dumps(values["instruments"]) == json.dumps([d.instrument_id for d in context.instruments])


def test_a_supervisor_goes_on_looking_whatever_one_look_met(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agents.successor.LOOK_S", 0.001)
    log, before = opened()
    successor, ended = Successor(log, None), threading.Event()
    met: list[Exception] = [BrokerError("away"), SnapshotError("torn")]

    def look(_run: str, _all_left: bool) -> RunOpened | None:
        if met:
            raise met.pop()
        ended.set()
        return msgspec.structs.replace(before, run="next")

    monkeypatch.setattr(successor, "look", look)
    successor.follow(lambda: before.run, lambda: True, ended)
    assert successor.found is not None
    assert successor.found[0].run == "next"


@pytest.mark.parametrize("ahead_s", [-5, 0, 5])
def test_a_clock_that_ticks_is_seen_also_where_the_hosts_clocks_differ(ahead_s: int) -> None:
    log = MemoryLog()
    log.create([TopicSpec("clock")])
    appender = log.appender()

    def tick(seq: int) -> None:
        now = wall_ns() + ahead_s * 1_000_000_000
        header = Header(schema=CLOCK.number, version=1, seq=seq, time=now, writer="clock")
        appender.append("clock", 0, b"", b"{}", pack(header))

    tick(0)
    follows = threading.Timer(0.2, tick, (1,))
    follows.start()
    assert clock_ticks(log)
    follows.join()


def test_what_a_desks_own_migrate_raises_is_one_clear_refusal(monkeypatch: pytest.MonkeyPatch) -> None:
    plan = load_topology(None)
    strategy = Strategy(context_of(plan.opening("r"), plan.definitions, plan.folder))
    data = strategy.snapshot(strategy.start())

    def misspelt(_owner: str, _memory: Any) -> Any:
        raise NameError("nampy")

    monkeypatch.setattr(strategy, "_target", replace(strategy._target, migrate=misspelt))
    monkeypatch.setattr(strategy, "_owner", "another")
    with pytest.raises(SnapshotError, match="NameError: nampy") as refused:
        strategy.restore(data)
    assert refused.value.kind == "snapshot.not_carried"
