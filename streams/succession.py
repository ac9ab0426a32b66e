"""What a task takes over from the run before: each agent's state restored, migrated, or re-warmed from its input.

A run of other code, model, view or parameters begins where every task of the run before ended, with its states:

1. A state that fits goes on as it is.
2. One that does not, and whose kind the agent has a migration for (``Migrating``), is turned into one that does.
3. One that is made of the input alone (``Rewarming.rebuildable``) is built anew: a stretch of the committed input up to
   the cut runs through the new code, and nothing that comes out of it is published.
4. Any other is refused. Positions, halts and unanswered intents are never begun afresh.

The stretch reaches back ``REWARM_S`` of log time, or ``REWARM_RECORDS_MAX`` records, and the task's first commit,
before any output, records from which offset: whoever has the log can repeat it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Protocol, runtime_checkable

from schemas.errors import BadFrame, SnapshotError
from schemas.header import unpack
from streams.agent import Agent, Batch, Out
from streams.inputs import FRAMES_MAX, Input
from streams.log import Log, Record
from streams.snapshot import TaskState
from streams.state_bytes import kind_of
from streams.task_plan import TaskPlan

REWARM_S = 600.0
"""Log time for which a state is re-warmed: ten half-lives of a minute. What decays more slowly begins colder."""
REWARM_RECORDS_MAX = 500_000
"""Input records read for it at most."""
FOREIGN = f"{SnapshotError.code}.foreign"
MIGRATIONS_MAX = 64
"""Migrations one after the other: more is a circle."""
WINDOW_RECORDS = 1_024
"""First look back for the stretch's beginning, in offsets; four times as far each time that it lies further back."""
NANOS = 1_000_000_000

Migration = Callable[[bytes], bytes]
"""A snapshot's bytes of one kind to bytes of the next."""


@runtime_checkable
class Migrating(Protocol):
    """An agent that can use what an earlier version of it left."""

    @property
    def migrations(self) -> Mapping[str, Migration]:
        """By the kind of the old bytes (``streams/state_bytes.py``)."""
        ...


@runtime_checkable
class Rewarming(Protocol):
    """An agent whose state, or a part of it, can be built from its input.

    A state with a true attribute ``cold`` asks for the part that can.
    """

    @property
    def rebuildable(self) -> bool:
        """Whether all of the state can: nothing in it came from anywhere but the input."""
        ...

    def rewarm(self, state: Any, batch: Batch) -> Out:
        """Take inputs in without consequences. The rows go to the next hop's re-warming, and nowhere else."""
        ...


@dataclass(slots=True)
class Succession:
    """How a task took over.

    Attributes:
        run: The run before.
        build: Hash of the code that wrote the snapshot; empty where it names none.
        migrated: Kind that a state had, by hop.
        rewarmed: Hops whose state, or a part of it, was built from the input.
        stretch: Offsets of the input that was used for it: the first, and the one after the last. None: none was.
        rows: Inputs in the stretch.
    """

    run: str
    build: str
    migrated: dict[str, str] = field(default_factory=dict)
    rewarmed: list[str] = field(default_factory=list)
    stretch: tuple[int, int] | None = None
    rows: int = 0

    def document(self) -> dict[str, Any]:
        """As it stands in the task's snapshots while its run lasts."""
        return {
            "run": self.run, "build": self.build, "migrated": self.migrated, "rewarmed": self.rewarmed,
            "stretch": None if self.stretch is None else list(self.stretch), "rows": self.rows,
        }  # fmt: skip


def carried_over(stages: Sequence[Agent], snapshot: TaskState) -> tuple[list[Any], Succession]:
    """The states that go on from another run's snapshot; what must be re-warmed is named, and cold still.

    Raises:
        SnapshotError: A state fits neither as it is nor migrated, and cannot be built anew.
    """
    values = snapshot.values
    succession = Succession(str(values.get("run", "")), str(values.get("build", "")))
    states = []
    for stage, data in zip(stages, snapshot.agents, strict=True):
        state = _fitting(stage, data, succession)
        if getattr(state, "cold", False):
            succession.rewarmed.append(stage.name)
        states.append(state)
    return states, succession


def check_left(settled: bool, plan: TaskPlan, succession: Succession) -> None:
    """Refuse to take over from a task that left something uncommitted: it would be compared with what other code makes.

    Raises:
        SnapshotError: It did; says which run's.
    """
    if settled:
        return
    raise SnapshotError(
        "the run before left records uncommitted here, and only its own code can regenerate them", kind="other_code",
        got=f"run {succession.run}, build {succession.build[:12] or 'unnamed'}",
        allowed=f"a task that ended in order before run {plan.run}", where=plan.name,
        fix="bring that release back, let it end, and cut again: docs/releases.md",
    )  # fmt: skip


