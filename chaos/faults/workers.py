"""Workers come and go: partitions move while their tasks have transactions open, or are still recovering."""

from __future__ import annotations

from chaos.faults.people import LOCK
from chaos.kinds import Arguments
from chaos.scene import BACK_S_MAX, Scene

JOINED_S_MAX = 45.0
"""How long the group may take to give a second worker its share: a session of a member that was lost, and more."""


def rebalance(scene: Scene, arguments: Arguments) -> bool:
    """A second worker joins and leaves, in order or killed; then the first has all again."""
    with scene.alone(LOCK, *scene.tasks):
        if scene.over.is_set():  # it waited for others for too long
            return False
        with scene.second_worker() as worker:
            if arguments["during"] == "recovery":
                moved = scene.wait(lambda: worker.recovers, JOINED_S_MAX)
            else:
                moved = scene.wait(lambda: worker.works, JOINED_S_MAX)
                scene.sleep(arguments["for_s"])
            worker.leave(killed=arguments["leaves"] == "killed")
        scene.wait(lambda: all(scene.pid(task) is not None for task in scene.tasks), BACK_S_MAX)
    return moved
