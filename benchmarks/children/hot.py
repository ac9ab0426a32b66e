"""Child process: the hot task (feature, score, strategy) flat out over what lies on its tick topic.

Built as ``agents.worker`` builds it. Each order is a run; its clock goes from the opening of the reader of ticks to the
return of the last commit. ``sample``: also look, now and then, where the main thread is.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from benchmarks.children.orders import Orders, arguments, say
from streams.home import use_kernel_cache

use_kernel_cache()

from agents.context import read_context  # noqa: E402 - the kernel cache must have its place before numba is imported
from agents.topology import FUSED, writers  # noqa: E402
from agents.warm import settle, warm  # noqa: E402
from agents.worker import WAIT_S  # noqa: E402
from benchmarks.layers import Sampler  # noqa: E402
from streams.kafka import KafkaLog  # noqa: E402
from streams.kafka_reader import KafkaReader  # noqa: E402
from streams.log import Place  # noqa: E402
from streams.runner import Task  # noqa: E402
from streams.task_plan import TaskPlan  # noqa: E402

HOT = next(task for task in FUSED if task.name == "hot")


class Started:
    """Clocks as they stood when the work began."""

    def __init__(self) -> None:
        self.wall_s = time.perf_counter()
        self.cpu_s = time.process_time()
        self.thread_s = time.thread_time()

    def figures(self) -> dict[str, float]:
        """Seconds since then: elapsed, CPU of the whole process, CPU of the main thread."""
        return {
            "elapsed_s": time.perf_counter() - self.wall_s,
            "cpu_s": time.process_time() - self.cpu_s,
            "main_thread_cpu_s": time.thread_time() - self.thread_s,
        }


class TimedLog(KafkaLog):
    """A log that remembers when its reader of ``topic`` was opened."""

    topic = ""
    started = Started()

    def reader(self, start: Mapping[Place, int], *, committed: bool = False) -> KafkaReader:
        reader = super().reader(start, committed=committed)
        if any(topic == self.topic for topic, _ in start):
            self.started = Started()
        return reader


@dataclass(frozen=True)
class Elsewhere(TaskPlan):
    """A task whose ticks lie in another run: they are put there once, and read by many."""

    ticks: str = ""

    def topic(self, table_name: str) -> str:
        return self.ticks if table_name == "ticks.<source>" else TaskPlan.topic(self, table_name)


def one_run(log: TimedLog, order: dict[str, Any]) -> dict[str, Any]:
    """Work one run off; its figures."""
    plan = Elsewhere(
        name=HOT.name, namespace=order["namespace"], source=order["source"], run=order["run"], ticks=order["ticks"],
        state_partition=HOT.state_partition, commit_every_batch=HOT.commit_every_batch,
        writers=writers(FUSED, order["source"]),
    )  # fmt: skip
    context = read_context(log, plan.namespace)
    stages = HOT.build(context)
    warm(stages, context)
    settle()
    log.topic = plan.topic("ticks.<source>")
    task = Task(plan, stages, log)
    sampler = Sampler() if order["sample"] else None
    while not task.done:
        task.turn(WAIT_S)
    figures = log.started.figures()
    layers = sampler.stop() if sampler else {}
    found = {"inputs": task.inputs, **figures, "where": layers}
    task.close()
    return found


def main(spec: dict[str, Any]) -> None:
    log = TimedLog(spec["bootstrap"])
    orders = Orders()
    say("ready")
    while True:
        say("done", **one_run(log, orders.take()))


if __name__ == "__main__":
    main(arguments())
