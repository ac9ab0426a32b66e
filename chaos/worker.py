"""A worker of ours as it is, that can also be told to die at a failpoint, to believe another clock, to publish badly.

Its supervisor starts it in place of ``agents.worker``. Arguments: the worker's spec, the folder of orders, the file of
acknowledgements (its pid is added), and a planted bug or nothing. Everything is installed before ``agents.worker`` is
imported: modules take the clock by name.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from chaos.orders import CLOCK, FAILPOINT, HOLD, PUBLISH, Orders

HOLD_NAP_S = 0.05
PR_SET_PDEATHSIG = 1
"""From Linux's sys/prctl.h."""
CLOCK_LOOK_S = 0.05
"""How old what is known of an order to the clock may be."""
PARTITION_AT = 48
"""Bit of an acknowledgement from which its partition stands; its ``source_seq`` stands below."""
DOCUMENTS_EVERY = 20
"""A planted duplicate strikes one document in so many: a short run has some hundreds."""
REGENERATED = ("recovered", "committed")
"""Failpoints that say that a life has recovered: the first of them that is passed."""


def main(argv: list[str]) -> int:
    """Run the task to its end; returns the exit code."""
    from streams.home import use_kernel_cache

    use_kernel_cache()
    _end_with_rig()
    spec_json, folder, acknowledged, bug = argv
    orders = Orders(Path(folder))
    task = _task_named(spec_json)
    _hold(orders, task)
    _shift_clock(orders, task)
    from agents import worker

    _install_failpoint(worker, orders, task)
    _install_publisher(orders, task, f"{acknowledged}.{os.getpid()}")
    if bug:
        from chaos.plants import EVERY, plant

        plant(bug, DOCUMENTS_EVERY if bug == "duplicate" else EVERY)
    return worker.main([spec_json])


def _task_named(spec_json: str) -> str:
    import msgspec

    from agents.worker_spec import WorkerSpec

    return msgspec.json.decode(spec_json, type=WorkerSpec).task


def _end_with_rig() -> None:
    """Have the kernel kill this process with the one that started it, be it stopped or not.

    Elsewhere than on Linux the end of its standard input does, unless it is stopped.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def _hold(orders: Orders, task: str) -> None:
    """Begin nothing while told so; a rig that is gone holds nobody."""
    parent = os.getppid()
    while orders.stands(task, HOLD):
        if os.getppid() != parent:
            os._exit(0)
        time.sleep(HOLD_NAP_S)


def _shift_clock(orders: Orders, task: str) -> None:
    """Put a clock that can be shifted in the place of the wall's."""
    from streams import clock

    true_wall_ns = clock.wall_ns
    looked_at, shift_ns = -1.0, 0

    def wall_ns() -> int:
        nonlocal looked_at, shift_ns
        now = clock.monotonic_s()
        if now - looked_at > CLOCK_LOOK_S:
            order = orders.read(task, CLOCK)
            looked_at, shift_ns = now, 0 if order is None else int(order["shift_ns"])
        return true_wall_ns() + shift_ns

    clock.wall_ns = wall_ns


def _install_failpoint(worker: Any, orders: Orders, task: str) -> None:
    """Have the runner's failpoints look at the orders, and say when a life has recovered."""
    passed: dict[str, int] = {}
    told = False

    def failpoint(point: str, _consumed: int) -> None:
        nonlocal told
        if not told and point in REGENERATED:
            told = True
            worker.say("recovered", task=task)
        if not orders.stands(task, FAILPOINT):
            return
        order = orders.read(task, FAILPOINT)
        if order is None or order["point"] != point:
            return
        passed[point] = passed.get(point, 0) + 1
        if passed[point] >= order["after"] and orders.take(task, FAILPOINT):
            os.kill(os.getpid(), signal.SIGKILL)

    def die_after(_inputs: int | None) -> Callable[[str, int], None]:
        return failpoint

    worker._die_after = die_after


def _install_publisher(orders: Orders, task: str, acknowledged: str) -> None:
    """Have every acknowledgement written down at once, and publish badly when told to."""
    if task != "feed":
        return
    from streams.publisher import Publisher

    noted, publish = Publisher._acknowledged, Publisher.publish
    ledger = os.open(acknowledged, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    held: list[tuple[Any, ...]] = []
    bad: dict[str, Any] = {}

    def acknowledge(self: Publisher, partition: int, offset: int) -> None:
        os.write(ledger, (self._durable[partition] | partition << PARTITION_AT).to_bytes(8, "little"))
        noted(self, partition, offset)

    def bad_publish(self: Publisher, *message: Any) -> int:
        if not bad.get("messages"):
            order = orders.read(task, PUBLISH) if orders.stands(task, PUBLISH) else None
            if order is None or not orders.take(task, PUBLISH):
                return publish(self, *message)
            bad.update(order)
        bad["messages"] -= 1
        return _badly(self, publish, message, str(bad["do"]), held, last=not bad["messages"])

    Publisher._acknowledged = acknowledge  # type: ignore[method-assign]
    Publisher.publish = bad_publish  # type: ignore[method-assign, assignment]


def _badly(
    publisher: Any, publish: Callable[..., int], message: tuple[Any, ...], how: str, held: list[tuple[Any, ...]], *,
    last: bool,
) -> int:  # fmt: skip
    """One message, published twice, not at all, or after the next; returns a number that the feed does not use."""
    if how == "duplicate":
        publish(publisher, *message)
        return publish(publisher, *message)
    if how == "gap":
        return -1
    if held:
        seq = publish(publisher, *message)
        publish(publisher, *held.pop())
        return seq
    if last:
        return publish(publisher, *message)
    held.append(message)
    return -1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
