"""Cutting a live run over to another release: the announcement, which is the one step that decides.

It is one record (``schemas.control.ReleaseCut``), committed or not. Before it the old release goes on. After it the old
tasks leave one by one (``agents/leaving.py``), whoever dies meanwhile, and the successor's opening, which the record
holds whole, is written by whoever sees that all have left (``agents/handover.py``): the command that cut, any
supervisor, or the next ``tapedeck up``.
"""

from __future__ import annotations

from contextlib import suppress

from agents.context import context_of
from agents.defining import added_since, all_defined, undefined
from agents.handover import Overtaken, stands
from agents.live_plan import LivePlan, same_but_for_the_run
from agents.opening import check_successor, run_id
from agents.release_watch import ReleaseWatch, release_of
from schemas.control import ReleaseCut
from schemas.errors import ConfigError
from streams.build import code_commit
from streams.clock import wall_ns
from streams.log import Log
from streams.people import append
from streams.snapshot import fitting, newest
from streams.succession import carried_over


def rehearse(log: Log, plan: LivePlan) -> None:
    """Try whether every task's newest snapshot could be carried over, before anything is decided. Nothing is written.

    Raises:
        SnapshotError: One could not: the release would not come up.
        ConfigError: The desk's own code cannot be loaded.
    """
    known = [found.definition for found in all_defined(log)]
    context = context_of(plan.opening("r"), (*known, *undefined(log, plan.definitions)), plan.folder)
    for task in plan.tasks:
        snapshot = newest(log, "state", task.state_partition, task.name)
        if snapshot is not None:
            with fitting(task.name):
                carried_over(task.build(context), snapshot)


def announce(log: Log, watch: ReleaseWatch, plan: LivePlan, author: str, reason: str) -> ReleaseCut:
    """Cut the run in force over to a plan.

    Returns:
        The cut that is under way: this one, or one to the same release that was made before it.

    Raises:
        ConfigError: There is no run, it is this release already and no instrument was added, its source or deployment
            differs, or a cut to another release is under way.
        SnapshotError: The release cannot use what the tasks hold.
        BrokerError: It cannot be written.
    """
    before = watch.opening
    plan = plan.knowing(defined.definition for defined in all_defined(log))
    if before is None:
        raise ConfigError("no live run was ever opened", kind="no_live_run", fix="open one: tapedeck up")
    check_successor(before, plan)
    if (before.gateway or "") != plan.gateway:
        raise ConfigError(
            "another venue works the orders, and what is open at this one would be answered by nobody",
            kind="live_taken", got=plan.gateway or "paper", allowed=before.gateway or "paper", where="venue",
            fix="end the topology, then open the other with tapedeck up",
        )  # fmt: skip
    wanted = plan.opening("r")
    if watch.cut is None:
        if same_but_for_the_run(before, wanted) and not added_since(log, before):
            raise ConfigError(
                "this release is at work already", kind="same_release", got=release_of(before), where=before.run,
                fix="change code, model, view or parameters, or add an instrument; what runs: tapedeck release show",
            )  # fmt: skip
        missing = undefined(log, plan.definitions)
        rehearse(log, plan)
        opening = plan.opening(run_id(before.run, wanted))
        cut = ReleaseCut(
            release=release_of(opening), from_run=before.run, opening=opening,
            topology="" if plan.file is None else str(plan.file.resolve()), commit=code_commit(), author=author,
            reason=reason, ts=wall_ns(), definitions=missing,
        )  # fmt: skip
        with suppress(Overtaken):
            append(log, cut, ts=cut.ts, confirm=lambda: stands(watch, before.run, None))
        watch.look_again()
    standing = watch.cut
    if standing is None:
        raise ConfigError(
            "another release has taken over meanwhile", kind="other_release", got=release_of(wanted),
            allowed="" if watch.opening is None else release_of(watch.opening), where=f"run {watch.run}",
            fix="see tapedeck release show; then cut again",
        )  # fmt: skip
    if not same_but_for_the_run(standing.opening, wanted):
        raise ConfigError(
            "a cut to another release is under way", kind="cut_pending", got=release_of(wanted),
            allowed=standing.release, where=f"control, by {standing.author}",
            fix="let it end (tapedeck release show), then cut again",
        )  # fmt: skip
    return standing
