"""How far each task has come, judged by what it has committed: the log's own word, whoever asks, on any host.

A task's newest committed snapshot says how many inputs it has consumed and where it stands in them; Kafka's timestamp
of that record says when. What lies between that place and the end of the input is its lag. A task that has lag and
commits no progress has stalled, however lively its process looks.
"""

from __future__ import annotations

from dataclasses import dataclass

from streams.breaker import tripped
from streams.log import Log, Record
from streams.recovery import RecoveryProgress
from streams.snapshot import newest_record
from streams.state_bytes import load_values

NANOS_PER_MS = 1_000_000


@dataclass(frozen=True, slots=True)
class Progress:
    """One task's committed progress.

    Attributes:
        inputs: Items consumed since the task began, over all its lives.
        offset: Offset of the next input record.
        end: Offset after the last input record, uncommitted ones and markers included.
        snapshots: Snapshots committed so far.
        committed_ns: Wall time of the newest, ns UTC; 0 where the log keeps none (memory).
        halted: It has halted, since so many of so many inputs were refused; None where it has not.
        recovery: How far it was in working off what lay there when its life began; None where that is over.
        owner: Who ran the task then: host and process; empty where its snapshot does not say.
    """

    inputs: int
    offset: int
    end: int
    snapshots: int
    committed_ns: int
    halted: tuple[int, int] | None = None
    recovery: RecoveryProgress | None = None
    owner: str = ""

    @property
    def lag(self) -> int:
        """Input records (markers included: an upper bound) that are not yet behind a commit."""
        return max(0, self.end - self.offset)


def progress(
    log: Log, *, state_topic: str, state_partition: int, task: str, input_topic: str, input_partition: int = 0
) -> Progress | None:  # fmt: skip
    """Progress of a task on a partition of its input; None where it has never committed.

    Raises:
        BrokerError: There is no such topic, or no broker answers.
        SnapshotError: The newest snapshot is torn.
    """
    record = newest_record(log, state_topic, state_partition, task)
    return None if record is None else _progress(record, log.bounds(input_topic, input_partition)[1])


def _progress(record: Record, end: int) -> Progress:
    values = load_values(record.value)
    place, committed_ns = values["input"], record.timestamp_ms * NANOS_PER_MS
    found = tripped(values.get("breaker"))
    return Progress(
        place["ordinal"], place["offset"], end, values["snapshots"], committed_ns,
        None if found is None else found[:2],
        RecoveryProgress.told(values.get("recovery"), place["ordinal"], committed_ns), values.get("owner", ""),
    )  # fmt: skip
