"""What a task is, beside its agents: its name, its run, and how it is cut into reads, frames and commits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from schemas.header import Side
from schemas.topics import is_spread, topic_name
from streams.admission import Writers
from streams.breaker import BAD_MIN, BAD_SHARE_MAX
from streams.frame import FRAME_ROWS_DEFAULT
from streams.held_rows import HOLD_S
from streams.inputs import FRAMES_MAX

COMMIT_INTERVAL_S = 2.0
"""Longest time between commits of a task that does not commit every batch."""


REPLAYS = "replay."
"""How the namespace of a replay begins."""

RECORDED = "recorded."
"""In a replay's namespace: before the topics that hold what the live run's tasks heard beside their input."""

HEARTBEAT_S = 5.0
"""Longest time between commits of a live task, whether anything came or not: committed progress shows that it lives."""

CLOCK_AGE_S_MAX = 2.0
"""Where a live task listens to the clock and its newest record is older than this, the task takes no input for as long
again; then its agents are told that the clock has stopped."""


@dataclass(frozen=True, slots=True)
class TaskPlan:
    """What a task is, beside its agents.

    Attributes:
        name: Writer name in headers, and suffix of the transactional id.
        namespace: Topic prefix of the run.
        source: Source whose raw and tick topics are meant by ``<source>``.
        run: Run id, for end records.
        mode: ``play``: sides are read only when an agent waits for them. ``live``: they are applied as they come,
            and the place of each is recorded.
        lasting: Part of a live run, which has no end: the task commits every ``heartbeat_s`` at the least, whatever its
            ``mode``. A live run's paper venue goes by log time, as in play.
        partition: Its own, of the topics that have several (``schemas/partitions.py``); of all others it is 0.
        state_partition: Partition of ``state`` that is this task's alone.
        apart: Each partition is a desk of its own, and all that tasks write has several partitions.
        commit_every_batch: Commit after every batch instead of every ``commit_interval_s``.
        heartbeat_s: Longest time between commits of a lasting task.
        clock_age_s_max: Oldest clock by the wall at which a live task that listens to it takes input.
        records_max: Records taken from the log in one read, at most: fewer where they are documents or large frames.
        frame_rows: Rows in a frame, at most. Neither changes what is written, only how it is cut.
        hold_s: Longest time for which rows for the record wait for more of them (``streams/held_rows.py``).
        bad_share_max: Largest share of refused inputs among the last ones (``streams/breaker.py``); 1: any.
        bad_min: So many must be refused before their share counts.
        writers: Who writes each topic, by table name; what anybody else has put there is refused. A topic that is not
            named takes records of any writer.
        build: Hash of the code, for the snapshots to name; empty where nobody asks.
        owner: Who runs it, as its snapshots tell: host and process.
        borrowed: Full names of topics of another run that are read, by table name: a shadow reads the live ticks.
        recorded: A replay of a live run: the place of every side record, as the run recorded it, in order. Then nothing
            is placed freely, and sides are read from what was recorded (``RECORDED``), not from what the replay makes.
    """

    name: str
    namespace: str
    source: str
    run: str
    mode: Literal["live", "play"] = "play"
    lasting: bool = False
    partition: int = 0
    state_partition: int = 0
    apart: bool = False
    commit_every_batch: bool = False
    commit_interval_s: float = COMMIT_INTERVAL_S
    heartbeat_s: float = HEARTBEAT_S
    clock_age_s_max: float = CLOCK_AGE_S_MAX
    records_max: int = FRAMES_MAX
    frame_rows: int = FRAME_ROWS_DEFAULT
    hold_s: float = HOLD_S
    bad_share_max: float = BAD_SHARE_MAX
    bad_min: int = BAD_MIN
    writers: Mapping[str, Writers] = field(default_factory=dict)
    build: str = ""
    owner: str = ""
    borrowed: Mapping[str, str] = field(default_factory=dict)
    recorded: tuple[Side, ...] | None = None

    def topic(self, table_name: str) -> str:
        """Full topic name of a table name in this run, or of the one that it is borrowed from."""
        return self.borrowed.get(table_name) or topic_name(self.namespace, table_name, self.source)

    def side_topic(self, table_name: str) -> str:
        """Full name of a topic that is read beside the primary one."""
        if self.recorded is None:
            return self.topic(table_name)
        return topic_name(self.namespace + RECORDED, table_name, self.source)

    @property
    def replayed(self) -> bool:
        """Whether its topics are a replay's, fed from what was recorded."""
        return self.namespace.startswith(REPLAYS)

    @property
    def sole(self) -> bool:
        """Whether a source's publisher is known to send nothing twice: a live one is."""
        return self.lasting or self.replayed

    def partition_of(self, table_name: str) -> int:
        """Partition of a topic that this task reads or writes; of ``state`` see ``state_partition``."""
        spread = is_spread(table_name) or (self.apart and table_name not in self.borrowed)
        return self.partition if spread else 0
