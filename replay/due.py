"""A record that a replay is to publish, with the log time by which it is due."""

from __future__ import annotations

from typing import NamedTuple

from schemas.header import Header
from streams.log import Record


class Due(NamedTuple):
    """A record of one partition, in the order of log time."""

    time: int
    partition: int
    record: Record
    header: Header | None
