"""Faults of tasks: killed, stopped, doubled, and held down."""

from __future__ import annotations

import signal

from chaos.kinds import Arguments
from chaos.orders import FAILPOINT, HOLD
from chaos.scene import BACK_S_MAX, Scene
from streams.failpoints import STARTING

PASSED_S_MAX = 8.0
"""A failpoint that is not passed within this long is given up."""


def kill(scene: Scene, arguments: Arguments) -> bool:
    """SIGKILL at any moment."""
    return scene.kill(arguments["task"])


def failpoint(scene: Scene, arguments: Arguments) -> bool:
    """SIGKILL where the runner passes a named point; one of a life's beginning is met by the next life."""
    task, point = arguments["task"], arguments["point"]
    with scene.alone(task):
        pid = scene.wait_up(task)
        if pid is None:
            return False
        starting = point in STARTING
        scene.orders.give(task, FAILPOINT, point=point, after=1 if starting else arguments["after"])
        if starting:
            scene.kill(task)
        met = scene.wait(
            lambda: not scene.orders.stands(task, FAILPOINT), BACK_S_MAX if starting else PASSED_S_MAX
        )  # fmt: skip
        return met or not scene.orders.take(task, FAILPOINT)


def pause_twin(scene: Scene, arguments: Arguments) -> bool:
    """SIGSTOP it, let a twin take over, SIGCONT it: it must be shut out; its successor then shuts out the twin."""
    task = arguments["task"]
    with scene.alone(task):
        pid = scene.wait_up(task)
        if pid is None:
            return False
        scene.signal(pid, signal.SIGSTOP)
        try:
            with scene.twin(task) as twin:
                took_over = twin.wait_ready(BACK_S_MAX)
                scene.sleep(arguments["for_s"])
                scene.signal(pid, signal.SIGCONT)
                scene.wait(lambda: scene.gone(task, pid), BACK_S_MAX)
                twin.gone_within(BACK_S_MAX)
        finally:
            scene.signal(pid, signal.SIGCONT)
        return took_over


def two_at_once(scene: Scene, arguments: Arguments) -> bool:
    """Start it a second time: the second shuts the first out, and the first's successor the second."""
    task = arguments["task"]
    with scene.alone(task):
        if scene.wait_up(task) is None:
            return False
        with scene.twin(task) as twin:
            came_up = twin.wait_ready(BACK_S_MAX)
            twin.gone_within(BACK_S_MAX)
        return came_up


def outage(scene: Scene, arguments: Arguments) -> bool:
    """Kill tasks and let no life of theirs begin for a while; feed and clock go on."""
    tasks = arguments["tasks"]
    with scene.alone(*tasks):
        for task in tasks:
            scene.orders.give(task, HOLD)
            scene.kill(task)
        try:
            scene.sleep(arguments["for_s"])
        finally:
            for task in tasks:
                scene.orders.take(task, HOLD)
        for task in tasks:
            scene.wait_up(task)
    return True
