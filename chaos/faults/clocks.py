"""The wall clock of a process jumps, and jumps back."""

from __future__ import annotations

from chaos.kinds import Arguments
from chaos.orders import CLOCK
from chaos.scene import Scene


def jump(scene: Scene, arguments: Arguments) -> bool:
    """A task, or the clock process, believes another time for a while."""
    task = arguments["task"]
    with scene.alone(f"{task} clock"):
        scene.orders.give(task, CLOCK, shift_ns=arguments["shift_ns"])
        try:
            scene.sleep(arguments["for_s"])
        finally:
            scene.orders.take(task, CLOCK)
    return True
