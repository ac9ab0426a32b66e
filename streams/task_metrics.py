"""Readings of a task: what it keeps anyway, looked at from another thread when somebody asks. Changes nothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from streams.agent import last_time
from streams.clock import wall_ns
from streams.metrics import Counted, Reading
from streams.runner import Task

NANOS = 1_000_000_000


class TaskReadings:
    """Of one life of a task.

    Args:
        task: As it was made: what it wrote by then is not counted.
    """

    def __init__(self, task: Task) -> None:
        self._task = task
        self._first = task.inputs
        self._seqs = {name: output.seq for name, output in task._outputs.outputs.items()}

    def __call__(self) -> Iterator[Reading]:
        """All of them."""
        task = self._task
        yield from self._input()
        for name, output in task._outputs.outputs.items():
            yield Reading("tapedeck_outputs_total", output.seq - self._seqs[name], (output.topic,))
        yield from self._commits()
        yield from self._recovery()
        yield Reading("tapedeck_held_by_clock", task.vitals.held)
        yield Reading("tapedeck_waiting", bool(task._waits))
        for kind, count in dict(task.vitals.dead_letters).items():
            yield Reading("tapedeck_dead_letters_total", count, (kind,))
        yield from of_producer(task._writer)

    def _input(self) -> Iterator[Reading]:
        source = self._task._input
        yield Reading("tapedeck_inputs_total", source.ordinal - self._first)
        yield Reading("tapedeck_inputs_position", source.ordinal)
        offset = source.offset
        yield Reading("tapedeck_input_offset", offset)
        reader = source.reader
        end = None if reader is None else getattr(reader, "end", lambda *_: None)(source.topic, source.partition)
        if end is not None:
            yield Reading("tapedeck_input_end_offset", end)
            yield Reading("tapedeck_input_lag_records", max(0, end - offset))
        yield Reading("tapedeck_reader_errors_total", getattr(reader, "errors", 0))
        newest = self._task.vitals.newest
        log_time_ns = 0 if newest is None else last_time(newest.items)
        if log_time_ns:
            yield Reading("tapedeck_log_time_behind_seconds", (wall_ns() - log_time_ns) / NANOS)

    def _commits(self) -> Iterator[Reading]:
        task, vitals = self._task, self._task.vitals
        now_s = task._monotonic()
        yield Reading("tapedeck_commit_seconds", Counted(tuple(vitals.commits), vitals.commit_s))
        yield Reading("tapedeck_commit_age_seconds", max(0.0, now_s - task._committed_at))
        yield Reading("tapedeck_snapshot_bytes", vitals.snapshot_bytes)
        begun_s = task._outputs.begun_s
        open_s = max(0.0, now_s - begun_s) if task._outputs.begun else 0.0
        yield Reading("tapedeck_transaction_age_seconds", open_s)

    def _recovery(self) -> Iterator[Reading]:
        recovery = self._task.recovery
        found = recovery.progress
        yield Reading("tapedeck_recovery_active", recovery.active)
        yield Reading("tapedeck_recovery_inputs_done", found.done)
        yield Reading("tapedeck_recovery_inputs_to_do", found.to_do)
        yield Reading("tapedeck_recovery_seconds", found.elapsed_s)
        if found.left_s is not None or not recovery.active:
            yield Reading("tapedeck_recovery_left_seconds", found.left_s or 0.0)


def of_producer(sender: Any) -> Iterator[Reading]:
    """Of a writer or an appender; one in memory has neither queue nor errors."""
    yield Reading("tapedeck_producer_queue_records", getattr(sender, "queued", 0))
    yield Reading("tapedeck_producer_errors_total", getattr(sender, "errors", 0))
