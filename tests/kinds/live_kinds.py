"""What is wrong with a desk's own project, with a live topology, and with a simulated session."""

from __future__ import annotations

import itertools
import threading
from pathlib import Path
from typing import Any

import msgspec

from agents.builds import check_build
from agents.context import context_of
from agents.live import LiveSession
from agents.live_plan import LivePlan, load_topology
from agents.opening import open_live
from agents.plugins import strategy_of
from agents.release_cut import announce
from agents.release_watch import ReleaseWatch
from agents.risk import Risk
from agents.settled import check_settled
from agents.strategy import Strategy
from agents.successor import Successor
from agents.target import Target
from agents.touch_pressure import STRATEGY
from agents.warm import warm
from feeds.simulator import simulate
from schemas.catalog import CLOCK, EXECUTION
from schemas.header import Header, pack
from streams.clock import wall_ns
from streams.memory import MemoryLog
from streams.metrics_server import Endpoint
from streams.snapshot import TaskState
from streams.snapshot import check_build as check_taken_by
from streams.state_bytes import dump
from streams.succession import Succession, carried_over, check_left
from streams.task_plan import TaskPlan
from streams.ticker import WRITER
from tests.golden.test_golden_bytes import DOCUMENTS
from tests.kinds.log_kinds import waited
from tests.kinds.registry import Desk, Trigger, trigger
from tests.kinds.use_kinds import ran

# ---- a project of the desk's own


def project(desk: Desk) -> Path:
    """What ``tapedeck init`` writes."""
    from console.main import main

    assert main(["init", str(desk.folder / "mine"), "--json"]) == 0
    return desk.folder / "mine"


def changed(desk: Desk, file: str, before: str, after: str) -> LivePlan:
    path = project(desk) / file
    text = path.read_text(encoding="utf-8")
    assert before in text
    path.write_text(text.replace(before, after), encoding="utf-8")
    return load_topology(path.parent / "topology.toml")


def mistake(file: str, before: str, after: str) -> Trigger:
    return lambda desk: changed(desk, file, before, after)


trigger("config.bad_key")(mistake("topology.toml", "[venue]", "[venues]"))
trigger("config.feed_conflict")(mistake("topology.toml", '"simulator"  ', '"captures"  '))
trigger("config.no_instrument")(mistake("topology.toml", "spot:BTCUSDT", "XYZ"))
trigger("config.no_parameter")(mistake("topology.toml", "full_bps", "fullness"))
trigger("config.bad_size")(mistake("topology.toml", '"0.2"', '"much"'))
trigger("config.bad_view")(mistake("view.toml", '"spread"', '"spraed"'))
trigger("config.no_column")(mistake("model.toml", "touch_imbalance", "touch_balance"))
trigger("config.plugin_missing")(mistake("topology.toml", "strategy.py:", "missing.py:"))
trigger("config.plugin_import")(mistake("strategy.py", "STEPS = 4", "STEPS = 1 / 0"))
trigger("config.plugin_type")(mistake("topology.toml", ":STRATEGY", ":STEPS"))
trigger("config.plugin_rules")(lambda _: Target("two words", STRATEGY.kernel))
trigger("config.bad_name")(lambda desk: ran(desk, "init", "9lives"))


@trigger("config.folder_in_use")
def a_folder_that_holds_something(desk: Desk) -> Any:
    desk.file("")
    desk.patch.chdir(desk.folder.parent)
    return ran(desk, "init", project(desk))


@trigger("config.plugin_compile")
def a_kernel_that_numba_does_not_know(desk: Desk) -> Any:
    plan = changed(desk, "strategy.py", "share = min(", "share = open('x') or min(")
    context = context_of(plan.opening("r"), plan.definitions, plan.folder)
    return warm([Strategy(context)], context)


@trigger("config.code_changed")
def a_strategy_that_was_changed_under_its_run(desk: Desk) -> Any:
    folder = project(desk)
    plan = load_topology(folder / "topology.toml")
    context = context_of(plan.opening("r"), plan.definitions, folder)
    with (folder / "strategy.py").open("a") as file:
        file.write("# a remark\n")
    return strategy_of(context)


# ---- a live topology


def opened() -> tuple[Any, LivePlan]:
    log, plan = MemoryLog(), load_topology(None)
    open_live(log, plan)
    return log, plan


