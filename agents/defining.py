"""Definitions of instruments: each written once, whoever comes first; and which of them a run is built from.

A run knows what was defined before it was opened, and nothing that is added later: so whoever dies and comes back, or
plays it again, refuses and accepts the same payloads. What is added takes effect with the next opening.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from msgspec import UNSET

from schemas.catalog import DEFINITION
from schemas.codec import decode, encode
from schemas.control import RunOpened
from schemas.definition import Definition
from schemas.errors import BadFrame, Fenced
from schemas.header import Header, no_stamps, pack, unpack
from schemas.topics import topic_name
from streams.clock import wall_ns
from streams.log import Log
from streams.people import PEOPLE
from streams.read_back import last_header
from streams.visible import wait_visible

logger = logging.getLogger(__name__)

DEFINITIONS = "definitions"
ATTEMPTS_MAX = 20
"""Times that definitions are tried to be written while others who open the run keep overtaking."""


@dataclass(frozen=True, slots=True)
class Defined:
    """A definition and its record.

    Attributes:
        definition: What it says.
        seq: Its number; -1 where a stranger wrote it without a header.
        ts_known: When it became known, ns UTC; 0 in play.
        offset: In ``definitions``.
    """

    definition: Definition
    seq: int
    ts_known: int
    offset: int


def all_defined(log: Log, namespace: str = "") -> list[Defined]:
    """Every committed definition of a run's topics, in order; none where the topic is not there."""
    topic = topic_name(namespace, DEFINITIONS)
    found: list[Defined] = []
    for record in log.scan(topic, 0, 0, committed=True) if log.partitions(topic) else ():
        try:
            definition = decode(record.value, Definition)
            header = None if record.header is None else unpack(record.header)
        except BadFrame as error:  # junk that somebody has put there must not keep a task from coming back
            logger.warning("%s[0]@%d skipped: %s", topic, record.offset, error.told)
            continue
        seq, time = (-1, 0) if header is None else (header.seq, header.time)
        found.append(Defined(definition, seq, time, record.offset))
    return found


def known_to(opening: RunOpened, found: Iterable[Defined]) -> list[Definition]:
    """Those that a run is built from."""
    end = opening.defined
    return [d.definition for d in found if end is UNSET or d.seq < end]


def numbered(log: Log) -> int:
    """One more than the highest number of a live definition: what an opening that knows them all says."""
    return max((d.seq for d in all_defined(log)), default=-1) + 1


def added_since(log: Log, opening: RunOpened) -> bool:
    """Whether something was defined on the live topics that a run does not know."""
    return opening.defined is not UNSET and numbered(log) > opening.defined


def undefined(log: Log, definitions: Sequence[Definition]) -> list[Definition]:
    """Those definitions that are not there as they are."""
    known = {record.value for record in log.scan(DEFINITIONS, 0, 0, committed=True)}
    return [definition for definition in definitions if encode(definition) not in known]


def define(log: Log, definitions: Sequence[Definition], ts_known: int | None = None) -> None:
    """Append the definitions that are not there as they are; returns when they can be read.

    Args:
        log: Where.
        definitions: Instruments.
        ts_known: When they became known, ns UTC, as the record's time; None: now.

    Raises:
        BrokerError: They cannot be written.
    """
    if undefined(log, definitions):
        append_definitions(log, lambda: undefined(log, definitions), ts_known)


def append_definitions(
    log: Log, missing: Callable[[], Sequence[Definition]], ts_known: int | None = None
) -> Sequence[Definition]:  # fmt: skip
    """Append definitions while nobody else can; returns when they can be read.

    Args:
        log: Where; its ``definitions`` topic is there.
        missing: Says which, once the place to write is held: what it reads still holds when they are committed.
        ts_known: As ``define``.

    Returns:
        Those that were appended.

    Raises:
        BrokerError: They cannot be written.
    """
    time = wall_ns() if ts_known is None else ts_known
    for attempt in range(ATTEMPTS_MAX):
        writer = log.writer("definitions")
        try:
            wanted = missing()
            if not wanted:
                return ()
            last = last_header(log, DEFINITIONS, 0, PEOPLE)
            seq = 0 if last is None else last.seq + 1
            writer.begin()
            for n, definition in enumerate(wanted):
                writer.append(
                    DEFINITIONS, 0, definition.instrument.encode(), encode(definition), _header(seq + n, time)
                )
            writer.commit()
            wait_visible(log, DEFINITIONS, 0, writer.delivered(DEFINITIONS, 0))
            return wanted
        except Fenced:
            if attempt == ATTEMPTS_MAX - 1:
                raise
        finally:
            writer.close()
    raise AssertionError("an attempt returns or raises")


def _header(seq: int, time: int) -> bytes:
    return pack(
        Header(
            schema=DEFINITION.number, version=DEFINITION.version, seq=seq, time=time, writer=PEOPLE, stamps=no_stamps()
        )
    )  # fmt: skip
