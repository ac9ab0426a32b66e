"""What people say: a document appended to ``control`` exactly once, in one order with whatever others say.

Several people may write at once, each in a process of their own, and any of them may die on the way. So each takes the
one transactional id over, reads the last committed number back, appends the next and commits. Whoever is overtaken by
another (``Fenced``) tries again. Where the outcome of a commit is not known, the log is asked before anything is said
again. Readers read committed: what was cut off half-way was never said.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

from schemas.catalog import BY_EVENT
from schemas.codec import encode
from schemas.document import Document
from schemas.errors import BadFrame, BrokerError, DeliveryError, Fenced
from schemas.header import Header, no_stamps, pack, unpack
from schemas.topics import TOPICS, topic_name
from streams.clock import monotonic_s, sleep_s
from streams.log import Log, Record, TopicSpec
from streams.read_back import last_header
from streams.visible import wait_visible

PEOPLE = "people"
"""Writer name of records that people (here: the command they gave) write."""
CONTROL = "control"
PARTITION = 0
ATTEMPTS_MAX = 50
"""Times that a document is tried to be written while others keep overtaking."""
ATTEMPTS_S_MAX = 60.0
"""No further attempt begins after so long."""
PAUSE_S = 0.02
PAUSE_S_MAX = 1.0
"""Pause before the second attempt, and the longest; drawn at random below it, so that two do not keep step."""


@dataclass(frozen=True, slots=True)
class Written:
    """Where a document stands: it was said once, and is there for ever."""

    topic: str
    partition: int
    offset: int
    seq: int

    def __str__(self) -> str:
        return f"{self.topic}[{self.partition}]@{self.offset}"


def append(
    log: Log, document: Document, *, namespace: str = "", ts: int = 0, confirm: Callable[[], None] = lambda: None
) -> Written:  # fmt: skip
    """Append a document to ``control``, which is created where it is not there; returns when all can read it.

    Args:
        log: Where.
        document: Halt, resume, change of limits, opening of a run.
        namespace: Topic prefix of the run; none for live.
        ts: Log time for the record's header, ns.
        confirm: Called when the place to write is held, before each attempt: what it raises ends the attempts. Whatever
            it found still holds when the document is committed: whoever writes meanwhile shuts this writer out.

    Raises:
        BadFrame: The document breaks its own declaration.
        BrokerError: It could not be written; or, as the message then says, it is not known whether it was.
    """
    topic = topic_name(namespace, CONTROL)
    value = encode(document)
    if not log.partitions(topic):
        kept = next(t.kept for t in TOPICS if t.name == CONTROL)
        log.create([TopicSpec(topic, compacted=kept == "compacted")])
    since = log.bounds(topic, PARTITION)[1]
    unsure, failure = False, ""
    until = monotonic_s() + ATTEMPTS_S_MAX
    for attempt in range(ATTEMPTS_MAX):
        if attempt:
            if monotonic_s() >= until:
                break
            sleep_s(random.uniform(0, min(PAUSE_S_MAX, PAUSE_S * 2**attempt)))
        try:
            writer = log.writer(namespace + PEOPLE)
            try:
                if unsure and (found := _find(log, topic, since, value)) is not None:
                    return found
                unsure = False
                confirm()
                seq = _next_seq(log, topic)
                writer.begin()
                writer.append(topic, PARTITION, b"", value, _header(document, seq, ts))
                unsure = True
                writer.commit()
                offset = writer.delivered(topic, PARTITION)
                wait_visible(log, topic, PARTITION, offset)
                return Written(topic, PARTITION, offset, seq)
            finally:
                writer.close()
        except BrokerError as error:
            if not unsure and not isinstance(error, Fenced | DeliveryError):
                raise
            failure = str(error)
    raise DeliveryError(
        "it is not known whether this was written" if unsure else "nothing was written: others keep writing",
        kind="unsaid", got=failure, where=topic, fix="see what holds: tapedeck risk show; then say it again if need be",
    )  # fmt: skip


def _header(document: Document, seq: int, ts: int) -> bytes:
    schema = BY_EVENT[type(document)]
    return pack(
        Header(schema=schema.number, version=schema.version, seq=seq, time=ts, writer=PEOPLE, stamps=no_stamps())
    )


def _next_seq(log: Log, topic: str) -> int:
    last = last_header(log, topic, PARTITION, PEOPLE, committed=True)
    return 0 if last is None else last.seq + 1


def _find(log: Log, topic: str, since: int, value: bytes) -> Written | None:
    """Our document, if it was committed after all."""
    for record in log.scan(topic, PARTITION, since, committed=True):
        if record.value == value and (seq := _seq_of_people(record)) is not None:
            return Written(topic, PARTITION, record.offset, seq)
    return None


def _seq_of_people(record: Record) -> int | None:
    try:
        header = None if record.header is None else unpack(record.header)
    except BadFrame:
        return None
    return header.seq if header is not None and header.writer == PEOPLE else None