@trigger("config.live_already")
def a_clock_that_still_ticks(desk: Desk) -> Any:
    log, plan = opened()
    appender = log.appender()

    def tick(seq: int) -> None:
        head = Header(schema=CLOCK.number, version=1, seq=seq, time=wall_ns(), writer=WRITER)
        appender.append("clock", 0, b"", b"{}", pack(head))

    tick(0)
    threading.Timer(0.2, tick, (1,)).start()
    return LiveSession(log, plan, None, lambda _event: None).open()


@trigger("config.metrics_port")
def two_processes_at_one_port(_: Desk) -> Any:
    first = Endpoint("one", [])
    try:
        return Endpoint("two", [], port=first.port)
    finally:
        first.close()


@trigger("config.live_taken")
def topics_of_another_deployment(desk: Desk) -> Any:
    log, _ = opened()
    desk.file("[tasks]\nsplit = true\n", "topology.toml")
    return open_live(log, load_topology(desk.folder / "topology.toml"))


@trigger("config.repartition")
def more_partitions_than_the_live_topics_have(desk: Desk) -> Any:
    log, _ = opened()
    desk.file("[tasks]\npartitions = 4\n", "topology.toml")
    return open_live(log, load_topology(desk.folder / "topology.toml"))


trigger("config.bad_partitions")(lambda desk: ran(desk, "up", "--partitions", "0-3"))


@trigger("config.unsettled")
def a_task_that_left_something_uncommitted(_: Desk) -> Any:
    from schemas.codec import encode

    log, plan = opened()
    head = Header(schema=EXECUTION.number, version=1, seq=0, time=1, writer="venue")
    log.appender().append("executions", 0, b"", encode(DOCUMENTS["execution"]), pack(head))
    return check_settled(log, plan.opening("r"))


@trigger("task_failed.twin")
def two_who_run_one_task(_: Desk) -> Any:
    said = 'print(\'{"event":"error","code":"fenced.taken_over","message":"taken over"}\', flush=True)'
    return waited(f"{said}\nraise SystemExit(3)")


trigger("config.simulation")(lambda _: list(simulate(1.0, 1, activity=0)))


# ---- releases


@trigger("config.other_build")
def a_process_of_another_build(_: Desk) -> Any:
    return check_build(load_topology(None).opening("r"), "f" * 64)


@trigger("config.other_release")
def another_topology_where_one_is_at_work(desk: Desk) -> Any:
    log, _ = opened()
    ticks = itertools.count()
    desk.patch.setattr("agents.handover.last_header", lambda *_: Header(
        schema=CLOCK.number, version=1, seq=next(ticks), time=wall_ns(), writer=WRITER
    ))  # fmt: skip
    return open_live(log, slower(desk, 20))


@trigger("config.same_release")
def a_cut_to_what_runs(_: Desk) -> Any:
    log, plan = opened()
    return announce(log, ReleaseWatch(log), plan, "a", "b")


@trigger("config.cut_pending")
def a_cut_while_another_is_under_way(desk: Desk) -> Any:
    log, _ = opened()
    announce(log, ReleaseWatch(log), slower(desk, 20), "a", "b")
    return announce(log, ReleaseWatch(log), slower(desk, 30), "a", "b")


@trigger("config.release_elsewhere")
def a_release_whose_files_are_elsewhere(_: Desk) -> Any:
    log, plan = opened()
    return Successor(log, None).plan_of(msgspec.structs.replace(plan.opening("r"), build="f" * 64))


@trigger("snapshot.not_carried")
def positions_of_a_kind_that_nobody_knows(_: Desk) -> Any:
    plan = load_topology(None)
    risk = Risk(context_of(plan.opening("r"), plan.definitions, plan.folder))
    return carried_over([risk], TaskState({"run": "before"}, [dump("risk/0", {}, {})], [None]))


@trigger("snapshot.other_code")
def records_that_only_other_code_makes_again(_: Desk) -> Any:
    return check_left(False, TaskPlan(name="risk", namespace="", source="s", run="r"), Succession("before", ""))


@trigger("snapshot.other_build")
def a_snapshot_that_other_code_took_within_the_run(_: Desk) -> Any:
    return check_taken_by({"build": "e" * 64}, "f" * 64, "risk")


def slower(desk: Desk, latency_ms: int) -> LivePlan:
    return load_topology(desk.file(f"[venue]\nlatency_ms = {latency_ms}\n", "topology.toml"))
