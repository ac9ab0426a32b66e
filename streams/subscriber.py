"""Reading a topic as a user: decoded, in order, from the beginning or from now on.

::

    from streams import Subscriber

    for message in Subscriber("orders"):
        print(message.document)
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

import msgspec

from schemas.catalog import BY_NUMBER, CATALOG, END
from schemas.codec import decode
from schemas.document import Document
from schemas.errors import BadFrame
from schemas.header import Header, unpack
from streams.agent import Rows
from streams.bootstrap import open_log
from streams.clock import monotonic_s
from streams.frame import decode_rows
from streams.log import Log, Place, Record
from streams.namespace import resolve

READ_RECORDS = 1_000
"""Records taken from the log in one read."""

READ_WAIT_S = 0.2
"""Longest wait in one read: how late an idle timeout or Ctrl-C may be noticed."""


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """One record, decoded. One of ``document``, ``rows`` and ``payload`` is set, by the kind of its schema.

    Attributes:
        header: The packed header, decoded; None where a stock producer wrote without one.
        document: A document, validated.
        rows: Rows of shape (n,), a read-only view.
        payload: A raw payload or a snapshot, as bytes.
    """

    topic: str
    partition: int
    offset: int
    key: bytes | None
    header: Header | None
    document: Document | None = None
    rows: Rows | None = None
    payload: bytes | None = None


class Subscriber:
    """Iterates over a topic's records; stops at the end of its run, or when nothing has come for ``idle_s``.

    Args:
        topic: Name as in the table of topics (``orders``), or a full name.
        bootstrap: Where Kafka listens, or a log; None for ``$TAPEDECK_BOOTSTRAP``, else the embedded broker.
        run: Run id, or ``live``; None for the newest run.
        from_: ``beginning``, or ``end``: what comes from now on.
        committed: See what stock ``read_committed`` clients see. Otherwise records come at once, and what a task wrote
            twice (before and after it was taken over) comes once, by its ``seq``.
        stop_at_end: End when every partition's end record has been read (those are yielded too).
        idle_s: End when nothing has come for this long; None: wait for ever.

    Raises:
        ConfigError: No such run or topic.
        BrokerError: No broker answers, or it went away while reading.
        BadFrame: While iterating: a record that is not what its header says; names its place. Iterating again goes on
            behind it.
    """

    def __init__(
        self, topic: str, bootstrap: str | Log | None = None, run: str | None = None,
        from_: Literal["beginning", "end"] = "beginning", committed: bool = True, *, stop_at_end: bool = True,
        idle_s: float | None = None,
    ) -> None:  # fmt: skip
        self._log, self._owned = open_log(bootstrap)
        try:
            self.topic = resolve(self._log.names(), topic, run)
            places = [(self.topic, p) for p in range(self._log.partitions(self.topic))]
            start = {place: self._log.bounds(*place)[from_ == "end"] for place in places}
            self._reader = self._log.reader(start, committed=committed)
        except BaseException:
            self._release()
            raise
        self._pending: Iterator[Record] = iter(())
        self._open: set[Place] = set(places)
        self._next: dict[tuple[str, int], int] = {}
        self._committed = committed
        self._stop_at_end = stop_at_end
        self._idle_s = idle_s

    def __iter__(self) -> Iterator[Message]:
        heard = monotonic_s()
        while True:
            for record in self._pending:
                message = self._message(record)
                if message is not None:
                    yield message
            if self._stop_at_end and not self._open:
                return
            records = self._reader.read(READ_RECORDS, READ_WAIT_S)
            self._pending = iter(records)
            if records:
                heard = monotonic_s()
            elif self._idle_s is not None and monotonic_s() - heard >= self._idle_s:
                return

    def close(self) -> None:
        """Release the reader, and the log where it was opened here."""
        self._reader.close()
        self._release()

    def __enter__(self) -> Subscriber:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def _message(self, record: Record) -> Message | None:
        """The record decoded, or None when all of it has been seen before."""
        try:
            header = None if record.header is None else unpack(record.header)
            skip = 0 if header is None or self._committed else self._seen(record, header)
            if header is not None and skip >= header.count:
                return None
            content = {"payload": record.value} if header is None else _content(record, header, skip)
        except BadFrame as error:
            error.where = f"{record.topic}[{record.partition}]@{record.offset}"
            raise
        if header is not None and header.schema == END.number:
            self._open.discard((record.topic, record.partition))
        return Message(
            topic=record.topic, partition=record.partition, offset=record.offset, key=record.key, header=header,
            **content,
        )  # fmt: skip

    def _seen(self, record: Record, header: Header) -> int:
        """How many rows of a record its writer has been seen past."""
        name = (header.writer, record.partition)
        expected = self._next.get(name, header.seq)
        self._next[name] = max(expected, header.seq + header.count)
        return max(expected - header.seq, 0)

    def _release(self) -> None:
        if self._owned:
            self._log.close()


def _content(record: Record, header: Header, skip: int) -> dict[str, Any]:
    schema = BY_NUMBER.get(header.schema)
    if schema is None or header.version > schema.version:
        known = ", ".join(f"{s.number}/{s.version}" for s in CATALOG)
        raise BadFrame(
            "unknown schema or version", kind="schema_unknown", got=f"{header.schema}/{header.version}", allowed=known
        )
    if schema.kind == "rows":
        return {"rows": decode_rows(schema.number, header.version, record.value, header.count)[skip:]}
    if schema.kind == "document" and schema.event is not None:
        return {"document": decode(record.value, schema.event)}
    return {"payload": record.value}
