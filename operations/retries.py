"""Dead letters put back where they came from, each once, whoever dies on the way.

A person's order is a record in ``control``, committed before anything is published: it names the letters. The numbers
of their copies follow from the order of those records alone, so whoever finds an order without its copies publishes
them under the same numbers, and a copy that was published twice is dropped by normalise as a repeat. When all copies
are acknowledged, a second record says so.

Copies are written by a publisher of its own (``streams.admission.RETRY``), numbered from ``RETRIED_FROM``: under the
old ``source_seq`` they would be repeats, under a new one of the source's own they would be in its way. They keep key,
payload and receive time; a Kafka header ``retry-of`` names the letter, ``retry-by`` the order.

What is put back is late. Ticks of it bear its own receive time, log time does not run backwards, and what the venue's
later messages have overtaken moves no book (``feeds/book_sync.py``).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import groupby
from typing import NamedTuple

import numpy as np

from operations.letters import Filed, letters_of, whole
from schemas.catalog import RAW
from schemas.codec import decode_any
from schemas.control import RunOpened
from schemas.errors import BadFrame, BadInput, ConfigError, DeliveryError
from schemas.header import Header, pack, unpack
from schemas.retry import RETRY_LETTERS_MAX, Retried, Retry
from schemas.topics import table_row, topic_name
from streams.admission import PUT_BACK, RETRIED_FROM, RETRY
from streams.clock import wall_ns
from streams.log import Log
from streams.people import CONTROL, PARTITION, append

FLUSH_S_MAX = 30.0
"""Longest wait for copies to be acknowledged."""

Place = tuple[int, int]
"""Partition of ``dlq`` and offset there."""


@dataclass(frozen=True, slots=True)
class Order:
    """A retry that was ordered.

    Attributes:
        offset: In ``control``.
        retry: The record.
        numbered: Letters that it sends back, each with its copy's number.
        done: Whether all copies are known to be in the log.
    """

    offset: int
    retry: Retry
    numbered: tuple[tuple[Place, int], ...]
    done: bool


@dataclass(slots=True)
class Orders:
    """All retries of a run, in their order.

    Attributes:
        run: The run's newest opening; None where there is none.
        orders: The retries.
        by_letter: The last order of each letter.
    """

    run: RunOpened | None = None
    orders: list[Order] = field(default_factory=list)
    by_letter: dict[Place, Retry] = field(default_factory=dict)


def read_orders(log: Log, namespace: str) -> Orders:
    """What was ordered so far.

    Raises:
        BrokerError: The log cannot be read.
    """
    found = Orders()
    topic = topic_name(namespace, CONTROL)
    retries: list[tuple[int, Retry]] = []
    done: set[int] = set()
    for record in log.scan(topic, PARTITION, 0, committed=True) if log.partitions(topic) else ():
        try:
            document = decode_any(record.value)
        except BadFrame:
            continue
        if isinstance(document, Retry):
            retries.append((record.offset, document))
        elif isinstance(document, Retried):
            done.add(document.retry)
        elif isinstance(document, RunOpened):
            found.run = document
    next_seq: dict[tuple[str, int], int] = {}
    for offset, retry in retries:
        target = (retry.topic, retry.partition)
        numbered = []
        for letter in sorted(set(retry.letters)):
            place = (retry.dlq_partition, letter)
            if place in found.by_letter and not retry.again:
                continue
            seq = next_seq.get(target, RETRIED_FROM)
            next_seq[target] = seq + 1
            numbered.append((place, seq))
            found.by_letter[place] = retry
        found.orders.append(Order(offset, retry, tuple(numbered), offset in done))
    return found


def why_not(filed: Filed, orders: Orders, namespace: str, *, again: bool) -> ConfigError | None:
    """Why a letter cannot be put back; None where it can."""
    letter = filed.letter
    where = f"{topic_name(namespace, 'dlq')}[{filed.partition}]@{filed.offset}"
    row = table_row(letter.topic.removeprefix(namespace))
    if orders.run is not None and orders.run.mode == "play":
        return ConfigError(
            "a letter of a play run cannot be retried: its input is its captures or its seed", kind="not_retriable",
            got=f"run {orders.run.run}", allowed="letters of the live run", where=where,
            fix="mend the cause, then play the same input again",
        )  # fmt: skip
    if row is None or row.name != "raw.<source>":
        return ConfigError(
            "not a raw payload: only its own task may write to that topic", kind="not_retriable", got=letter.topic,
            allowed="letters of raw.<source>", where=where,
            fix=f"mend what the reason names, in the task that writes {letter.topic}; it makes what follows anew",
        )  # fmt: skip
    if (letter.code == BadFrame.code and letter.kind not in PUT_BACK) or letter.ts <= 0:
        return ConfigError(
            "not a payload that the source's publisher sent with its receive time", kind="not_retriable",
            got=letter.kind or letter.code, allowed="payloads refused for what they hold", where=where,
            fix="have the source's publisher send it, if it is to count",
        )  # fmt: skip
    before = orders.by_letter.get((filed.partition, filed.offset))
    if before is not None and not again:
        return ConfigError(
            "this letter was retried before", kind="retried_already", got=f"by {before.author}: {before.reason}",
            where=where, fix="if it is to be processed once more: --again",
        )  # fmt: skip
    return None


class Meant(NamedTuple):
    """A letter that is to be put back, and where to: without its payload, so that many can be held."""

    dlq_partition: int
    topic: str
    partition: int
    offset: int


def order(log: Log, namespace: str, meant: Iterable[Meant], *, again: bool, author: str, reason: str) -> None:
    """Write the orders for letters that can be put back; what they order is then published by ``deliver``.

    Raises:
        BrokerError: It could not be written, or it is not known whether it was.
    """
    for (dlq_partition, topic, partition), group in groupby(sorted(meant), key=lambda one: one[:3]):
        offsets = [one.offset for one in group]
        for at in range(0, len(offsets), RETRY_LETTERS_MAX):
            ts = wall_ns()
            said = Retry(
                letters=offsets[at : at + RETRY_LETTERS_MAX], dlq_partition=dlq_partition, topic=topic,
                partition=partition, since=log.bounds(topic, partition)[1], again=again, author=author, reason=reason,
                ts=ts,
            )  # fmt: skip
            append(log, said, namespace=namespace, ts=ts)


def deliver(log: Log, namespace: str) -> list[tuple[Order, Retried]]:
    """Publish what was ordered and is not in the log yet, in the order in which it was ordered.

    Raises:
        DeliveryError: Not everything was acknowledged; the next retry, of any letter, goes on with it.
        BrokerError: The log cannot be read or written.
    """
    return [(due, _delivered(log, namespace, due)) for due in read_orders(log, namespace).orders if not due.done]


def _delivered(log: Log, namespace: str, due: Order) -> Retried:
    retry = due.retry
    reached = max(_copies_there(log, retry), default=-1)
    seqs = {offset: seq for (_, offset), seq in due.numbered if seq > reached}
    appender = log.appender()
    try:
        for filed in letters_of(log, namespace, retry.dlq_partition, seqs):
            seq = seqs.pop(filed.offset)
            appender.append(
                retry.topic, retry.partition, filed.key, whole(log, filed), _header(filed, seq),
                extra=_provenance(namespace, filed, due),
            )  # fmt: skip
        left = appender.flush(FLUSH_S_MAX)
    finally:
        appender.close()
    if left:
        raise DeliveryError(
            f"{left} copies are not acknowledged after {FLUSH_S_MAX:g} s", kind="unacknowledged", where=retry.topic,
            fix="they are ordered: the next tapedeck dlq retry, of any letter, goes on with them",
        )  # fmt: skip
    ts = wall_ns()
    first = due.numbered[0][1] if due.numbered else RETRIED_FROM
    copies = len(due.numbered) - len(seqs)
    said = Retried(retry=due.offset, first_seq=first, copies=copies, gone=len(seqs), ts=ts)
    append(log, said, namespace=namespace, ts=ts)
    return said


def _copies_there(log: Log, retry: Retry) -> Iterator[int]:
    """Numbers of copies that were published since an order was written."""
    low, _ = log.bounds(retry.topic, retry.partition)
    for record in log.scan(retry.topic, retry.partition, max(low, retry.since), committed=False):
        try:
            header = None if record.header is None else unpack(record.header)
        except BadInput:
            continue
        if header is not None and header.writer == RETRY and header.schema == RAW.number:
            yield header.seq


def _header(filed: Filed, seq: int) -> bytes:
    born = np.array([[wall_ns()]], dtype=np.int64)
    return pack(
        Header(
            schema=RAW.number, version=RAW.version, seq=seq, time=filed.letter.ts, writer=RETRY, stamps=born
        )
    )  # fmt: skip


def _provenance(namespace: str, filed: Filed, due: Order) -> tuple[tuple[str, bytes], ...]:
    """Kafka headers that tell any client where a copy comes from."""
    dlq, control = topic_name(namespace, "dlq"), topic_name(namespace, CONTROL)
    return (
        ("retry-of", f"{dlq}[{filed.partition}]@{filed.offset}".encode()),
        ("retry-by", f"{control}[{PARTITION}]@{due.offset}".encode()),
    )


@dataclass(frozen=True, slots=True)
class Done:
    """What came of a retry.

    Attributes:
        sent: Orders that were published now, in their order, each with the record that says so.
        finished: How many of them somebody ordered before, and was cut off.
        passed_over: Letters of the kind meant that cannot be put back, by why.
    """

    sent: tuple[tuple[Order, Retried], ...]
    finished: int
    passed_over: Counter[str]


def retry(
    log: Log, namespace: str, found: Callable[[], Iterable[Filed]], *, most: int | None, named: bool, again: bool,
    author: str, reason: str,
) -> Done:  # fmt: skip
    """Put letters back. What was ordered before and was cut off is finished first.

    Args:
        log: Where.
        namespace: Topic prefix of the run.
        found: Gives the letters meant, once what was cut off is finished.
        most: So many at once, the first ones; None for all.
        named: Whether each was named: then one that cannot be put back stops all, before anything is ordered.
        again: Even those that were put back before.
        author: Who says so.
        reason: Why.

    Raises:
        ConfigError: A letter that was named cannot be put back, or there is none to put back; nothing was ordered.
        BrokerError: The log cannot be read or written. What is ordered is finished by the next retry.
    """
    before = deliver(log, namespace)
    orders = read_orders(log, namespace)
    meant: list[Meant] = []
    passed_over: Counter[str] = Counter()
    for filed in found():
        refused = why_not(filed, orders, namespace, again=again)
        if refused is None:
            meant.append(Meant(filed.partition, filed.letter.topic, filed.letter.partition, filed.offset))
            if len(meant) == most:
                break
        elif named:
            raise refused
        else:
            passed_over[refused.kind] += 1
    if not meant:
        skipped = ", ".join(f"{number} {kind}" for kind, number in passed_over.items())
        raise ConfigError(
            "no dead letter to put back", kind="no_letter", got=skipped or "none of that kind",
            where=topic_name(namespace, "dlq"), fix="tapedeck dlq list shows what is there",
        )  # fmt: skip
    order(log, namespace, meant, again=again, author=author, reason=reason)
    return Done((*before, *deliver(log, namespace)), len(before), passed_over)
