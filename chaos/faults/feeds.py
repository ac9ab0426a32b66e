"""Faults of the feed: killed, doubled, and messages that come twice, in another order, or not at all."""

from __future__ import annotations

from agents.topology import FEED
from chaos.kinds import Arguments
from chaos.orders import PUBLISH
from chaos.scene import BACK_S_MAX, Scene

TAKEN_S_MAX = 5.0
"""How long an order to the feed may stand before it is given up."""


def kill(scene: Scene, _arguments: Arguments) -> bool:
    """SIGKILL at any moment."""
    return scene.kill(FEED)


def reconnect(scene: Scene, arguments: Arguments) -> bool:
    """SIGKILL it whenever it is up again."""
    with scene.alone(FEED):
        killed = 0
        for _ in range(arguments["times"]):
            if scene.wait_up(FEED) is not None:
                killed += scene.kill(FEED)
    return killed > 0


def duplicate(scene: Scene, arguments: Arguments) -> bool:
    """Messages come twice."""
    return _badly(scene, "duplicate", arguments)


def reorder(scene: Scene, arguments: Arguments) -> bool:
    """Messages come in another order."""
    return _badly(scene, "reorder", arguments)


def gap(scene: Scene, arguments: Arguments) -> bool:
    """Messages do not come."""
    return _badly(scene, "gap", arguments)


def twin(scene: Scene, arguments: Arguments) -> bool:
    """A second publisher of the same source beside the first; then both end, and one comes back.

    While they run they give the same numbers to different messages; normalise takes the first of each.
    """
    with scene.alone(FEED):
        if scene.wait_up(FEED) is None:
            return False
        with scene.twin(FEED) as second:
            came_up = second.wait_ready(BACK_S_MAX)
            scene.sleep(arguments["for_s"])
        scene.kill(FEED)  # it goes on from the last number that is durable, whoever wrote it
    return came_up


def _badly(scene: Scene, how: str, arguments: Arguments) -> bool:
    with scene.alone(FEED):
        if scene.wait_up(FEED) is None:
            return False
        scene.orders.give(FEED, PUBLISH, do=how, messages=arguments["messages"])
        taken = scene.wait(lambda: not scene.orders.stands(FEED, PUBLISH), TAKEN_S_MAX)
        return taken or not scene.orders.take(FEED, PUBLISH)
