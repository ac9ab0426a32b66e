"""Waits until what was committed can be read.

Kafka answers a commit once it is decided; the markers that let readers of committed records pass are written after
that, by each broker in its own time. Whoever reads right behind a commit, or has others read, waits for them first.
"""

from __future__ import annotations

from schemas.errors import BrokerError, SnapshotError
from streams.clock import monotonic_s, sleep_s
from streams.log import Log

VISIBLE_S_MAX = 30.0
PAUSE_S = 0.01


def wait_visible(log: Log, topic: str, partition: int, offset: int) -> None:
    """Return when a committed record can be read.

    Args:
        log: Where.
        topic: Full name.
        partition: Of it.
        offset: Of the record.

    Raises:
        BrokerError: It cannot within ``VISIBLE_S_MAX``, though it is committed.
    """
    until = monotonic_s() + VISIBLE_S_MAX
    while not _is_visible(log, topic, partition, offset):
        if monotonic_s() >= until:
            raise BrokerError(
                "committed, and not to be read yet", kind="unreadable", got=f"nothing within {VISIBLE_S_MAX:g} s",
                where=f"{topic}[{partition}]@{offset}", fix="see whether every broker is up, then try again",
            )  # fmt: skip
        sleep_s(PAUSE_S)


def _is_visible(log: Log, topic: str, partition: int, offset: int) -> bool:
    try:
        return next(log.scan(topic, partition, offset, committed=True), None) is not None
    except SnapshotError:  # the end of the partition is not told yet either
        return False
