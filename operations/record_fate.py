"""What became of one payload, by its place: the acknowledgement that a publisher in any language can ask for.

A stock client learns partition and offset from its delivery report. What normalise has committed past is final.
"""

from __future__ import annotations

from typing import Any, Literal

from operations.feed_status import task_of
from operations.letters import Wanted, letters
from operations.live_run import opened
from schemas.errors import BadFrame, ConfigError
from schemas.header import Header, unpack
from schemas.topics import topic_name
from streams.frame import decode_rows
from streams.inputs import carried_header
from streams.log import Log
from streams.progress import progress

Became = Literal["accepted", "without_ticks", "rejected", "waiting"]

WINDOW_RECORDS = 256
"""First look back for a payload's ticks, in offsets; four times as far each time, down to the topic's start."""


def fate_of(log: Log, source: str, partition: int, offset: int) -> dict[str, Any]:
    """What became of a payload.

    Returns:
        ``became``: ``waiting`` (normalise has not committed past it), ``rejected`` (with ``letter``, ``kind`` and
        ``reason``), ``accepted`` (with ``ticks``, how many it gave), or ``without_ticks``: it was read and gave none,
        being a repeat, a part of a book that is not known, or of the session.

    Raises:
        ConfigError: There is no such payload.
        BrokerError: The log cannot be read.
    """
    topic = topic_name("", "raw.<source>", source)
    low, high = log.bounds(topic, partition) if partition < log.partitions(topic) else (0, 0)
    record = next(iter(log.scan(topic, partition, offset, committed=True)), None) if low <= offset < high else None
    if record is None or record.offset != offset:
        raise ConfigError(
            "no such payload", kind="no_payload", got=str(offset), where=f"{topic}[{partition}]",
            allowed=f"{low} to {high - 1}" if high > low else "none is there",
        )  # fmt: skip
    told: dict[str, Any] = {"source": source, "input": f"{topic}[{partition}]@{offset}"}
    found = opened(log)
    task = None if found is None or found.run.source != source else task_of(found.run, partition)
    done = None
    if task is not None and log.partitions("state") > task.state_partition:
        done = progress(
            log, state_topic="state", state_partition=task.state_partition, task=task.name, input_topic=topic,
            input_partition=partition,
        )  # fmt: skip
    if done is None or done.offset <= offset:
        return {**told, "became": "waiting", "ahead": offset - (low if done is None else max(low, done.offset))}
    for filed in letters(log, "", Wanted(topic=topic)):
        letter = filed.letter
        if (letter.partition, letter.offset) == (partition, offset):
            number = f"{filed.partition}/{filed.offset}" if filed.partition else str(filed.offset)
            return {**told, "became": "rejected", "letter": number, "kind": letter.kind, "reason": letter.reason}
    try:
        header = carried_header(record) if record.header is None else unpack(record.header)
    except BadFrame:
        return {**told, "became": "without_ticks", "ticks": 0}
    ticks = _ticks(log, source, partition, header)
    return {**told, "became": "accepted" if ticks else "without_ticks", "ticks": ticks}


def _ticks(log: Log, source: str, partition: int, header: Header) -> int:
    """Rows that bear the payload's number; looked for from the end, back to where log time is before its own."""
    topic = topic_name("", "ticks.<source>", source)
    if partition >= log.partitions(topic):
        return 0
    low, high = log.bounds(topic, partition)
    window = WINDOW_RECORDS
    while True:
        start = max(low, high - window)
        found, earlier = 0, False
        for record in log.scan(topic, partition, start, committed=True):
            try:
                head = unpack(record.header or b"")
                rows = decode_rows(head.schema, head.version, record.value, head.count)
            except BadFrame:
                continue
            names = rows.dtype.names or ()
            if "root_seq" in names:
                found += int((rows["root_seq"] == header.seq).sum())
                earlier = earlier or int(rows["ts_log"][0]) < header.time
        if found or earlier or start == low:
            return found
        window *= 4
