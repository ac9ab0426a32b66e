"""The last events of a topic, and those that follow, as lines."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from itertools import chain

from console.decoded import Definitions, Event, as_json, as_text, events_of, heading
from console.topic_names import find_topic, split_name
from schemas.catalog import END
from schemas.codec import decode
from schemas.definition import Definition
from schemas.errors import BadInput
from schemas.header import unpack
from streams.log import Log, Place, Record
from streams.namespace import LIVE, namespaces

LOOK_BACK_OFFSETS_MIN = 64
"""First look back, in offsets; twice the events asked for where that is more, and four times as far each time again."""
READ_RECORDS = 1_000
READ_WAIT_S = 0.2
"""Longest wait in one read: how late ctrl-C may be noticed."""


def tail_topic(log: Log, topic: str, run: str | None, number: int, *, follow: bool, json: bool) -> Iterator[str]:
    """Lines of the last ``number`` events, then of those that follow until the run ends.

    Raises:
        ConfigError: No such run or topic; says which are nearest.
        BrokerError: The log cannot be read.
    """
    names = log.names()
    full = find_topic(names, topic, run)
    definitions = _definitions(log, names, full)
    last: list[Event] = []
    places: dict[Place, int] = {}
    ended: set[Place] = set()
    for partition in range(log.partitions(full)):
        found, after, over = _last_of(log, full, partition, number)
        last += found
        places[(full, partition)] = after
        if over:
            ended.add((full, partition))
    last.sort(key=lambda event: (event.time, event.record.partition, event.record.offset))
    headed = False
    for event in chain(last[max(0, len(last) - number) :], _following(log, places, ended) if follow else ()):
        if not headed and not json and (line := heading(event)):
            yield line
        headed = True
        yield as_json(event, definitions) if json else as_text(event, definitions)


def _last_of(log: Log, topic: str, partition: int, number: int) -> tuple[list[Event], int, bool]:
    """The last events of a partition, the offset to go on from, and whether its run has ended."""
    low, high = log.bounds(topic, partition)
    window = max(LOOK_BACK_OFFSETS_MIN, 2 * number)
    while True:
        start = max(low, high - window)
        events: deque[Event] = deque(maxlen=number)
        after, over = start, False
        for record in log.scan(topic, partition, start, committed=True) if high > start else ():
            events.extend(events_of(record))
            after, over = record.offset + 1, _is_end(record)
        if len(events) >= number or start == low:
            return list(events), after, over
        window *= 4


def _following(log: Log, places: dict[Place, int], ended: set[Place]) -> Iterator[Event]:
    """Events from the given offsets on, until every partition's run has ended."""
    left = {place: offset for place, offset in places.items() if place not in ended}
    if not left:
        return
    reader = log.reader(left, committed=True)
    try:
        while left:
            for record in reader.read(READ_RECORDS, READ_WAIT_S):
                yield from events_of(record)
                if _is_end(record):
                    left.pop((record.topic, record.partition), None)
    finally:
        reader.close()


def _is_end(record: Record) -> bool:
    try:
        return record.header is not None and unpack(record.header).schema == END.number
    except BadInput:
        return False


def _definitions(log: Log, names: list[str], full: str) -> Definitions:
    """The run's instruments by id; those that cannot be read are left out: it is names that are wanted."""
    runs = namespaces(names)
    run, _ = split_name(full, runs)
    topic = ("" if run == LIVE else runs[run]) + "definitions"
    found: dict[int, Definition] = {}
    if topic not in names:
        return found
    for record in log.scan(topic, 0, 0, committed=True):
        try:
            definition = decode(record.value, Definition)
        except BadInput:
            continue
        found[definition.instrument_id] = definition
    return found
