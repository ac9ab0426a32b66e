"""Tasks of the live run: which are behind, which have stalled, which never came up. By the log alone, from any host."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from agents.stalls import STALL_S_MAX
from operations.finding import Finding, span
from operations.live_run import TaskFacts
from streams.recovery import RecoveryProgress

STALLED_S = STALL_S_MAX
"""A live task commits every few seconds even when idle: one that is silent for longer is stalled or dead."""
STARTING_S = 120.0
"""So long after the run was opened a task may be on its way: a cold start compiles kernels."""
LAG_RECORDS_WARN = 10_000
"""Input records behind; records hold up to hundreds of rows each."""
CLOCK_STALE_S = 2.0
"""The clock ticks ten times a second; tasks hold orders back when it is old."""
FEED_SILENT_S = 60.0
"""A feed without any payload for so long: a quiet market, or a lost connection."""

NOTHING_LIVE = Finding("live topology", "ok", "no live run has been opened here", fix="")


def judge(
    tasks: Sequence[TaskFacts],
    *,
    now_ms: int,
    opened_ms: int,
    clock_ms: int | None,
    feed_ms: int | None,
    in_order: Callable[[], bool],
    program: str,
) -> list[Finding]:
    """Findings on a live run.

    Args:
        tasks: All that it should have.
        now_ms: Wall time, ms since the epoch, as all the others.
        opened_ms: When it was opened.
        clock_ms: Time of the newest record of ``clock``; None where there is none.
        feed_ms: Time of the newest payload; None where there is none.
        in_order: Tells whether every task has committed all that it wrote; asked only where nothing runs.
        program: How ``tapedeck`` is called for this cluster.
    """  # fmt: skip
    open_s = (now_ms - opened_ms) / 1_000
    heard = [ms for ms in (clock_ms, *(task.committed_ms for task in tasks)) if ms is not None]
    silent_s = (now_ms - max(heard)) / 1_000 if heard else open_s
    halted = [_task(task, now_ms, open_s, program) for task in tasks if task.halted is not None]
    if silent_s > STALLED_S and open_s > STALLED_S and halted:
        return halted
    if silent_s > STALLED_S and open_s > STALLED_S:
        said = f"opened {span(open_s)} ago, silent for {span(silent_s)}"
        if in_order():
            return [Finding("live topology", "ok", f"{said}: ended in order", fix=f"{program} up")]
        return [Finding("live topology", "warn", f"{said}: it did not end in order", "an end in order, or a topology "
                        "that runs", f"{program} up")]  # fmt: skip
    found = [_task(task, now_ms, open_s, program) for task in tasks]
    well = [finding for finding in found if finding.status == "ok"]
    if well:
        lag = max(task.lag for task in tasks)
        alive = ", ".join(finding.check.removeprefix("task ") for finding in well)
        found = [
            Finding("tasks", "ok", f"{alive}: alive, lag at most {lag:,} records"),
            *(finding for finding in found if finding.status != "ok"),
        ]
    return [*found, *_partitions(tasks), *_sources(now_ms, open_s, clock_ms, feed_ms, program)]


def _partitions(tasks: Sequence[TaskFacts]) -> list[Finding]:
    """Where there are several partitions: how far each is behind in all, and who runs it."""
    parts: dict[int, list[TaskFacts]] = {}
    for task in tasks:
        _, at, number = task.name.partition("@")
        if at:
            parts.setdefault(int(number), []).append(task)
    said = []
    for partition, of in sorted(parts.items()):
        owners = ", ".join(sorted({task.owner for task in of} - {""})) or "nobody yet"
        said.append(f"{partition}: lag {sum(task.lag for task in of):,}, {owners}")
    return [Finding("partitions", "ok", "; ".join(said))] if said else []


def _task(task: TaskFacts, now_ms: int, open_s: float, program: str) -> Finding:
    check, restart = f"task {task.name}", f"{program} up --only {task.name}"
    wanted = f"a commit within {STALLED_S:g} s"
    if task.torn:
        return Finding(check, "fail", "its newest snapshot is torn", "a snapshot whose checksum holds",
                       "restore its partition of state: docs/architecture.md, Recovery")  # fmt: skip
    if task.committed_ms is None:
        starting = open_s < STARTING_S
        return Finding(check, "warn" if starting else "fail",
                       "starting" if starting else f"has never committed; {task.lag:,} records wait for it",
                       wanted, restart)  # fmt: skip
    age_s = (now_ms - task.committed_ms) / 1_000
    if task.halted is not None:
        bad, among = task.halted
        return Finding(check, "fail", f"halted: {bad:,} of {among:,} inputs were refused", "a feed that can be used",
                       f"{program} dlq list shows them; then docs/operations.md, Too much is refused")  # fmt: skip
    if age_s > STALLED_S:
        return Finding(check, "fail", f"stalled: lag {task.lag:,} records, last commit {span(age_s)} ago", wanted,
                       f"{restart} (takes its place: Kafka shuts the stalled process out)")  # fmt: skip
    if task.recovery is not None:
        return Finding(check, "warn", _recovering(task.recovery), "a task that has caught up",
                       "wait; tapedeck top shows how far it is")  # fmt: skip
    if task.lag > LAG_RECORDS_WARN:
        return Finding(check, "warn", f"behind by {task.lag:,} records", f"at most {LAG_RECORDS_WARN:,}",
                       "give it a core of its own, or take load off the machine: top -o %CPU")  # fmt: skip
    return Finding(check, "ok", f"lag {task.lag:,} records, last commit {span(age_s)} ago")


def _recovering(recovery: RecoveryProgress) -> str:
    left = "" if recovery.left_s is None else f", about {span(recovery.left_s)} left"
    return f"recovering: {recovery.done:,} of {recovery.to_do:,} inputs, {span(recovery.elapsed_s)} so far{left}"


def _sources(
    now_ms: int, open_s: float, clock_ms: int | None, feed_ms: int | None, program: str
) -> list[Finding]:  # fmt: skip
    found = []
    for name, last_ms, bound_s, grave in (
        ("clock", clock_ms, CLOCK_STALE_S, "fail"), ("feed", feed_ms, FEED_SILENT_S, "warn"),
    ):  # fmt: skip
        age_s = open_s if last_ms is None else (now_ms - last_ms) / 1_000
        said = "has never said anything" if last_ms is None else f"last heard {span(age_s)} ago"
        if age_s <= bound_s:
            found.append(Finding(name, "ok", said if last_ms is not None else "starting"))
            continue
        starting = last_ms is None and open_s < STARTING_S
        found.append(Finding(name, "fail" if grave == "fail" and not starting else "warn", said,
                             f"within {bound_s:g} s", f"{program} up --only {name}"))  # fmt: skip
    return found
