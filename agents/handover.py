"""Handing the live topics over at a release cut: who has left, where, and the opening of the run that succeeds.

Whoever sees that every task has left may write the opening, and it is written once: of two that try, the second finds
it there (``streams.people.append``), however long it slept in between.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import msgspec

from agents.defining import define, numbered
from agents.release_watch import ReleaseWatch
from agents.settled import check_settled, left_behind
from agents.topology import CLOCK, TaskHops, deployed, source_of
from schemas.control import ReleaseCut, RunOpened, TaskStart
from streams.clock import monotonic_s, sleep_s, wall_ns
from streams.log import Log
from streams.people import append
from streams.read_back import last_header
from streams.snapshot import newest_record
from streams.state_bytes import load_values
from streams.ticker import WRITER


class Overtaken(Exception):
    """Somebody else was first: what was to be written is not wanted any more."""


CLOCK_FRESH_NS = 2_000_000_000
"""Where the newest clock record is younger than this, a live topology is running."""

CLOCK_OLD_NS = 60_000_000_000
"""Further than this from the wall nobody ticks; nearer, it is watched: the clocks of two hosts differ by seconds."""
TICK_POLL_S = 0.05


def clock_age_ns(log: Log) -> int | None:
    """Age of the newest clock record by the wall; None where there is none."""
    newest = _newest_tick(log)
    return None if newest is None else wall_ns() - newest


def _newest_tick(log: Log) -> int | None:
    """Wall time of the newest clock record, ns; None where there is none."""
    if not log.partitions(CLOCK):
        return None
    last = last_header(log, CLOCK, 0, WRITER)
    return None if last is None else last.time


def clock_ticks(log: Log) -> bool:
    """Whether somebody ticks: another record follows the newest. Who has just ended leaves a last one."""
    first = _newest_tick(log)
    if first is None or abs(wall_ns() - first) > CLOCK_OLD_NS:
        return False
    until = monotonic_s() + CLOCK_FRESH_NS / 1e9
    while monotonic_s() < until:
        sleep_s(TICK_POLL_S)
        if _newest_tick(log) != first:
            return True
    return False


def waits_for(log: Log, cut: ReleaseCut) -> list[str]:
    """Names of the tasks that have not left yet."""
    return [
        task.name for task in _tasks(cut)
        if _left(log, task, cut) is None and not never_began(log, task, cut.from_run, source_of(task, cut.opening))
    ]  # fmt: skip


def never_began(log: Log, task: TaskHops, run: str, source: str) -> bool:
    """Whether a task of a run has not come up in it yet, and written nothing that its readers could have seen.

    One that succeeds another commits before its first output, so that its newest snapshot is its forerunner's still. Of
    one that is the first of its name there is no snapshot, and no record.
    """
    return _values(log, task).get("run") != run and not left_behind(log, task, source)


def complete(log: Log, watch: ReleaseWatch, *, at_rest: bool = False) -> RunOpened | None:
    """Open the successor, once every task has left.

    Args:
        log: Where.
        watch: Knows the cut; is told of the opening.
        at_rest: Nobody is at work: tasks that ended in order before the cut need not come back to leave.

    Returns:
        The run that succeeds; None where there is no cut, or tasks have yet to leave.

    Raises:
        ConfigError: At rest, and a task left something uncommitted.
    """
    watch.look_again()
    cut, before = watch.cut, watch.opening
    if cut is None or before is None:
        return None
    starts: dict[str, TaskStart] = {}
    for task in _tasks(cut):
        values = _left(log, task, cut)
        source = source_of(task, before)
        if values is None and never_began(log, task, before.run, source):
            log.writer(task.name).close()  # whoever is just coming up as that task is shut out, and refused from now on
            values = _values(log, task) if never_began(log, task, before.run, source) else None
        if values is None and not at_rest:
            return None
        starts[task.name] = start_of(values) if values else _start(log, task)
    if at_rest:
        check_settled(log, before)
    define(log, cut.definitions)
    with suppress(Overtaken):
        append(
            log, msgspec.structs.replace(cut.opening, starts=starts, defined=numbered(log)), ts=wall_ns(),
            confirm=lambda: stands(watch, before.run, cut),
        )  # fmt: skip
    watch.look_again()
    return watch.opening


def stands(watch: ReleaseWatch, run: str, cut: ReleaseCut | None) -> None:
    """Make sure that nobody has said anything of releases meanwhile.

    Raises:
        Overtaken: Another run is in force, or another cut is under way.
    """
    watch.look_again()
    if watch.run != run or watch.cut != cut:
        raise Overtaken


def starts_of(log: Log, opening: RunOpened) -> dict[str, TaskStart]:
    """Where the tasks of a run that ended in order stand: where those of its successor begin."""
    return {task.name: _start(log, task) for task in deployed(opening)}


def start_of(values: dict[str, Any]) -> TaskStart:
    """Where a task stands, by the values of its snapshot."""
    place = values["input"]
    return TaskStart(
        offset=place["offset"],
        inputs=place["ordinal"],
        seqs={name: mark[0] for name, mark in values["outputs"].items()},
    )


def _tasks(cut: ReleaseCut) -> tuple[TaskHops, ...]:
    return deployed(cut.opening)


def _left(log: Log, task: TaskHops, cut: ReleaseCut) -> dict[str, Any] | None:
    """The values of the snapshot with which a task left; None where it has not."""
    values = _values(log, task)
    return values if values.get("left_to") == cut.opening.run else None


def _start(log: Log, task: TaskHops) -> TaskStart:
    values = _values(log, task)
    return start_of(values) if values else TaskStart(offset=0, inputs=0, seqs={})


def _values(log: Log, task: TaskHops) -> dict[str, Any]:
    found = newest_record(log, "state", task.state_partition, task.name)
    return {} if found is None else load_values(found.value)
