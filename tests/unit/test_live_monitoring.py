"""A monitor beside a live run's tasks: what it is told, and what a release does to it."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import pytest

from agents.live import HEALTH_END_S_MAX, LiveSession
from agents.live_plan import LivePlan, load_topology
from agents.supervisor import Supervisor
from agents.worker_spec import WorkerSpec
from streams.memory import MemoryLog

WATCHED = "[monitoring]\nfeed_health = true\nwindow_s = 7\n"


class Processes:
    """Stands in for a supervisor: all that was started has left when it is asked."""

    def __init__(self) -> None:
        self.said: list[tuple[str, str]] = []
        self.specs: dict[str, WorkerSpec] = {}

    def start(self, spec: WorkerSpec) -> None:
        self.specs[spec.task] = spec
        self.said.append(("start", spec.task))

    def end(self, task: str, timeout_s: float) -> bool:
        self.said.append(("end", task))
        return task != "health" or timeout_s > HEALTH_END_S_MAX

    def wait_ready(self, _should_stop: Any) -> None:
        return

    def is_done(self, _task: str) -> bool:
        return True


class Found:
    """What a release led to."""

    def __init__(self, plan: LivePlan) -> None:
        self.found = (plan.opening("r2"), plan)


class _Log(MemoryLog):
    bootstrap = "localhost:1"


def planned(folder: Path, extra: str) -> LivePlan:
    (file := folder / "topology.toml").write_text(extra)
    return load_topology(file)


def session(plan: LivePlan) -> tuple[LiveSession, Processes]:
    processes = Processes()
    made = LiveSession(cast(Any, _Log()), plan, None, lambda _event: None, supervisor=cast(Supervisor, processes))
    made.opened = plan.opening("r1")
    made._start(made.names)
    return made, processes


def test_a_monitor_starts_last_ends_last_and_how_it_ended_is_nobody_s_concern(tmp_path: Path) -> None:
    made, processes = session(planned(tmp_path, WATCHED))
    assert processes.said[-1] == ("start", "health")
    spec = processes.specs["health"]
    assert (spec.expendable, spec.module, spec.window_s, spec.metrics_port) == (
        True, "monitoring.health_worker", 7, None
    )  # fmt: skip
    assert not any(spec.expendable for name, spec in processes.specs.items() if name != "health")
    processes.said.clear()
    assert made.drain(lambda _task: None), "in order, though the monitor had to be killed"
    assert processes.said[-2:] == [("end", "clock"), ("end", "health")]


@pytest.mark.parametrize(
    ("before", "after", "done"),
    [
        ("", WATCHED, [("start", "health")]),
        (WATCHED, "", [("end", "health")]),
        (WATCHED, WATCHED.replace("7", "8"), [("end", "health"), ("start", "health")]),
        (WATCHED, WATCHED, []),
    ],
)
def test_a_monitor_goes_on_through_a_release_unless_that_asks_for_another_or_for_none(
    tmp_path: Path, before: str, after: str, done: list[tuple[str, str]]
) -> None:
    made, processes = session(planned(tmp_path, before))
    processes.said.clear()
    made._successor = cast(Any, Found(planned(tmp_path, f"[strategy]\nrest_ms = 100\n{after}")))
    made._follow_release()
    assert [said for said in processes.said if said[1] == "health"] == done
    assert ("health" in made.names) == bool(after)
    assert ("start", "hot") in processes.said
