"""Full disks, by a limit on the size of files: an ordinary user may set one, and no other program feels it."""

from __future__ import annotations

import resource
import signal
from contextlib import suppress

from chaos.faults.brokers import LOCK
from chaos.kinds import Arguments
from chaos.scene import Scene

FULL_S = 1.0
"""How long a task goes on with a full disk before it is killed."""


def broker(scene: Scene, arguments: Arguments) -> bool:
    """The broker can write no more, and falls; it is started again with room."""
    with scene.alone(LOCK):
        node = scene.cluster.nodes[0]
        node.fill_disk()
        scene.sleep(arguments["for_s"])
        node.launch()
        node.wait()
    return True


def local(scene: Scene, arguments: Arguments) -> bool:
    """A task can write no file of its own, then dies."""
    task = arguments["task"]
    with scene.alone(task):
        pid = scene.wait_up(task)
        if pid is None:
            return False
        with suppress(ProcessLookupError):
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))
        scene.sleep(FULL_S)
        scene.signal(pid, signal.SIGKILL)
    return True
