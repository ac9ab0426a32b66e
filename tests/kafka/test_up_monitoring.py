"""A desk whose topology asks for a feed-health monitor: it comes up, is brought back, and ends with the desk."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from monitoring.health_topic import written
from streams.clock import sleep_s
from streams.kafka import KafkaLog
from tests.kafka.live_desk import LiveDesk, until


def told(log: KafkaLog) -> int:
    """Windows that were told of ticks."""
    return len({health.window_start for _, health in written(log, "") if health.ticks})


@pytest.mark.long
def test_a_monitor_that_is_killed_comes_back_and_ends_with_the_desk(
    desk: LiveDesk, desk_log: KafkaLog, tmp_path: Path
) -> None:
    (tmp_path / "topology.toml").write_text("[monitoring]\nfeed_health = true\nwindow_s = 1\n")
    up = desk.start("up", "--json", cwd=tmp_path)
    until(lambda: told(desk_log) > 1, "windows are told")
    before, tasks = told(desk_log), desk.workers(up)
    os.kill(tasks["health"], signal.SIGKILL)
    until(lambda: told(desk_log) > before, "it goes on")
    now = desk.workers(up)
    assert now.pop("health") != tasks.pop("health")
    assert now == tasks, "no task was touched"
    os.kill(desk.workers(up)["health"], signal.SIGSTOP)  # one that hangs holds nothing up
    code, said, errors = desk.end(up, signal.SIGTERM)
    assert (code, said["in_order"], said["restarts"]) == (0, True, {"health": 1}), errors
    assert "health died" in errors
    sleep_s(0.1)
    assert not desk.workers(up)
