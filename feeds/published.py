"""Which rows of purchased files are published: a run that was cut off goes on there, a repeated one adds nothing."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping

from feeds.history import SOURCE
from schemas.topics import topic_name
from streams.log import Log

PLACE = re.compile(rb'","sha256":"([0-9a-f]{64})","row":([0-9]+),"stood":')
"""As ``feeds.history.payload`` writes it; a quote within a file's name is escaped there."""
TELL_EVERY = 65_536

Rows = Mapping[tuple[str, bytes], int]
"""By sha256 of a file and key of its rows: the last row that is published. A key's rows are published in order."""


def published_rows(log: Log, files: Collection[str], tell: Callable[[int], None] = lambda _records: None) -> Rows:
    """Look through all of ``raw.history`` for rows of some files.

    Args:
        log: Where.
        files: Their sha256, hex.
        tell: Told now and then how many records were looked at.

    Raises:
        BrokerError: It cannot be read.
    """
    topic = topic_name("", "raw.<source>", SOURCE)
    wanted = {sha256.encode() for sha256 in files}
    found: dict[tuple[str, bytes], int] = {}
    looked = 0
    for partition in range(log.partitions(topic)):
        for record in log.scan(topic, partition, 0, committed=True):
            looked += 1
            if looked % TELL_EVERY == 0:
                tell(looked)
            place = PLACE.search(record.value)
            if place is not None and place[1] in wanted:
                known = place[1].decode(), record.key or b""
                found[known] = max(int(place[2]), found.get(known, 0))
    return found