def rewarm(
    log: Log, plan: TaskPlan, source: Input, stages: Sequence[Agent], states: Sequence[Any], succession: Succession,
    at: Input,
) -> None:  # fmt: skip
    """Run the stretch of committed input before the cut through the stages that are cold.

    Args:
        log: Where.
        plan: The task's.
        source: A reader of the input of its own: what it counts is thrown away.
        stages: The task's.
        states: Theirs; of a hop that is not cold it is left alone, and a scratch one serves the hops behind it.
        succession: Whose ``rewarmed`` names the cold ones; is told the stretch.
        at: The task's input, where the run before ended. Of the frame there, rows may have been consumed.
    """
    cold = [i for i, stage in enumerate(stages) if stage.name in succession.rewarmed]
    if not cold:
        return
    chain = stages[: cold[-1] + 1]
    scratch = [states[i] if i in cold else stage.start() for i, stage in enumerate(chain)]
    writer = plan.writers.get(stages[0].reads)
    if stages[0].reads.startswith("raw."):
        end = _End("", at.offset, None)
    elif isinstance(writer, str):
        end = _End(writer, at.offset, at.seqs.get(writer))
    else:
        raise AssertionError(f"{stages[0].reads} has several writers, and what is made of it is never begun afresh")
    low = last = _beginning(log, source.topic, source.partition, end)
    records = _before(log, source.topic, source.partition, low, end)
    while some := [record for record, _ in islice(records, FRAMES_MAX)]:
        last = some[-1].offset + 1
        source.push(some)
        while (arrival := source.take()) is not None:
            if isinstance(arrival, Batch) and len(batch := _consumed(arrival, end)):
                succession.rows += len(batch)
                _through(chain, scratch, batch)
    succession.stretch = (low, last)


@dataclass(frozen=True, slots=True)
class _End:
    """Where the stretch ends.

    Payloads lie before an offset. Rows have a ``seq`` below a writer's next: the task may have read them uncommitted,
    and what was committed in their stead lies further on than where it stands.
    """

    writer: str
    offset: int
    seq: int | None


def _fitting(stage: Agent, data: bytes, succession: Succession) -> Any:
    try:
        return stage.restore(data)
    except SnapshotError as error:
        if error.kind != FOREIGN:  # torn, or an instrument is gone: nothing that another form would mend
            raise
        refused = error
    migrated = _migrated(stage, data)
    if migrated is not None:
        succession.migrated[stage.name] = kind_of(data)
        return stage.restore(migrated)
    if isinstance(stage, Rewarming) and stage.rebuildable:
        succession.rewarmed.append(stage.name)
        return stage.start()
    raise SnapshotError(
        f"what {stage.name} holds cannot be carried over to this release",
        kind="not_carried",
        got=str(refused),
        allowed="a state that fits, or a migration from its kind",
        fix="cut back to the release before, or write a migration: docs/releases.md",
    ) from refused


def _migrated(stage: Agent, data: bytes) -> bytes | None:
    """The newest form that the agent's migrations lead to; None where it has none for this kind."""
    if not isinstance(stage, Migrating) or not data:
        return None
    form = data
    for _ in range(MIGRATIONS_MAX):
        step = stage.migrations.get(kind_of(form))
        if step is None:
            return None if form is data else form
        form = step(form)
    raise SnapshotError("migrations lead in a circle", kind="foreign", got=kind_of(form), where=stage.name)


def _beginning(log: Log, topic: str, partition: int, end: _End) -> int:
    """Offset of the first record whose log time is within ``REWARM_S`` of the newest before the cut."""
    low, high = log.bounds(topic, partition)
    high = min(high, end.offset)  # the log may have gone on far beyond the cut
    low = max(low, high - REWARM_RECORDS_MAX)
    window = WINDOW_RECORDS
    while True:
        start = max(low, high - window)
        times = [(record.offset, time) for record, time in _before(log, topic, partition, start, end)]
        since = max((time for _, time in times), default=0) - round(REWARM_S * NANOS)
        known = [time for _, time in times if time]  # a stranger's record tells none
        if start == low or (known and known[0] < since):
            return next((offset for offset, time in times if time >= since), start)
        window *= 4


def _before(log: Log, topic: str, partition: int, start: int, end: _End) -> Iterator[tuple[Record, int]]:
    """Committed records before the cut from an offset on, each with its log time; a stranger's counts as old."""
    for record in log.scan(topic, partition, start, committed=True):
        try:
            header = None if record.header is None else unpack(record.header)
        except BadFrame:
            header = None
        if end.seq is None:
            passed = record.offset >= end.offset
        else:
            passed = header is not None and header.writer == end.writer and header.seq >= end.seq
        if passed:
            return
        yield record, 0 if header is None else header.time


def _consumed(batch: Batch, end: _End) -> Batch:
    """The items of a batch that were consumed before the cut: of the last frame it may be a part."""
    if end.seq is None or not len(batch) or int(batch.origins["seq"][-1]) < end.seq:
        return batch
    return Batch.of(batch.items[: int((batch.origins["seq"] < end.seq).sum())])


def _through(chain: Sequence[Agent], states: Sequence[Any], batch: Batch) -> None:
    """One batch through the stages, as far as it makes rows for the next."""
    for i, stage in enumerate(chain):
        if not isinstance(stage, Rewarming):
            return
        out = stage.rewarm(states[i], batch)
        following = chain[i + 1].reads if i + 1 < len(chain) else ""
        rows = next((made.rows for made in out.rows if made.topic == following), None)
        if rows is None or not len(rows):
            return
        batch = Batch.of(rows)
