"""Child process: the hot task, or the least that does the same arithmetic, over ticks in a memory log."""

from __future__ import annotations

import gc
import time
from typing import Any

import numpy as np

from benchmarks.children.orders import Orders, arguments, say
from streams.home import use_kernel_cache

use_kernel_cache()

from agents.context import Context, read_context  # noqa: E402 - the kernel cache must have its place before numba
from agents.topology import FUSED, writers  # noqa: E402
from agents.warm import warm  # noqa: E402
from benchmarks.runs import BenchRun, open_fresh, untraded  # noqa: E402
from benchmarks.ticks import fill  # noqa: E402
from features.view import DEFAULT_VIEW  # noqa: E402
from models.linear import load  # noqa: E402
from schemas.feature import feature_dtype  # noqa: E402
from schemas.score import SCORE  # noqa: E402
from schemas.tick import TICK  # noqa: E402
from streams.frame import FRAME_ROWS_DEFAULT  # noqa: E402
from streams.inputs import RECORDS_MAX  # noqa: E402
from streams.memory import MemoryLog  # noqa: E402
from streams.runner import Task  # noqa: E402
from streams.task_plan import TaskPlan  # noqa: E402

HOT = next(task for task in FUSED if task.name == "hot")
ECHO = "echo.scores"


def filled(tape: Any, ticks: int, frame_rows: int, run: int) -> tuple[MemoryLog, BenchRun]:
    """A memory log with a run's ticks."""
    log, plan = MemoryLog(), untraded(f"memory{run}")
    open_fresh(log, plan, [ECHO])
    fill(log, plan.topic("ticks.<source>"), plan.run, tape, ticks, frame_rows)
    return log, plan


def hot(log: MemoryLog, plan: BenchRun, context: Context) -> dict[str, Any]:
    """The task, from its making to its end."""
    stages = HOT.build(context)
    warm(stages, context)
    task_plan = TaskPlan(
        name=HOT.name,
        namespace=plan.namespace,
        source=plan.source,
        run=plan.run,
        state_partition=HOT.state_partition,
        writers=writers(FUSED, plan.source),
    )
    gc.collect()
    gc.freeze()
    began, cpu = time.perf_counter(), time.process_time()
    task = Task(task_plan, stages, log)
    while not task.done:
        task.turn(0.0)
    return {"inputs": task.inputs, "elapsed_s": time.perf_counter() - began, "cpu_s": time.process_time() - cpu}


def least(log: MemoryLog, plan: BenchRun, context: Context) -> dict[str, Any]:
    """Frames, kernels, bytes."""
    state = DEFAULT_VIEW.start(len(context.instruments))
    model = load(context.run.model, view=DEFAULT_VIEW.hash, features=DEFAULT_VIEW.names, where="run")
    writer, topic = log.writer("least"), plan.topic(ECHO)
    gc.collect()
    gc.freeze()
    began, cpu = time.perf_counter(), time.process_time()
    reader = log.reader({(plan.topic("ticks.<source>"), 0): 0})
    inputs = 0
    writer.begin()
    dtype = feature_dtype(len(DEFAULT_VIEW.features))
    while records := reader.read(RECORDS_MAX, 0.0):
        parts = [np.frombuffer(r.value, dtype=TICK) for r in records if r.key is None]
        if not parts:
            break
        rows: Any = np.concatenate(parts)
        vectors, scores = np.empty(len(rows), dtype=dtype), np.empty(len(rows), dtype=SCORE)
        state.compute(rows, context.slots[rows["instrument_id"]], vectors["values"])
        model.score(vectors["values"], scores["score"])
        for at in range(0, len(rows), FRAME_ROWS_DEFAULT):
            writer.append(topic, 0, None, scores[at : at + FRAME_ROWS_DEFAULT].tobytes(), b"")
        inputs += len(rows)
    writer.commit()
    return {"inputs": inputs, "elapsed_s": time.perf_counter() - began, "cpu_s": time.process_time() - cpu}


SIDES = {"hot": hot, "least": least}


def main(spec: dict[str, Any]) -> None:
    tape = np.load(spec["tape"])
    orders = Orders()
    say("ready")
    run = 0
    while True:
        order = orders.take()
        run += 1
        log, plan = filled(tape, spec["ticks"], spec["frame_rows"], run)
        figures = SIDES[order["side"]](log, plan, read_context(log, plan.namespace))
        if figures["inputs"] != spec["ticks"]:
            raise SystemExit(f"{order['side']} saw {figures['inputs']:,} of {spec['ticks']:,} ticks")
        say("done", **figures)
        del log
        gc.unfreeze()
        gc.collect()


if __name__ == "__main__":
    main(arguments())
