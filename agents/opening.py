"""Opening a live run: its topics, its definitions and its opening record, whoever comes first.

Every process of a live topology may open it, at once with others: what stands there already is not written again, and a
run's id is made of what it is and of the run before it, so two that open the same thing mean the same run.
"""

from __future__ import annotations

from hashlib import sha256

from agents.live_plan import LivePlan, same_but_for_the_run
from agents.settled import check_settled
from agents.topology import topic_specs
from schemas.catalog import DEFINITION
from schemas.codec import decode, encode
from schemas.control import RunOpened
from schemas.errors import BadFrame, ConfigError, Fenced
from schemas.header import Header, no_stamps, pack
from streams.clock import wall_ns
from streams.log import Log
from streams.people import PEOPLE, append
from streams.read_back import last_header

DEFINITIONS = "definitions"
ATTEMPTS_MAX = 20
"""Times that definitions are tried to be written while others who open the run keep overtaking."""


def newest_opening(log: Log) -> RunOpened | None:
    """The opening record in force on the live topics; None where no run was ever opened."""
    if not log.partitions("control"):
        return None
    found = None
    for record in log.scan("control", 0, 0, committed=True):
        try:
            found = decode(record.value, RunOpened)
        except BadFrame:  # a halt, or a change of limits
            continue
    return found


def open_live(log: Log, plan: LivePlan) -> tuple[RunOpened, bool]:
    """Open a live run, unless what it is stands there already.

    Returns:
        The opening in force, and whether it was written now.

    Raises:
        ConfigError: The live topics belong to another source or deployment, or have another number of partitions,
            which no opening can change.
        BrokerError: It cannot be written.
    """
    before = newest_opening(log)
    if before is not None:
        _check_successor(before, plan)
    _check_topics(log, plan)
    log.create(topic_specs("", plan.source, plan.partitions))
    wanted = plan.opening("r")
    same = before is not None and same_but_for_the_run(before, wanted)
    if before is not None and not same:
        check_settled(log, before)  # before anything is written: what is refused changes nothing
    _define(log, plan)
    if before is not None and same:
        return before, False
    run = f"live-{sha256((before.run if before else '').encode() + encode(wanted)).hexdigest()[:12]}"
    opening = plan.opening(run)
    append(log, opening, ts=wall_ns())
    return opening, True


def _check_successor(before: RunOpened, plan: LivePlan) -> None:
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


def _check_topics(log: Log, plan: LivePlan) -> None:
    """Keyed topics that are there must have the partitions asked for, whoever made or enlarged them."""
    for spec in topic_specs("", plan.source, plan.partitions):
        found = log.partitions(spec.name)
        if found not in (0, spec.partitions):
            raise _repartitioned(spec.partitions, found, spec.name)


def _repartitioned(wanted: int, found: int, where: str) -> ConfigError:
    return ConfigError(
        "the partitions of live topics cannot be changed: keys would move to others, while their books, positions and "
        "numbers stay behind", kind="repartition", got=str(wanted), allowed=str(found), where=where,
        fix="set tasks.partitions back, or begin anew on another cluster or TAPEDECK_HOME, after an end in order",
    )  # fmt: skip


def _define(log: Log, plan: LivePlan) -> None:
    """Append the definitions that are not there as they are."""
    for attempt in range(ATTEMPTS_MAX):
        known = set()
        for record in log.scan(DEFINITIONS, 0, 0, committed=True):
            known.add(record.value)
        missing = [d for d in plan.definitions if encode(d) not in known]
        if not missing:
            return
        writer = log.writer("definitions")
        try:
            last = last_header(log, DEFINITIONS, 0, PEOPLE)
            seq = 0 if last is None else last.seq + 1
            writer.begin()
            for n, definition in enumerate(missing):
                writer.append(DEFINITIONS, 0, definition.instrument.encode(), encode(definition), _header(seq + n))
            writer.commit()
            return
        except Fenced:
            if attempt == ATTEMPTS_MAX - 1:
                raise
        finally:
            writer.close()


def _header(seq: int) -> bytes:
    return pack(
        Header(schema=DEFINITION.number, version=DEFINITION.version, seq=seq, time=0, writer=PEOPLE, stamps=no_stamps())
    )
