"""Faults of brokers: killed, stopped, lost."""

from __future__ import annotations

from chaos.kinds import Arguments
from chaos.scene import Scene

LOCK = "brokers"


def kill(scene: Scene, arguments: Arguments) -> bool:
    """SIGKILL the first one, start it again after a while."""
    return _lose(scene, 0, arguments["for_s"])


def loss(scene: Scene, arguments: Arguments) -> bool:
    """One of three is lost, and comes back."""
    return _lose(scene, arguments["node"], arguments["for_s"])


def _lose(scene: Scene, number: int, for_s: float) -> bool:
    with scene.alone(LOCK):
        node = scene.cluster.nodes[number]
        node.kill()
        scene.sleep(for_s)
        node.launch()
        node.wait()
    return True


def stop(scene: Scene, arguments: Arguments) -> bool:
    """SIGSTOP the first one, SIGCONT it after a while."""
    with scene.alone(LOCK):
        node = scene.cluster.nodes[0]
        node.stop()
        scene.sleep(arguments["for_s"])
        node.go_on()
    return True
