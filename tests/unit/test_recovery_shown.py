"""A recovery in progress is seen in top, in doctor and in what `up` says, from what the task has committed."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from agents.topology import topic_specs
from console.live_view import as_line
from console.panel import draw
from console.reporter import Reporter
from operations import tasks
from operations.live_run import TaskFacts
from replay.counted import Counted
from replay.plan import PlayPlan, open_run
from replay.run_figures import RunFigures, TaskFigures
from replay.task_watch import TaskWatch
from replay.watched import watched
from streams.memory import MemoryLog
from streams.recovery import RecoveryProgress
from streams.snapshot import TaskState, record_header, to_bytes

SECOND_NS = 1_000_000_000
RUN = PlayPlan(run="20261123t142501-ab12")
HALF = RecoveryProgress(done=120_000, to_do=1_000_000, elapsed_s=3.0, left_s=22.0)


def commit(log: MemoryLog, *, inputs: int, recovery: Any) -> None:
    """A snapshot of the hot task."""
    hot = next(task for task in RUN.tasks if task.name == "hot")
    writer = log.writer("hot")
    writer.begin()
    place = {"ordinal": inputs, "offset": inputs}
    data = to_bytes(TaskState({"input": place, "snapshots": 1, "done": False, "recovery": recovery}, [], []))
    writer.append(RUN.topic("state"), hot.state_partition, b"hot", data, record_header("hot", 1, 0))
    writer.commit()


def shown(log: MemoryLog, wall_ns: int) -> RecoveryProgress | None:
    watch = TaskWatch(log, watched(log, RUN.run))
    watch.poll(0.0)
    found = watch.figures(Counted({}), ended=False, now_s=0.0, wall_ns=wall_ns, restarts=None)
    return next(task for task in found if task.name == "hot").recovery


def test_top_knows_it_from_the_newest_snapshot_alone() -> None:
    log = MemoryLog()
    log.create(topic_specs(RUN.namespace, RUN.source))
    open_run(log, RUN)
    assert shown(log, 0) is None, "nothing was committed yet"
    commit(log, inputs=110, recovery=[10, 1_010, 5 * SECOND_NS])
    assert shown(log, 15 * SECOND_NS) == RecoveryProgress(done=100, to_do=1_000, elapsed_s=10.0, left_s=90.0)
    commit(log, inputs=1_010, recovery=None)
    assert shown(log, 25 * SECOND_NS) is None


@pytest.mark.parametrize("junk", [[1, 2], "soon", {"first": 1}, [1, 2, "x"]])
def test_what_a_snapshot_of_another_build_says_is_no_recovery(junk: Any) -> None:
    assert RecoveryProgress.told(junk, 5, 0) is None


def test_the_panel_and_the_line_say_how_far_it_is() -> None:
    hot = TaskFigures(name="hot", hops=("feature",), lag=880_000, recovery=HALF)
    figures = RunFigures(run="r", mode="live", source="s", stage="live", tasks=(hot,))
    lines = [line.plain for line in draw(figures, width=80, height=24)]
    assert any("recovering 120,000 of 1.00M, 0:22 left" in line for line in lines)
    assert "hot recovering 120,000 of 1.00M, 0:22 left" in as_line(figures)
    calm = msgspec.structs.replace(figures, tasks=(msgspec.structs.replace(hot, recovery=None),))
    assert not any("recovering" in line.plain for line in draw(calm, width=80, height=24))


def test_doctor_warns_of_it_and_does_not_call_it_behind() -> None:
    found = tasks.judge(
        [TaskFacts("hot", 1_000_000_000 - 500, 900_000, recovery=RecoveryProgress.of(120_000, 1_000_000, 3.0))],
        now_ms=1_000_000_000, opened_ms=1_000_000_000 - 600_000, clock_ms=1_000_000_000, feed_ms=1_000_000_000,
        in_order=lambda: False, program="tapedeck",
    )  # fmt: skip
    hot = next(finding for finding in found if finding.check == "task hot")
    assert hot.status == "warn"
    assert "recovering: 120,000 of 1,000,000 inputs" in hot.found


def test_up_says_so_and_what_it_came_to_and_is_silent_where_it_was_over_at_once() -> None:
    said: list[str] = []
    reporter = Reporter(said.append, {})
    reporter.event({"event": "recovered", "task": "risk", "done": 3, "to_do": 3, "elapsed_s": 0.1})
    assert said == []
    told = {"task": "hot", "done": 120_000, "to_do": 1_000_000}
    reporter.event({"event": "recovering", **told, "elapsed_s": 3.0, "left_s": 22.0})
    reporter.event({"event": "recovered", "task": "hot", "done": 1_000_000, "to_do": 1_000_000, "elapsed_s": 25.04})
    assert said == [
        "hot: recovering 120,000 of 1,000,000 inputs, 0:03 so far, about 0:22 left",
        "hot: recovered, 1,000,000 inputs in 25.0 s",
    ]


def test_where_metrics_listen_is_told_once_and_where_they_cannot_is_told_too() -> None:
    said: list[str] = []
    reporter = Reporter(said.append, {})
    for _ in range(2):
        reporter.event({"event": "ready", "task": "hot", "metrics_port": 9403})
    reporter.event({"event": "no_metrics", "task": "venue", "code": "config.metrics_port", "message": "taken"})
    reporter.event({"event": "ready", "task": "venue", "metrics_port": None})
    assert said == ["hot: metrics at port 9403", "taken"]
    assert reporter.metrics == {"hot": 9403}
