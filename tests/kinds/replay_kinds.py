"""What a replay is asked for and cannot give."""

from __future__ import annotations

from typing import Any

import msgspec

from replay.candidate import candidate_of
from replay.known import check_builds
from replay.plan import PlayPlan, open_run
from replay.recording import Recording
from replay.replay_plan import ReplayPlan
from replay.replay_what import asked_for
from replay.shadow import open_shadow
from replay.shadow_plan import ShadowPlan, check_name
from replay.spans import open_recording
from replay.stress import stress_of
from schemas.catalog import RAW
from schemas.header import Header, pack
from streams.guarded import GuardedLog
from streams.memory import MemoryLog
from streams.people import append
from streams.snapshot import TaskState, record_header, to_bytes
from tests.kinds.registry import Desk, trigger

PLAN = PlayPlan(run="r")


def recorded(*times: int) -> MemoryLog:
    """A run whose payloads were received then."""
    log = MemoryLog()
    open_run(log, PLAN)
    for seq, time in enumerate(times):
        header = Header(schema=RAW.number, version=1, seq=seq, time=time, writer=PLAN.source)
        log.appender().append(PLAN.topic("raw.<source>"), 0, b"k", b"{}", pack(header))
    return log


def with_states(log: MemoryLog, offset: int) -> MemoryLog:
    """The same, and each task's state where so many payloads had been taken."""
    values = {"input": {"offset": offset, "seqs": {}}, "sides": {}, "outputs": {}}
    for task in PLAN.tasks:
        header = record_header(task.name, 0, 0)
        log.appender().append(
            PLAN.topic("state"), task.state_partition, task.name.encode(), to_bytes(TaskState(values, [], [])), header
        )  # fmt: skip
    return log


@trigger("config.nothing_recorded")
def an_empty_day(_: Desk) -> Any:
    return open_recording(recorded(), PLAN.namespace)


@trigger("config.clock_leaps")
def a_clock_that_was_set_to_next_week_and_back(_: Desk) -> Any:
    leapt = recorded(10**18, 10**18 + 7 * 86_400 * 10**9, 10**18 + 1)
    return open_recording(leapt, PLAN.namespace, since_ns=10**18)


@trigger("config.replay_spans")
def a_day_with_a_release_in_it(_: Desk) -> Any:
    log = recorded(1)
    append(log, msgspec.structs.replace(PLAN.opening(), run="r2"), namespace=PLAN.namespace)
    return open_recording(log, PLAN.namespace)


@trigger("config.replay_build")
def a_recording_of_code_that_is_not_here(_: Desk) -> Any:
    log = MemoryLog()
    open_run(log, PLAN)
    opening = msgspec.structs.replace(PLAN.opening(), build="f" * 64)
    return check_builds([Recording(log, PLAN.namespace, opening, (), {}, {}, {})])


@trigger("config.replay_deployment")
def states_of_split_tasks_for_a_fused_one(_: Desk) -> Any:
    state = TaskState({"input": {"seqs": {}}, "sides": {}, "outputs": {}}, [], [])
    opening = msgspec.structs.replace(PLAN.opening(), split=True)
    states = dict.fromkeys(("normalise", "feature", "score", "strategy", "risk", "venue"), state)
    return ReplayPlan("r", Recording(MemoryLog(), "", opening, (), {}, {}, states)).states()


@trigger("config.outside_namespace")
def a_replay_that_tries_to_be_the_live_risk_task(_: Desk) -> Any:
    return GuardedLog(MemoryLog(), "replay.r.").writer("risk")


@trigger("config.unknown_tape")
def a_misspelt_name(_: Desk) -> Any:
    return asked_for(MemoryLog(), "liv")


@trigger("config.bad_time")
def a_time_in_words(_: Desk) -> Any:
    return asked_for(MemoryLog(), "live", since="soon")


@trigger("snapshot.no_start")
def a_day_whose_beginning_was_removed(_: Desk) -> Any:
    log = recorded(1, 2, 3)
    log.truncate(PLAN.topic("raw.<source>"), 0, 2)
    return open_recording(log, PLAN.namespace)


@trigger("config.replay_removed")
def a_day_whose_lead_in_was_removed(_: Desk) -> Any:
    log = with_states(recorded(1, 2, 3, 4), 1)
    log.truncate(PLAN.topic("raw.<source>"), 0, 2)
    return open_recording(log, PLAN.namespace)


@trigger("config.bad_stress")
def a_fault_without_a_moment(_: Desk) -> Any:
    return stress_of(["gap"], [], 1.0)


def live(model: str = "m") -> ShadowPlan:
    return ShadowPlan("c", Recording(MemoryLog(), "", PLAN.opening(), (), {}, {}, {}), {"sha256": model})


@trigger("config.shadow_taken")
def another_model_under_the_same_name(_: Desk) -> Any:
    log = MemoryLog()
    append(log, live("one").opening, namespace="shadow.c.")
    return open_shadow(log, live("two"))


@trigger("config.shadow_name")
def a_name_with_a_dot(_: Desk) -> Any:
    return check_name("a.b")


@trigger("config.replay_candidate")
def a_topology_of_another_number_of_partitions(desk: Desk) -> Any:
    file = desk.folder / "wide.toml"
    file.write_text('[tasks]\npartitions = 2\n[feed]\nkind = "simulator"\n')
    recording = Recording(MemoryLog(), "", PLAN.opening(), (), {}, {}, {})
    return candidate_of(recording, file, None, None)
