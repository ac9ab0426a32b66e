"""What ``doctor`` finds in a live run: tasks by their commits, clocks by what the tape carries; on the memory log."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace

import msgspec
import pytest

from agents.context import context_of
from agents.topology import HOP_FACTORIES, PRIMARY, topic_specs
from feeds.definitions import DEFINITIONS
from operations import clocks, live_run, tasks
from operations.clocks import KernelClock
from operations.finding import Finding
from operations.live_run import TaskFacts
from replay.plan import PlayPlan
from schemas.catalog import DECISION, HALT, RUN
from schemas.codec import encode
from schemas.control import Halt
from schemas.document import Document
from schemas.header import HOP_NUMBER, Header, no_stamps, pack
from streams.memory import MemoryLog
from streams.snapshot import TaskState, record_header, to_bytes

NOW_MS = 1_000_000_000
NAMES = ("normalise", "hot", "risk", "venue")
SECOND_NS = 1_000_000_000
RUN_LIVE = msgspec.structs.replace(PlayPlan(run="one").opening(), mode="live")


def judged(
    facts: Sequence[TaskFacts],
    *,
    open_s: int = 600,
    clock_s: float | None = 0.1,
    feed_s: float | None = 0.1,
    in_order: bool = False,
) -> list[Finding]:
    """Findings on a run opened so long ago, whose clock and feed were last heard so long ago."""
    return tasks.judge(
        facts, now_ms=NOW_MS, opened_ms=NOW_MS - open_s * 1_000,
        clock_ms=None if clock_s is None else NOW_MS - int(clock_s * 1_000),
        feed_ms=None if feed_s is None else NOW_MS - int(feed_s * 1_000), in_order=lambda: in_order,
        program="tapedeck",
    )  # fmt: skip


def fact(name: str, age_s: float | None = 1.0, lag: int = 0) -> TaskFacts:
    return TaskFacts(name, None if age_s is None else NOW_MS - int(age_s * 1_000), lag)


def with_task(changed: TaskFacts) -> list[TaskFacts]:
    return [changed if name == changed.name else fact(name) for name in NAMES]


def by_check(findings: Sequence[Finding]) -> dict[str, Finding]:
    return {finding.check: finding for finding in findings}


def test_a_run_that_commits_is_well() -> None:
    found = judged([fact(name, lag=7) for name in NAMES])
    assert [(f.check, f.status) for f in found] == [("tasks", "ok"), ("clock", "ok"), ("feed", "ok")]
    assert found[0].found == "normalise, hot, risk, venue: alive, lag at most 7 records"


def test_a_task_that_is_silent_beside_others_has_stalled() -> None:
    found = by_check(judged(with_task(fact("risk", age_s=200.0, lag=1_234))))
    assert found["task risk"].status == "fail"
    assert found["task risk"].found == "stalled: lag 1,234 records, last commit 3 min 20 s ago"
    assert found["task risk"].fix.startswith("tapedeck up --only risk")
    assert found["tasks"].found.startswith("normalise, hot, venue: alive")


def test_a_task_that_has_stalled_before_any_input_came_is_found_all_the_same() -> None:
    assert by_check(judged(with_task(fact("risk", age_s=31.0))))["task risk"].status == "fail"
    assert "task risk" not in by_check(judged(with_task(fact("risk", age_s=29.0))))


def test_a_task_that_never_committed_is_starting_at_first_and_has_failed_later() -> None:
    assert by_check(judged(with_task(fact("hot", None)), open_s=20))["task hot"].status == "warn"
    assert by_check(judged(with_task(fact("hot", None)), open_s=600))["task hot"].status == "fail"


def test_a_task_that_commits_and_falls_behind_is_a_warning() -> None:
    assert by_check(judged(with_task(fact("hot", lag=20_000))))["task hot"].status == "warn"


def test_a_torn_snapshot_fails() -> None:
    torn = TaskFacts("hot", None, 0, torn=True)
    assert by_check(judged(with_task(torn)))["task hot"].status == "fail"


def test_a_topology_of_which_nothing_runs_is_one_warning() -> None:
    (found,) = judged([fact(name, age_s=300.0, lag=5) for name in NAMES], clock_s=301.0, feed_s=301.0)
    assert (found.check, found.status, found.fix) == ("live topology", "warn", "tapedeck up")
    assert "silent for 5 min" in found.found
    (never,) = judged([fact(name, None) for name in NAMES], clock_s=None, feed_s=None)
    assert never.status == "warn"


def test_a_clock_that_stands_still_fails_and_a_silent_feed_is_a_warning() -> None:
    well = [fact(name) for name in NAMES]
    assert by_check(judged(well, clock_s=5.0))["clock"].status == "fail"
    assert by_check(judged(well, clock_s=None))["clock"].fix == "tapedeck up --only clock"
    assert by_check(judged(well, feed_s=90.0))["feed"].status == "warn"


def test_the_inputs_that_doctor_knows_are_the_agents_own() -> None:
    context = context_of(PlayPlan(run="r").opening(), DEFINITIONS)
    assert {name: build(context).reads for name, build in HOP_FACTORIES.items()} == PRIMARY


def test_a_topology_that_ended_in_order_is_well() -> None:
    (found,) = judged([fact(name, age_s=300.0) for name in NAMES], clock_s=301.0, feed_s=301.0, in_order=True)
    assert (found.check, found.status, found.fix) == ("live topology", "ok", "tapedeck up")
    assert found.found.endswith("ended in order")


def opened_log(*documents: tuple[Document, int]) -> MemoryLog:
    """A log with live topics whose control holds the documents."""
    log = MemoryLog()
    log.create(topic_specs("", "simulator"))
    appender = log.appender()
    for seq, (document, schema) in enumerate(documents):
        header = Header(schema=schema, version=1, seq=seq, time=0, writer="people", stamps=no_stamps())
        appender.append("control", 0, b"", encode(document), pack(header))
    appender.append("control", 0, b"", b"junk", None)
    return log


def opening(run: str, mode: str) -> tuple[Document, int]:
    return msgspec.structs.replace(PlayPlan(run=run).opening(), mode=mode), RUN.number


def test_the_newest_opening_of_a_live_run_counts() -> None:
    halt = Halt(scope="all", author="a", reason="b", ts=1)
    log = opened_log(opening("one", "live"), opening("two", "live"), opening("three", "play"), (halt, HALT.number))
    found = live_run.opened(log)
    assert found is not None
    assert found.run.run == "two"
    assert live_run.opened(opened_log(opening("three", "play"))) is None
    assert live_run.opened(MemoryLog()) is None


def commit(log: MemoryLog, task: str, hop: str, offset: int) -> None:
    """A snapshot of a task that stands at an offset of its input."""
    state = TaskState({"input": {"ordinal": offset, "offset": offset}, "snapshots": 1}, [], [])
    writer = log.writer(task)
    writer.begin()
    writer.append("state", HOP_NUMBER[hop], task.encode(), to_bytes(state), record_header(task, 1, 0))
    writer.commit()


def test_tasks_and_their_lag_are_read_from_what_they_committed() -> None:
    log = opened_log(opening("one", "live"))
    appender = log.appender()
    for _ in range(5):
        appender.append("orders.intent", 0, b"", b"{}", None)
    commit(log, "risk", "risk", 2)
    found = {task.name: task for task in live_run.tasks(log, RUN_LIVE)}
    assert list(found) == list(NAMES)
    assert (found["risk"].lag, found["risk"].committed_ms) == (3, 0)
    assert found["hot"].committed_ms is None


def test_a_split_deployment_has_a_task_for_each_hop() -> None:
    log = opened_log(opening("one", "live"))
    split = msgspec.structs.replace(RUN_LIVE, split=True)
    found = [task.name for task in live_run.tasks(log, split)]
    assert found == [hop for hop in HOP_FACTORIES if hop != "gateway"]
    external = msgspec.structs.replace(split, gateway="okx")
    assert [task.name for task in live_run.tasks(log, external)] == [*found[:-1], "gateway"]


def test_a_run_ended_in_order_where_nothing_lies_behind_its_commits() -> None:
    log = opened_log(opening("one", "live"))
    assert live_run.ended_in_order(log, RUN_LIVE)
    writer = log.writer("risk")
    writer.begin()
    left = Header(schema=DECISION.number, version=1, seq=0, time=0, writer="risk", stamps=no_stamps())
    writer.append("orders.decision", 0, b"", b"{}", pack(left))
    assert not live_run.ended_in_order(log, RUN_LIVE)


def test_a_task_whose_snapshot_is_torn_is_told_apart() -> None:
    log = opened_log(opening("one", "live"))
    writer = log.writer("risk")
    writer.begin()
    writer.append("state", HOP_NUMBER["risk"], b"risk", b"torn", record_header("risk", 1, 0))
    writer.commit()
    assert [task.name for task in live_run.tasks(log, RUN_LIVE) if task.torn] == ["risk"]


def test_a_clock_that_nobody_keeps_is_a_warning_and_one_that_is_off_as_well() -> None:
    assert clocks.machine(None).status == "unknown"
    assert clocks.machine(KernelClock(False, 0.0, 16.0)).status == "warn"
    assert clocks.machine(KernelClock(True, 0.0002, 0.01)).status == "ok"
    off = clocks.machine(KernelClock(True, -0.2, 0.5))
    assert (off.status, off.fix) == ("warn", clocks.SET_BY_NTP)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="adjtimex is Linux's")
def test_the_kernel_tells_of_its_clock() -> None:
    found = clocks.kernel_clock()
    assert found is None or abs(found.offset_s) < 10.0


def test_a_clock_elsewhere_that_is_ahead_of_ours_is_a_warning() -> None:
    assert clocks.live_clock(5 * SECOND_NS, 5 * SECOND_NS + 1) is None
    ahead = clocks.live_clock(7 * SECOND_NS, 5 * SECOND_NS)
    assert ahead is not None
    assert "2.0 s ahead" in ahead.found


def test_a_broker_on_another_machine_keeps_its_time_to_itself() -> None:
    assert clocks.brokers(["127.0.0.1:9092"]).status == "ok"
    assert clocks.brokers(["127.0.0.1:9092", "kafka-2:9092"]).status == "unknown"


def test_the_venues_clock_is_judged_by_the_median_tick() -> None:
    lags = [SECOND_NS, 2 * SECOND_NS, 900 * SECOND_NS]
    (usual,) = clocks.feed_skew(lags, 0, SECOND_NS)
    assert usual.status == "ok"
    assert "+2,000.0 ms" in usual.found
    assert [f.status for f in clocks.feed_skew([-6 * SECOND_NS], 0, SECOND_NS)] == ["warn"]
    assert [f.status for f in clocks.feed_skew([], 0, SECOND_NS)] == ["unknown"]
    assert [f.check for f in clocks.feed_skew(lags, 9 * SECOND_NS, SECOND_NS)] == ["feed clock", "feed skew"]


@pytest.mark.parametrize("age_s", [1.0, 600.0], ids=["just now", "long ago"])
def test_a_task_that_halted_since_too_much_was_refused_is_told_as_such_however_long_ago(age_s: float) -> None:
    halted = replace(fact("normalise", age_s, 7), halted=(501, 1_000))
    others = [fact(name, age_s) for name in NAMES[1:]]
    found = by_check(judged([halted, *others], clock_s=age_s, feed_s=age_s))["task normalise"]
    assert (found.status, found.found) == ("fail", "halted: 501 of 1,000 inputs were refused")
    assert found.fix.startswith("tapedeck dlq list")
