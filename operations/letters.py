"""Dead letters read back from ``dlq``, as a committed reader sees them: each refused input once."""

from __future__ import annotations

import base64
import binascii
from collections import deque
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from schemas.codec import decode
from schemas.dead_letter import DeadLetter
from schemas.errors import BadFrame, ConfigError
from schemas.header import unpack
from schemas.topics import table_row, topic_name
from streams.log import Log, Record
from streams.namespace import LIVE, namespaces, newest_run

DLQ = "dlq"
NANOS_PER_MS = 1_000_000
RUNS_SHOWN_MAX = 5


@dataclass(frozen=True, slots=True)
class Filed:
    """One dead letter and where it lies.

    Attributes:
        partition: Of ``dlq``.
        offset: There: the letter's number.
        filed_ns: When it was written, wall ns; 0 where the log keeps no time (memory).
        letter: The letter.
    """

    partition: int
    offset: int
    filed_ns: int
    letter: DeadLetter

    @property
    def place(self) -> str:
        """Where the refused input lies."""
        return f"{self.letter.topic}[{self.letter.partition}]@{self.letter.offset}"

    @property
    def payload(self) -> bytes:
        """The refused input's value, as it was."""
        return unpacked(self.letter.payload)

    @property
    def key(self) -> bytes:
        """The refused input's key, as it was."""
        return unpacked(self.letter.key)


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which letters are meant; what is empty or 0 stands for any.

    Attributes:
        kind: A kind (``bad_payload.zero_price``) or a whole class of them (``bad_payload``).
        topic: Full name of the topic of the refused input, or as in the table, with or without its source.
        since_ns: Written at that wall time or later.
    """

    kind: str = ""
    topic: str = ""
    since_ns: int = 0

    def has(self, filed: Filed, namespace: str) -> bool:
        """Whether a letter is meant."""
        letter = filed.letter
        kinds = {letter.code, letter.kind or letter.code}
        short = letter.topic.removeprefix(namespace)
        row = table_row(short)
        topics = {letter.topic, short, "" if row is None else row.name.partition(".<")[0]}
        return (
            (not self.kind or self.kind in kinds)
            and (not self.topic or self.topic in topics)
            and filed.filed_ns >= self.since_ns
        )


def namespace_of(log: Log, run: str | None) -> tuple[str, str]:
    """The run meant and its topic prefix.

    Args:
        log: Where.
        run: Run id, or ``live``; None for the live run where one was opened, else the newest.

    Raises:
        ConfigError: There is no such run.
        BrokerError: No broker answers.
    """
    names = log.names()
    runs = namespaces(names)
    if run is None:
        run = LIVE if topic_name("", "control") in names else newest_run(names) or LIVE
    if run != LIVE and run not in runs:
        known = ", ".join([LIVE, *list(reversed(runs))[:RUNS_SHOWN_MAX]])
        raise ConfigError("no such run", kind="no_run", got=run, allowed=known, where="--run")
    return run, runs.get(run, "")


def letters(log: Log, namespace: str, wanted: Wanted) -> Iterator[Filed]:
    """Letters that are meant, by partition, in order. None where there is no ``dlq`` yet.

    Raises:
        BrokerError: The log cannot be read.
    """
    topic = topic_name(namespace, DLQ)
    for partition in range(log.partitions(topic)):
        for record in log.scan(topic, partition, 0, committed=True):
            filed = filed_of(record)
            if filed is not None and wanted.has(filed, namespace):
                yield filed


def newest(found: Iterator[Filed], most: int) -> tuple[list[Filed], int]:
    """The newest letters, the oldest of them first, and how many there are in all."""
    kept: deque[Filed] = deque(maxlen=most)
    total = 0
    for filed in found:
        kept.append(filed)
        total += 1
    return sorted(kept, key=lambda filed: (filed.filed_ns, filed.partition, filed.offset)), total


def letter_at(log: Log, namespace: str, partition: int, offset: int) -> Filed:
    """One letter by its number.

    Raises:
        ConfigError: There is none of that number; says what there is.
        BrokerError: The log cannot be read.
    """
    topic = topic_name(namespace, DLQ)
    low, high = log.bounds(topic, partition) if partition < log.partitions(topic) else (0, 0)
    if low <= offset < high:
        for record in log.scan(topic, partition, offset, committed=True):
            filed = filed_of(record) if record.offset == offset else None
            if filed is not None:
                return filed
            break
    raise ConfigError(
        "no such dead letter", kind="no_letter", got=str(offset), where=f"{topic}[{partition}]",
        allowed=f"a number that tapedeck dlq list shows, {low} to {high - 1}" if high > low else "none is there",
    )  # fmt: skip


def letters_of(log: Log, namespace: str, partition: int, offsets: Collection[int]) -> Iterator[Filed]:
    """Letters of one partition by their numbers, in order; what is no longer there is left out.

    Raises:
        BrokerError: The log cannot be read.
    """
    if not offsets:
        return
    last, wanted = max(offsets), frozenset(offsets)
    for record in log.scan(topic_name(namespace, DLQ), partition, min(offsets), committed=True):
        if record.offset in wanted and (filed := filed_of(record)) is not None:
            yield filed
        if record.offset >= last:
            return


def whole(log: Log, filed: Filed) -> bytes:
    """The refused input's value; of one that was too long for a letter, from where it lies.

    Raises:
        BrokerError: The log cannot be read.
    """
    letter = filed.letter
    if letter.payload or letter.partition >= log.partitions(letter.topic):
        return filed.payload
    for record in log.scan(letter.topic, letter.partition, letter.offset, committed=False):
        return record.value if record.offset == letter.offset else b""
    return b""


def unpacked(text: str) -> bytes:
    """Bytes from a letter's base64; nothing of what is none, as anybody may write a letter."""
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return b""


def filed_of(record: Record) -> Filed | None:
    """The letter that a record holds; None of what no task has put there: what is put back must have been an input."""
    try:
        letter = decode(record.value, DeadLetter)
        if record.header is None or unpack(record.header).writer != letter.task:
            return None
    except BadFrame:
        return None
    return Filed(record.partition, record.offset, record.timestamp_ms * NANOS_PER_MS, letter)
