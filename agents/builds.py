"""Which code may work on a run: that which its opening names, and no other, so that builds never mix.

Every task looks before it takes its place, which disturbs nobody, and again when it holds it: the answer may have
changed meanwhile. Model, view and strategy need no look of their own: a task builds them from the opening, and holds
the desk's files to the hashes that stand there (``agents/plugins.py``).
"""

from __future__ import annotations

from agents.handover import never_began
from agents.release_watch import ReleaseWatch
from agents.topology import TaskHops, source_of
from schemas.control import RunOpened
from schemas.errors import ConfigError
from streams.build import build_hash
from streams.log import Log

OTHER_RELEASE = "config.other_release"
"""Kind of the error of a task whose run another has succeeded."""
SHOWN_CHARS = 12
"""Of a hash, as it is shown to people."""


def check_build(opening: RunOpened, build: str | None = None) -> None:
    """Hold this process's code to what a run was opened with.

    Raises:
        ConfigError: It is another build.
    """
    mine = build_hash() if build is None else build
    if opening.build != mine:
        raise ConfigError(
            "another build of Tapedeck works on this run", kind="other_build", got=mine[:SHOWN_CHARS],
            allowed=opening.build[:SHOWN_CHARS] or "one from before builds were named", where=f"run {opening.run}",
            fix="start the build that is at work, or cut over to this one: tapedeck release cut",
        )  # fmt: skip


def check_run(log: Log, run: str, task: TaskHops, namespace: str = "") -> None:
    """Hold a task to the run in force, of which it may be the newest life, and begin it while no cut from it is made.

    Raises:
        ConfigError: Another run has been opened since this one was, or is about to be, and the task never came up.
    """
    watch = ReleaseWatch(log, namespace)
    cut = watch.cut if watch.cut is not None and watch.cut.from_run == run else None
    late = cut is not None and never_began(log, task, run, source_of(task, cut.opening))
    if watch.run != run or late:
        raise ConfigError(
            "another run has been opened since", kind="other_release", got=run,
            allowed=cut.opening.run if cut is not None and late else watch.run, where=task.name,
            fix="end this topology, and bring up the release that tapedeck release show names",
        )  # fmt: skip
