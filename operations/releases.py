"""Releases of the live run: whether the code at work is one, and whether a cut is under way."""

from __future__ import annotations

from agents.release_report import AtWork, at_work
from agents.release_watch import ReleaseWatch, release_of
from operations.finding import Finding
from streams.log import Log

SHOWN_CHARS = 12
"""Of a build's hash, as it is shown."""


def findings(log: Log, program: str) -> list[Finding]:
    """What is to be said of the live run's release.

    Raises:
        BrokerError: The log cannot be read.
    """
    watch = ReleaseWatch(log)
    opening = watch.opening
    if opening is None:
        return []
    tasks = at_work(log, opening)
    if watch.cut is not None:
        waits = ", ".join(task.task for task in tasks if task.left_to != watch.cut.opening.run)
        found = f"a cut to {watch.cut.release} is under way; yet to leave: {waits or 'nobody'}"
        return [Finding("release", "warn", found, "tasks that leave soon", f"{program} release show")]
    return [judge(release_of(opening), opening.build, opening.run, tasks, program)]


def judge(release: str, build: str, run: str, tasks: list[AtWork], program: str) -> Finding:
    """Whether all tasks that have committed in a run did so with the code that its opening names.

    Args:
        release: Id of the release in force.
        build: Hash of the code that the opening names.
        run: The run in force.
        tasks: Its tasks by their newest snapshots.
        program: How ``tapedeck`` is called for this cluster.
    """
    others = [f"{task.task}: build {_short(task.build)}" for task in tasks if task.run == run and task.build != build]
    if others:
        return Finding("release", "fail", f"{release} is of build {_short(build)}, and at work are {', '.join(others)}",
                       "one build on a run", f"{program} release show; end what is of another build")  # fmt: skip
    behind = [task.task for task in tasks if task.run and task.run != run]
    if behind:
        return Finding("release", "warn", f"{release}: not yet at work: {', '.join(behind)}",
                       "all tasks of the run in force", f"{program} up")  # fmt: skip
    return Finding("release", "ok", f"{release}, build {_short(build)}")


def _short(build: str) -> str:
    return build[:SHOWN_CHARS] or "unnamed"
