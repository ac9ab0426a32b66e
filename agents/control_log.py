"""``control`` read back: every document in its order, whether it took effect, and what stands because of it.

Read by the same rules as a task reads it (``streams/inputs.py``), so whoever asks comes to the same as the risk task.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from agents.limit_keys import Address, Flat, Value
from agents.standing import Standing
from schemas.document import Document
from schemas.errors import ConfigError
from schemas.topics import topic_name
from streams.admission import schemas_of
from streams.agent import Batch
from streams.inputs import Input
from streams.log import Log
from streams.people import PEOPLE

CONTROL = "control"
Difference = tuple[Address, Value | None, Value | None]
"""Where, what was in force before, and what is."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One document: its offset, why it took no effect (None where it did), and the limits that it changed."""

    offset: int
    document: Document
    refused: ConfigError | None
    differences: tuple[Difference, ...]


@dataclass(slots=True)
class ControlLog:
    """What has been said so far, and what stands."""

    entries: list[Entry] = field(default_factory=list)
    standing: Standing = field(default_factory=Standing)


def read_control(log: Log, *, namespace: str = "") -> ControlLog:
    """All that is committed on a run's ``control``. Empty where there is no such topic yet.

    Raises:
        BrokerError: The log cannot be read.
    """
    read = ControlLog()
    topic = topic_name(namespace, CONTROL)
    if not log.partitions(topic):
        return read
    # Holes are the risk task's to complain of: whoever only looks, or must halt, is not kept from it.
    source = Input(log, topic, 0, gapless=False, accepts=schemas_of(CONTROL), writer=PEOPLE)
    source.push(list(log.scan(topic, 0, 0, committed=True)))
    while (arrival := source.take(1)) is not None:
        if isinstance(arrival, Batch):
            read.entries.append(_applied(read.standing, int(arrival.origins["offset"][0]), arrival.items[0]))
    return read


def _applied(standing: Standing, offset: int, document: Document) -> Entry:
    before, refused = standing.flat_limits, standing.why_refused(document)
    standing.apply(document)
    return Entry(offset, document, refused, _differences(before, standing.flat_limits))


def _differences(before: Flat, after: Flat) -> tuple[Difference, ...]:
    return tuple(
        (address, before.get(address), after.get(address))
        for address in sorted({**before, **after})
        if before.get(address) != after.get(address)
    )
