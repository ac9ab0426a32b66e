"""How far a live task has heard a side topic, by what it has committed: the log's own word, whoever asks.

A task's newest committed snapshot holds where it stands on its sides and how many inputs it has consumed. What lies
before that place has taken effect, and holds through every restart.
"""

from __future__ import annotations

from dataclasses import dataclass

from schemas.header import HOP_NUMBER
from schemas.topics import topic_name
from streams.log import Log
from streams.snapshot import newest_record
from streams.state_bytes import load_values

NANOS_PER_MS = 1_000_000


@dataclass(frozen=True, slots=True)
class Heard:
    """A task's committed place on a side topic.

    Attributes:
        offset: Offset of the next record to be heard there.
        inputs: Primary inputs consumed by then, over all lives.
        committed_ns: Wall time of that commit, ns UTC; 0 where the log keeps none (memory).
    """

    offset: int
    inputs: int
    committed_ns: int


def heard(log: Log, task: str, hop: str, side: str, *, namespace: str = "") -> Heard | None:
    """How far a task has heard; None where it has never committed, or does not listen there.

    Args:
        log: Where.
        task: Its name.
        hop: The last hop it runs: whose partition of ``state`` is its own.
        side: Table name of the side topic.
        namespace: Topic prefix of the run; none for live.

    Raises:
        BrokerError: No broker answers.
        SnapshotError: The newest snapshot is torn.
    """
    topic = topic_name(namespace, "state")
    if log.partitions(topic) <= HOP_NUMBER[hop]:
        return None
    record = newest_record(log, topic, HOP_NUMBER[hop], task)
    if record is None:
        return None
    values = load_values(record.value)
    place = values["sides"].get(side)
    if place is None:
        return None
    return Heard(place["offset"], values["input"]["ordinal"], record.timestamp_ms * NANOS_PER_MS)
