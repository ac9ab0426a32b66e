"""Faults between tasks and brokers, by the proxies."""

from __future__ import annotations

from chaos.kinds import Arguments
from chaos.proxy import AFTER, BEFORE
from chaos.scene import Scene

LOCK = "network"
COMMIT_S_MAX = 5.0
"""Longest wait for a commit to cut."""
CUTS = {"cut-commit-request": BEFORE, "cut-commit-answer": AFTER}


def disturb(scene: Scene, arguments: Arguments) -> bool:
    """Delay, stall or cut everything for a while, or cut one commit in the middle."""
    how, for_s = arguments["how"], arguments["for_s"]
    proxies = [node.proxy for node in scene.cluster.nodes]
    with scene.alone(LOCK):
        try:
            if how in CUTS:
                cut = [proxy.arm_commit_cut(CUTS[how]) for proxy in proxies]
                return scene.wait(lambda: any(event.is_set() for event in cut), COMMIT_S_MAX)
            for proxy in proxies:
                if how == "delay":
                    proxy.delay(arguments["delay_ms"] / 1000)
                elif how == "stall":
                    proxy.stall()
                else:
                    proxy.cut()
            scene.sleep(for_s)
        finally:
            for proxy in proxies:
                proxy.flow()
    return True
