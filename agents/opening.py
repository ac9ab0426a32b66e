"""Opening a live run: its topics, its definitions and its opening record, whoever comes first.

Every process of a live topology may open it, at once with others: what stands there already is not written again, and a
run's id is made of what it is and of the run before it, so two that open the same thing mean the same run.
"""

from __future__ import annotations

from hashlib import sha256

import msgspec

from agents.defining import added_since, all_defined, define, numbered
from agents.handover import Overtaken, clock_ticks, complete, stands, starts_of, waits_for
from agents.live_plan import LivePlan, same_but_for_the_run
from agents.release_watch import ReleaseWatch, release_of
from agents.settled import check_settled
from agents.topology import topic_specs
from schemas.codec import encode
from schemas.control import ReleaseCut, RunOpened
from schemas.errors import ConfigError
from streams.clock import wall_ns
from streams.log import Log
from streams.people import append


def newest_opening(log: Log) -> RunOpened | None:
    """The opening record in force on the live topics; None where no run was ever opened."""
    return ReleaseWatch(log).opening


def open_live(log: Log, plan: LivePlan) -> tuple[RunOpened, bool]:
    """Open a live run, unless what it is stands there already.

    Returns:
        The opening in force, and whether it was written now.

    Raises:
        ConfigError: The live topics belong to another source or deployment, or have another number of partitions,
            which no opening can change; another release is at work on them, is about to be, or did not end in order.
        BrokerError: It cannot be written.
    """
    watch = ReleaseWatch(log)
    before = watch.opening
    plan = plan.knowing(defined.definition for defined in all_defined(log))
    if before is not None:
        check_successor(before, plan)
    check_topics(log, plan)
    log.create(topic_specs("", plan.source, plan.partitions, plan.gateway))
    wanted = plan.opening("r")
    if before is None:
        define(log, plan.definitions)
        opening = msgspec.structs.replace(plan.opening(run_id("", wanted)), defined=numbered(log))
        return _opened(log, watch, opening, "")
    if same_but_for_the_run(before, wanted) and not _may_take_up(log, before):
        define(log, plan.definitions)
        return before, False
    if watch.cut is not None:
        return _completed(log, watch, watch.cut, wanted), True
    check_nobody_at_work(log, before, wanted)  # before anything is written: what is refused changes nothing
    check_settled(log, before)
    define(log, plan.definitions)
    opening = msgspec.structs.replace(
        plan.opening(run_id(before.run, wanted)), starts=starts_of(log, before), defined=numbered(log)
    )
    return _opened(log, watch, opening, before.run)


def _may_take_up(log: Log, before: RunOpened) -> bool:
    """Whether instruments were added since a run was opened, and nobody is at work who could not hear of them."""
    if not added_since(log, before) or clock_ticks(log):
        return False
    try:
        check_settled(log, before)
    except ConfigError:  # it must come back as it was, and end in order, before it can go on as another
        return False
    return True


def _opened(log: Log, watch: ReleaseWatch, opening: RunOpened, before: str) -> tuple[RunOpened, bool]:
    """Write an opening, unless somebody else has opened a run meanwhile.

    Raises:
        ConfigError: They have, and it is another.
    """
    try:
        append(log, opening, ts=wall_ns(), confirm=lambda: stands(watch, before, None))
    except Overtaken:
        found = watch.opening
        if found is None or not same_but_for_the_run(found, opening):
            raise ConfigError(
                "somebody else has just opened another run", kind="other_release", got=release_of(opening),
                allowed="none" if found is None else release_of(found), where=f"run {watch.run}",
                fix="see tapedeck release show; then try again",
            ) from None  # fmt: skip
        return found, False
    return opening, True


def run_id(before: str, wanted: RunOpened) -> str:
    """The id of a run: of what it is, and of the run before it."""
    return f"live-{sha256(before.encode() + encode(wanted)).hexdigest()[:12]}"


def check_nobody_at_work(log: Log, before: RunOpened, wanted: RunOpened) -> None:
    """Refuse to change what runs under those who run it.

    Raises:
        ConfigError: A live topology's clock ticks.
    """
    if clock_ticks(log):
        raise ConfigError(
            "another release is at work on the live topics", kind="other_release", got=release_of(wanted),
            allowed=release_of(before), where=f"run {before.run}",
            fix="cut it over: tapedeck release cut; or end it first",
        )  # fmt: skip


def _completed(log: Log, watch: ReleaseWatch, cut: ReleaseCut, wanted: RunOpened) -> RunOpened:
    """The run that a cut which is under way leads to, if it is the one wanted and nobody else has to leave first.

    Raises:
        ConfigError: It is another, or tasks have yet to leave.
    """
    if same_but_for_the_run(cut.opening, wanted):
        opened = complete(log, watch, at_rest=not clock_ticks(log))
        if opened is not None and opened.run == cut.opening.run:
            return opened
    raise ConfigError(
        "a release cut is under way", kind="cut_pending", got=release_of(wanted), allowed=cut.release,
        where=f"from {cut.from_run}; yet to leave: {', '.join(waits_for(log, cut)) or 'nobody'}",
        fix="let it end (tapedeck release show); where its tasks died, tapedeck up with the topology before",
    )  # fmt: skip


def check_successor(before: RunOpened, plan: LivePlan) -> None:
    """Positions, numbers and topics go on from one opening to the next: these must not change under them."""
    if before.source != plan.source:
        raise ConfigError(
            "the live topics are fed by another source", kind="live_taken",
            got=plan.source, allowed=before.source, where="feed",
            fix="use another cluster or another TAPEDECK_HOME for it",
        )  # fmt: skip
    if before.split != plan.settings.tasks.split:
        raise ConfigError(
            "the live topics were written by another deployment", kind="live_taken",
            got=f"split {plan.settings.tasks.split}",
            allowed=f"split {before.split}", where="tasks.split",
            fix="use another cluster or another TAPEDECK_HOME for it",
        )  # fmt: skip
    if before.partitions != plan.partitions:
        raise _repartitioned(plan.partitions, before.partitions, "tasks.partitions")


def check_topics(log: Log, plan: LivePlan) -> None:
    """Keyed topics that are there must have the partitions asked for, whoever made or enlarged them.

    Raises:
        ConfigError: One has another number.
    """
    for spec in topic_specs("", plan.source, plan.partitions, plan.gateway):
        found = log.partitions(spec.name)
        if found not in (0, spec.partitions):
            raise _repartitioned(spec.partitions, found, spec.name)


def _repartitioned(wanted: int, found: int, where: str) -> ConfigError:
    return ConfigError(
        "the partitions of live topics cannot be changed: keys would move to others, while their books, positions and "
        "numbers stay behind", kind="repartition", got=str(wanted), allowed=str(found), where=where,
        fix="set tasks.partitions back, or begin anew on another cluster or TAPEDECK_HOME, after an end in order",
    )  # fmt: skip
