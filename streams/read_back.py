"""Reading a writer's last number back from a topic: how whoever cannot regenerate goes on without a gap."""

from __future__ import annotations

from schemas.errors import BadFrame, SnapshotError
from schemas.header import Header, unpack
from streams.log import Log

READ_BACK_RECORDS = 64
"""First look back, in offsets; four times as far each time that none is found."""


def last_header(
    log: Log, topic: str, partition: int, writer: str, schemas: frozenset[int] | None = None, *, committed: bool = False
) -> Header | None:
    """The header of a writer's last record; None where it has never written.

    Args:
        log: Where.
        topic: Full name.
        partition: Of it.
        writer: Whose records count.
        schemas: Numbers of the schemas that count; None: any.
        committed: Whether only committed records count. Else those of open and aborted transactions do as well.

    Raises:
        SnapshotError: The records that bore its numbers are gone.
    """
    low, high = log.bounds(topic, partition)
    window = READ_BACK_RECORDS
    while True:
        start = max(low, high - window)
        last: Header | None = None
        for record in log.scan(topic, partition, start, committed=committed):
            last = _of_writer(record.header, writer, schemas) or last
        if last is not None:
            return last
        if start == low:
            break
        window *= 4
    if low > 0:
        raise SnapshotError(
            "the last number of a source cannot be read back: its records are gone",
            kind="numbers_gone",
            where=f"{topic}[{partition}] from {low}",
            fix="restore the end of the topic from the archive, or publish under another source name",
        )
    return None


def _of_writer(data: bytes | None, writer: str, schemas: frozenset[int] | None) -> Header | None:
    """The header of a record that this writer numbered; None for others' records."""
    if data is None:
        return None
    try:
        header = unpack(data)
    except BadFrame:
        return None
    return header if header.writer == writer and (schemas is None or header.schema in schemas) else None
